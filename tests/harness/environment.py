"""The environment of tests: git's own configuration, proxies and settings of the machine are out of reach."""

import os


def guard() -> None:
    for name in [
        name for name in os.environ if name.startswith(("CHRONOS_", "GIT_", "XDG_")) or name.endswith("_proxy")
    ]:
        del os.environ[name]
    os.environ |= {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Test Author",
        "GIT_AUTHOR_EMAIL": "author@example.com",
        "GIT_COMMITTER_NAME": "Test Committer",
        "GIT_COMMITTER_EMAIL": "committer@example.com",
        "TZ": "UTC",
    }
