"""Schedules of github.com/robfig/cron, which Kubernetes, Dkron and Ofelia use, in the language of jobs."""

import re
from typing import Final

_STEPPED: Final = re.compile(r"[*?]/0*([1-9][0-9]*)\Z")
_WHOLE: Final = {-3: "1-31", -1: "0-6"}
"""Day of month and day of week, counted from the end: there may be seconds before them."""


def schedule(text: str) -> str:
    """``?`` is ``*`` in every field. A step restricts a field of days, as in ``*/2``; here only a range with one does.

    So ``0 0 */2 * MON`` is each second day and each Monday there, and each second day that is a Monday here.
    """
    words = text.split()
    if len(words) not in (5, 6) or words[0].startswith("@"):
        return " ".join(words)
    words = ["*" if word == "?" else word for word in words]
    if any(words[at] == "*" for at in _WHOLE):
        return " ".join(words)
    for at, whole in _WHOLE.items():
        words[at] = ",".join(_restricted(item, whole) for item in words[at].split(","))
    return " ".join(words)


def _restricted(item: str, whole: str) -> str:
    stepped = _STEPPED.match(item)
    return item if stepped is None or stepped[1] == "1" else f"{whole}/{stepped[1]}"
