"""The audit log on disk: bounded, numbered over its files, and floods of refusals in few entries."""

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chronos_gitops.observability.audit_log import AuditLog

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def entry(action: str = "trigger", **fields: Any) -> dict[str, Any]:
    return {"at": "2026-03-02T12:00:00Z", "action": action, "result": "done", **fields}


def refused(**fields: Any) -> dict[str, Any]:
    return entry("refused", **{"result": "refused", "status": 401, **fields})


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def all_entries(log: AuditLog) -> list[tuple[int, str]]:
    return [(number, found["action"]) for number, found in log.newest(10_000)]


def test_numbers_go_on_from_file_to_file_and_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path, max_size=1000, keep=100)
    for number in range(1, 31):
        log.append(entry(f"action-{number}"))
        if number % 7 == 0:
            log = AuditLog(path, max_size=1000, keep=100)
    assert len(files(tmp_path)) > 3
    expected = [(number, f"action-{number}") for number in range(30, 0, -1)]
    for reader in (log, AuditLog(path, max_size=1000, keep=100)):
        assert all_entries(reader) == expected
        assert [number for number, _ in reader.newest(4, before=17)] == [16, 15, 14, 13]
    written = [json.loads(line)["id"] for file in tmp_path.iterdir() for line in file.read_text().splitlines()]
    assert sorted(written) == list(range(1, 31))


def test_the_first_entry_of_an_instant_is_found_in_every_file(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl", max_size=1000, keep=4)
    assert log.number_at(NOON) == 1
    for number in range(1, 41):
        log.append(entry(at=(NOON + number * SECOND).isoformat()))
    with (tmp_path / "audit.jsonl").open("ab") as file:
        file.write(b'{"action": "tw')  # cut by a crash
    log = AuditLog(tmp_path / "audit.jsonl", max_size=1000, keep=4)
    log.append(entry(at=(NOON + 50 * SECOND).isoformat()))
    oldest = log.newest(100)[-1][0]
    assert oldest > 1
    for number in range(oldest, 41):
        assert log.number_at(NOON + number * SECOND) == number
        assert log.number_at(NOON + (number - 0.5) * SECOND) == number
    assert log.newest(1, before=log.number_at(NOON + 45 * SECOND))[0][0] == 40
    assert log.number_at(NOON + 51 * SECOND) == 43
    assert [number for number, _ in log.newest(100) if number >= log.number_at(NOON)][-1] == oldest


def test_no_file_is_larger_and_no_more_are_kept_than_the_operator_said(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl", max_size=2000, keep=3)
    for number in range(1, 501):
        log.append(entry(f"action-{number}"))
        assert len(files(tmp_path)) <= 3
        assert max(file.stat().st_size for file in tmp_path.iterdir()) <= 2000
    found = all_entries(log)
    assert found[0] == (500, "action-500")
    assert [number for number, _ in found] == list(range(500, 500 - len(found), -1))


def test_a_crash_between_two_files_loses_no_number(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path, max_size=1000, keep=9)
    for number in range(1, 4):
        log.append(entry(f"action-{number}"))
    path.rename(tmp_path / "audit.000000000001.jsonl")
    again = AuditLog(path, max_size=1000, keep=9)
    assert all_entries(again) == [(3, "action-3"), (2, "action-2"), (1, "action-1")]
    again.append(entry("action-4"))
    assert all_entries(AuditLog(path))[0] == (4, "action-4")


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_file_that_somebody_took_away_or_emptied_leaves_no_hole(tmp_path: Path, is_kept: bool) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path)
    log.append(entry("one"))
    if is_kept:
        path.write_bytes(b"")
    else:
        path.unlink()
    log.append(entry("two"))
    assert b"\0" not in path.read_bytes()
    assert all_entries(log) == all_entries(AuditLog(path)) == [(2, "two")]


def test_files_of_before_this_release_are_read(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text('{"action": "old"}\n{"action": "older"}\n')
    log = AuditLog(path)
    log.append(entry("new"))
    assert all_entries(log) == [(3, "new"), (2, "older"), (1, "old")]


def test_equal_refusals_of_a_minute_are_one_entry_with_a_count(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path)
    news = [log.append_refusal("eve", refused(), NOON + SECOND * second) for second in range(60)]
    assert news == [True] + [False] * 59
    assert log.append_refusal("mallory", refused(), NOON + SECOND)
    assert log.append_refusal("eve", refused(), NOON + SECOND * 60), "the next minute is another entry"
    for reader in (log, AuditLog(path)):
        assert [(number, found["count"]) for number, found in reader.newest(9)] == [(3, 1), (2, 1), (1, 60)]


def test_a_clock_that_goes_back_begins_another_entry(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    assert log.append_refusal("eve", refused(), NOON)
    assert log.append_refusal("eve", refused(), NOON - SECOND)


def test_a_count_rises_also_when_its_file_is_full_by_now_or_gone(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl", max_size=1000, keep=3)
    log.append_refusal("eve", refused(), NOON)
    for number in range(10):
        log.append(entry(f"action-{number}"))
    log.append_refusal("eve", refused(), NOON + SECOND)
    assert log.newest(1, before=2)[0][1]["count"] == 2
    for number in range(100):
        log.append(entry(f"action-{number}"))
    assert not log.append_refusal("eve", refused(), NOON + SECOND)


def test_a_hundred_thousand_refusals_are_few_bytes(tmp_path: Path) -> None:
    """In ten minutes, from a hundred addresses."""
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path)
    detail = "d" * 300
    for number in range(100_000):
        address = f"192.0.2.{number % 100}"
        log.append_refusal(address, refused(address=address, detail=detail), NOON + number * timedelta(milliseconds=6))
    written = path.stat().st_size
    print(f"audit log after 100,000 refusals: {written} bytes")
    assert written < 1024**2
    assert sum(found["count"] for _, found in log.newest(10_000)) == 100_000


def test_refusals_that_are_remembered_are_bounded(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl", max_size=64 * 1024, keep=2)
    for number in range(3000):
        log.append_refusal(number, refused(), NOON)
    assert len(log._refusals) <= 1024


def test_each_entry_is_a_line_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    with caplog.at_level(logging.INFO):
        log.append(entry(by="ada", reason=None))
        for second in range(3):
            log.append_refusal("eve", refused(by="eve"), NOON + SECOND * second)
        log.append_refusal("eve", refused(by="eve"), NOON + SECOND * 90)
        log.append_refusal("eve", refused(by="eve"), NOON + SECOND * 91)
        log.close()
    told = [(record.event, record.by, record.count, record.levelname) for record in caplog.records]  # type: ignore[attr-defined]  # extra fields
    assert told == [
        ("audit", "ada", 1, "INFO"),
        ("audit", "eve", 1, "WARNING"),
        ("audit", "eve", 3, "WARNING"),
        ("audit", "eve", 1, "WARNING"),
        ("audit", "eve", 2, "WARNING"),
    ]
    assert not hasattr(caplog.records[0], "reason")
