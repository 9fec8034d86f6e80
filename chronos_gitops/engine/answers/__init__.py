"""Answers from recorded executions: the reason at an instant, outcomes of versions. Pure."""
