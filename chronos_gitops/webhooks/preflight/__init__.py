"""Looks at the coming executions of jobs without sending their requests (PROMISES section 5)."""
