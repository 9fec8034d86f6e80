"""What becomes of scheduled times: due, owed, moved, overlapping. Pure."""
