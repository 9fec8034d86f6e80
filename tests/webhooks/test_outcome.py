import json
from datetime import UTC, datetime, timedelta

import pytest

from chronos_gitops.jobs.promises.success_codes import SuccessCodes
from chronos_gitops.webhooks.outcome import ErrorClass, ExchangeError, OutcomeKind, answered, parse_retry_after, phrase

NOON = datetime(2026, 1, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 5 ", 5),
        ("999999999", 999_999_999),
        ("9999999999", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("", None),
        ("Fri, 30 Jan 2026 12:01:00 GMT", 60),
        ("Friday, 30-Jan-26 12:01:00 GMT", 60),
        ("Fri Jan 30 12:01:00 2026", 60),
        ("Fri, 30 Jan 2026 11:59:00 GMT", 0),
        ("Fri, 30 Jan 2026 13:01:00 +0100", 60),
        ("Fri, 99 Jan 2026 12:01:00 GMT", None),
        ("Fri, 30 Jan 99999999 12:01:00 GMT", None),
    ],
)
def test_retry_after(text: str, seconds: int | None) -> None:
    assert parse_retry_after(text, NOON) == (None if seconds is None else timedelta(seconds=seconds))


def test_every_status_has_one_outcome() -> None:
    for status in range(100, 1000):
        outcome = answered(status, SuccessCodes(), retry_after=None, now=NOON)
        if 200 <= status <= 299:
            expected = OutcomeKind.SUCCESS
        elif status in (408, 429) or 500 <= status <= 599:
            expected = OutcomeKind.RETRY
        else:
            expected = OutcomeKind.FAILED
        assert (status, outcome.kind) == (status, expected)
        assert (outcome.error is None) is (expected is OutcomeKind.SUCCESS)


@pytest.mark.parametrize(("status", "heard"), [(429, True), (503, True), (500, False), (408, False), (200, False)])
def test_retry_after_is_heard_for_429_and_503_only(status: int, heard: bool) -> None:
    outcome = answered(status, SuccessCodes(), retry_after="7", now=NOON)
    assert outcome.retry_after == (timedelta(seconds=7) if heard else None)


def test_phrase_is_ours() -> None:
    assert phrase(503) == "503 Service Unavailable"
    assert phrase(599) == "599"
    assert phrase(302) == "302 Found; redirects are not followed"


def test_exchange_error_says_how_to_go_on() -> None:
    assert ExchangeError(ErrorClass.CONNECT, "x").outcome_kind is OutcomeKind.RETRY
    assert ExchangeError(ErrorClass.TLS, "x", may_retry=False).outcome_kind is OutcomeKind.FAILED


def test_error_classes_are_plain_text_for_whoever_stores_them() -> None:
    assert json.dumps(ErrorClass.REFUSED_ADDRESS) == '"refused-address"'
