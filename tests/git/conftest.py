"""The fixtures of harness/repositories.py."""

from harness.repositories import bare, follow, git, repository, template
