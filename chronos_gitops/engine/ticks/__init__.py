"""Rules for scheduled times: due, owed, moved, overlapping. Pure."""
