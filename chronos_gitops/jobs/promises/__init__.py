"""Promises of a job: success, expectations, guard."""
