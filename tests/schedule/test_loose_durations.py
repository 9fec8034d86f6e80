"""Durations as people write them: what they become, and why days are none."""

import pytest

from chronos_gitops.schedule.loose_durations import days_hint, loose_duration


@pytest.mark.parametrize(
    ("text", "mended"),
    [("2d", "48h"), ("1 day", "24h"), ("1w", "168h"), ("2 weeks", "336h"), ("1 day 2 hours", "26h"), ("1w 1d", "192h")],
)
def test_days_and_weeks_become_hours(text: str, mended: str) -> None:
    assert loose_duration(text) == mended
    assert days_hint(text) == f"write {mended}; a day is not always 24 hours"


@pytest.mark.parametrize("text", ["5 minutes", "2", "d", "2 dogs", "", "9999999d", "daily"])
def test_other_texts_get_no_hint_about_days(text: str) -> None:
    assert days_hint(text) is None
