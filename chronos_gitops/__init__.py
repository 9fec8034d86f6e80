"""The scheduler for jobs that live in git: a commit becomes a webhook, a rollback becomes a commit."""

import sys

__version__ = "0.2.0"

if sys.version_info < (3, 11):  # noqa: UP036 - a checkout and the single file do not ask pip
    sys.exit("chronos-gitops needs Python 3.11 or newer, and this is %d.%d" % sys.version_info[:2])  # noqa: UP031
