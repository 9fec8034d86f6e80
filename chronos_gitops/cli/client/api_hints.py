"""Hints of the API in the words of the command line: flags and commands in place of headers and calls."""

import re
from typing import Final

TOKEN: Final = "give a token with the right role: --token or CHRONOS_TOKEN"
_WORDS: Final = (
    (re.compile(r"Send Authorization: Bearer <token>\."), TOKEN),
    (
        re.compile(r"GET /api/v1/jobs/(\S+)/versions shows its history"),
        r"`chronos-gitops history \1` shows its versions",
    ),
    (re.compile(r"POST /api/v1/jobs/(\S+)/rollback/(\S+) restores it"), r"`chronos-gitops rollback \1 \2` restores it"),
    (re.compile(r"GET \.\.\./versions lists them"), "`chronos-gitops history` lists them"),
    (re.compile(r"GET /api/v1/jobs/<name> has draft: true"), "`chronos-gitops jobs` shows a draft"),
    (re.compile(r"GET /api/v1/(jobs|sessions|executions)\b( lists (?:the \w+|them))"), r"`chronos-gitops \1`\2"),
    (re.compile(r"GET /api/v1/sync tells"), "`chronos-gitops status` tells"),
    (re.compile(r"GET /api/v1/sync lists"), "`chronos-gitops status` lists"),
    (re.compile(r"GET /api/v1/secrets lists"), "`chronos-gitops secrets` lists"),
    (re.compile(r'\{"all": true\}'), "--all"),
    (
        re.compile(r"Send the number of jobs that a dry_run has shown"),
        "Give --expect-jobs the number that --dry-run shows",
    ),
    (re.compile(r"\b(?:a )?dry_run\b"), "--dry-run"),
)


def in_flags(hint: str) -> str:
    """The hint with every call and header that a command makes by itself named by the command or its flag."""
    for pattern, words in _WORDS:
        hint = pattern.sub(words, hint)
    return hint
