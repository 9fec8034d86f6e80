"""Instants in a body, as RFC 3339 writes them."""

import re
from datetime import UTC, datetime

from chronos_gitops.schedule.timestamps import YEARS, is_within_years
from chronos_gitops.server.api.params.body import InvalidBody

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)


def read(field: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC) if _RFC_3339.match(text) else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise InvalidBody(
            f'"{field}" is not a time as RFC 3339 writes it.', hint="Write one like 2026-03-08T07:00:00Z."
        )
    if not is_within_years(moment):
        raise InvalidBody(f'"{field}" lies outside the years {YEARS[0]} to {YEARS[1]}.')
    return moment
