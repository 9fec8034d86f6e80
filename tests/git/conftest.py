"""The fixtures of harness/repositories/repositories.py."""

from harness.repositories.repositories import bare, follow, git, repository, template
