"""The content of a commit: judged trees, layers, calendars, and the last valid versions."""
