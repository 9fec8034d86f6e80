"""Differences between a failure and the last success that no commit explains: a table, and the sentences."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chronos_gitops.expectations.other_changes import OtherChange, after_commits, between, without_commits
from chronos_gitops.webhooks.observed import Observed, ObservedSecret
from chronos_gitops.webhooks.transport.peer import Certificate

OLD, NEW = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 28, 1, 12, 7, 345_000, tzinfo=UTC)
LEAF = Certificate("aa" * 32, OLD, datetime(2027, 1, 1, tzinfo=UTC))
TOKEN = ObservedSecret("0123456789abcdef", OLD)
GOOD = Observed("backup.example.com", "10.0.3.7", LEAF, {"backup-token": TOKEN}, "2026a", "0.1.0")
ROTATED = "the secret backup-token changed at 2026-11-28T01:12:07Z"
NOTHING = "No commit changed the job since then"


def changes(failed: Observed, *addresses: str, good: Observed = GOOD) -> tuple[OtherChange, ...]:
    found = between(good, failed, addresses)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("fields", "clause"),
    [
        (
            {"secrets": {"backup-token": ObservedSecret("f" * 16, NEW)}},
            ROTATED,
        ),
        (
            {"secrets": {"backup-token": ObservedSecret(None, NEW)}},
            ROTATED,
        ),
        (
            {"certificate": replace(LEAF, sha256="bb" * 32, not_before=NEW)},
            "the certificate of backup.example.com changed (valid from 2026-11-28T01:12:07Z)",
        ),
        ({"address": "10.0.9.2"}, "the address changed: 10.0.3.7, now 10.0.9.2"),
        ({"tzdata": "2026b"}, "tzdata 2026a, now 2026b"),
        ({"runner": "0.2.0"}, "the runner 0.1.0, now 0.2.0"),
        ({"tzdata": "2026b", "runner": "0.2.0"}, "tzdata 2026a, now 2026b, the runner 0.1.0, now 0.2.0"),
    ],
)
def test_each_thing_that_is_watched_has_its_sentence(fields: dict[str, object], clause: str) -> None:
    found = changes(replace(GOOD, **fields))  # type: ignore[arg-type]  # a table of fields
    assert without_commits(found) == f"{NOTHING}; {clause}."
    assert after_commits(found) == f"Besides: {clause}."


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"secrets": {"backup-token": ObservedSecret(TOKEN.fingerprint, NEW)}},  # written again, the same value
        {"secrets": {}},
        {"secrets": {"backup-token": TOKEN, "another": ObservedSecret("f" * 16, NEW)}},  # a commit added the reference
        {"certificate": None},
        {"address": None},
        {"host": "other.example.com", "address": "10.0.9.2", "certificate": replace(LEAF, sha256="bb" * 32)},
        {"host": None, "address": None, "certificate": None},
    ],
)
def test_what_is_the_same_or_a_commit_explains_is_no_change(fields: dict[str, object]) -> None:
    found = changes(replace(GOOD, **fields))  # type: ignore[arg-type]  # a table of fields
    assert without_commits(found) == f"{NOTHING}, and nothing else that is watched changed."
    assert after_commits(found) == "Nothing else that is watched changed."


def test_an_address_that_one_of_the_last_successes_used_is_no_news() -> None:
    assert changes(replace(GOOD, address="10.0.9.2"), "10.0.1.1", "10.0.9.2") == ()


def test_short_values_are_compared_by_the_time_of_their_file() -> None:
    short = replace(GOOD, secrets={"pin": ObservedSecret(None, OLD)})
    [found] = changes(replace(GOOD, secrets={"pin": ObservedSecret(None, NEW)}), good=short)
    assert found.document() == {
        "what": "secret",
        "name": "pin",
        "before": "2026-11-01T00:00:00Z",
        "after": "2026-11-28T01:12:07.345Z",
        "at": "2026-11-28T01:12:07.345Z",
    }


def test_no_document_of_a_change_holds_a_fingerprint() -> None:
    [found] = changes(replace(GOOD, secrets={"backup-token": ObservedSecret("f" * 16, NEW)}))
    assert "0123456789abcdef" not in str(found.document()) + found.clause + repr(found)
    assert "f" * 16 not in str(found.document()) + found.clause + repr(found)


def test_where_either_side_was_not_recorded_nothing_is_said() -> None:
    assert between(None, GOOD, ()) is None
    assert between(GOOD, None, ()) is None
    assert (without_commits(None), after_commits(None)) == (f"{NOTHING}.", None)
