"""The window of a preflight: 1m to 168h."""

from datetime import timedelta
from typing import Final

from chronos_gitops.schedule import durations

DEFAULT: Final = timedelta(hours=24)
SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(hours=168)


def parse(text: str) -> timedelta:
    """ValueError says what may be written."""
    try:
        found = durations.parse(text)
    except durations.DurationError:
        found = None
    if found is None or not SHORTEST <= found <= LONGEST:
        raise ValueError(f'"{text[:40]}" is not a duration from 1m to 168h')
    return found
