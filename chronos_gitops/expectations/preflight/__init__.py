"""When coming executions are looked at, and what is kept of those that would fail (PROMISES section 5)."""
