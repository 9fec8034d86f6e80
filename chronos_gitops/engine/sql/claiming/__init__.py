"""Decides over what is due, and records it, in one transaction."""
