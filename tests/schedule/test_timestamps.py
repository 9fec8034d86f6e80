import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from chronos_gitops.schedule.timestamps import rfc3339, utc_text

PACKAGE = Path(__file__).parents[2] / "chronos_gitops"


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2026, 1, 30, 7, tzinfo=UTC), "2026-01-30T07:00:00Z"),
        (datetime(2026, 1, 30, 7, 0, 0, 500, tzinfo=UTC), "2026-01-30T07:00:00.000Z"),
        (datetime(2026, 1, 30, 2, tzinfo=timezone(timedelta(hours=-5))), "2026-01-30T07:00:00Z"),
        (datetime(2026, 1, 30, 7, 0, 0, 250_000, tzinfo=UTC), "2026-01-30T07:00:00.250Z"),
    ],
)
def test_rfc3339(instant: datetime, text: str) -> None:
    assert rfc3339(instant) == text
    assert utc_text(instant) == "2026-01-30 07:00:00 UTC"


def test_milliseconds_always() -> None:
    assert rfc3339(datetime(2026, 1, 30, 7, tzinfo=UTC), milliseconds=True) == "2026-01-30T07:00:00.000Z"


def test_nobody_else_writes_them() -> None:
    """One decision, one place: no other module builds a time with a Z."""
    own = re.compile(r'replace\("\+00:00", "Z"\)|%SZ"|\+ "Z"|%S UTC')
    found = [path.name for path in PACKAGE.rglob("*.py") if own.search(path.read_text())]
    assert found == ["timestamps.py"]
