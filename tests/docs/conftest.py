"""The fixture of harness/repositories/repositories.py that follows a repository."""

from harness.repositories.repositories import follow

__all__ = ["follow"]
