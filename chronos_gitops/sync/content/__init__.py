"""What a commit makes of its files: judged trees, layers, calendars, and what was valid last."""
