"""The scheduler for jobs that live in git: a commit becomes a webhook, a rollback becomes a commit."""

__version__ = "0.2.0"
