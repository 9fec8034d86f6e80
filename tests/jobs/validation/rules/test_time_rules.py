"""Rules that are asked once for all jobs with the same values say about each job what they say about it alone."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.rule_texts.registry import RULES
from chronos_gitops.jobs.validation.rules import document_rules
from chronos_gitops.jobs.validation.rules.texts import sent_texts
from chronos_gitops.jobs.validation.rules.times import time_rules

TODAY = datetime(2026, 1, 1, tzinfo=UTC)
CASES = Path(__file__).parents[1] / "cases"
JOB = """\
name: {name}
schedule: "{schedule}"
enabled: true
timeout: 30s
webhook:
  url: https://api.example.com/{name}
  method: POST
  headers:
    Authorization: Bearer ${{secret:token}}
  body: '{{"job": "{{{{.JobName}}}}"}}'
"""


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    forget()


def forget() -> None:
    time_rules._sound.clear()
    sent_texts._is_sound.cache_clear()


def read(name: str, schedule: str = "0 2 * * *") -> Document:
    return document.read(f"{name}.yaml", JOB.format(name=name, schedule=schedule).encode())


def samples() -> Iterator[Document]:
    """For each rule texts that break it and texts that keep it; and the case files."""
    for rule in RULES.values():
        yield document.read("jobs/a.yaml", rule.bad.encode())
        yield document.read("jobs/a.yaml", rule.good.encode())
    for path in sorted(CASES.rglob("*.yaml")):
        yield document.read("jobs/a.yaml", path.read_bytes())


@pytest.mark.parametrize("today", [None, TODAY])
def test_what_was_said_about_other_jobs_changes_nothing(today: datetime | None) -> None:
    alone: list[tuple[Problem, ...]] = []
    for source in samples():
        forget()
        alone.append(document_rules.check(source, today=today))
    forget()
    for _ in range(2):
        together = [document_rules.check(source, today=today) for source in samples()]
        assert together == alone


def test_times_that_no_rule_has_a_word_on_are_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def rule(source: Document) -> Iterator[Problem]:
        asked.append(source.file)
        yield from ()

    monkeypatch.setattr(time_rules, "RULES", (rule,))
    for name in ("daily-one", "daily-two"):
        assert document_rules.check(read(name)) == ()
    assert asked == ["daily-one.yaml"]


def test_a_schedule_that_is_made_of_the_name_is_judged_for_each_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def rule(source: Document) -> Iterator[Problem]:
        asked.append(source.file)
        yield from ()

    monkeypatch.setattr(time_rules, "RULES", (rule,))
    for name in ("daily-one", "daily-two", "daily-one"):
        document_rules.check(read(name, "H 2 * * *"))
    assert asked == ["daily-one.yaml", "daily-two.yaml"]


def test_values_of_another_type_are_other_values() -> None:
    keys = {time_rules._key(document.read("a.yaml", f"jitter: {text}".encode()), None) for text in ("1", '"1"', "true")}
    assert len(keys) == 3


def test_what_is_remembered_has_a_bound() -> None:
    for number in range(time_rules._MOST_KEPT + 10):
        time_rules.check(document.read("a.yaml", f"jitter: {number}s".encode()), None)
    assert len(time_rules._sound) <= time_rules._MOST_KEPT
    time_rules.check(document.read("a.yaml", b"tags: {}\nskip: [" + b"a, " * 1000 + b"a]"), None)
    assert all(len(text) <= time_rules._LONGEST_KEPT for text, *_ in time_rules._sound)


def test_a_hundred_notes_on_dates_hide_no_error() -> None:
    past = [f'"@at 2025-01-{day:02}T{hour:02}:00"' for day in range(1, 6) for hour in range(24)][:99]
    text = JOB.format(name="daily-one", schedule="?").replace('"?"', f'["@at 2026-06-01T00:00", {", ".join(past)}]')
    text = text.replace("{{.JobName}}", "{{.A}} {{.B}} {{.C}}")
    found = document_rules.check(document.read("daily-one.yaml", text.encode()), today=TODAY)
    rules = [problem.rule for problem in found]
    assert [len(rules), rules.count("at-past"), rules[-1]] == [100, 97, "at-past"]
