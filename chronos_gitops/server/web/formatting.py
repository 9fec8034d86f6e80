"""States, times and lengths as people say them."""

from datetime import datetime, timedelta

_MINUTE = timedelta(minutes=1)
_TEN_MINUTES = 10 * _MINUTE
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def length(span: timedelta) -> str:
    """The two largest units that matter: ``3 d 4 h``, ``5 min``, ``0.4 s``."""
    seconds = span.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    parts: list[str] = []
    rest = round(seconds)
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def relative(moment: datetime, now: datetime) -> str:
    """``in 5 min`` or ``3 h ago``."""
    if abs(moment - now) < timedelta(seconds=1):
        return "now"
    words = length(_rounded(abs(moment - now)))
    return f"in {words}" if moment > now else f"{words} ago"


def _rounded(span: timedelta) -> timedelta:
    """From ten minutes on without seconds."""
    return span if span < _TEN_MINUTES else span // _MINUTE * _MINUTE
