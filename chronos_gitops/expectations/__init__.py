"""Expectations of a job: the state of each, and the guard of new versions."""
