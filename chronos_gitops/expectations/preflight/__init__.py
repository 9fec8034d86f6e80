"""Preflights: checks of coming executions, and the failures that are kept (PROMISES section 5)."""
