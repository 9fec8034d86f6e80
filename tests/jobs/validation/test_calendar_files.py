"""Calendar files in a tree: where each finding stands, and which jobs it concerns."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from chronos_gitops.cli.reports.problems import concise
from chronos_gitops.jobs.validation.files import TreeEntry
from chronos_gitops.jobs.validation.parallel import validate_in_parallel
from chronos_gitops.jobs.validation.validate import TreeResult, ValidationCache, git_blob_id, validate_tree

TODAY = datetime(2026, 11, 28, 23, 30, tzinfo=UTC)
JOB = 'name: {0}-job\nenabled: true\ntimeout: 1m\nschedule: "{1}"\nwebhook: {{url: "https://api.example.com/"}}\n'
FR = "covers_until: 2027-12-31\nclosed: [SAT, SUN, 12-25]\n"


class Texts:
    """Files in memory below ``jobs``."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = {f"jobs/{path}": text.encode() for path, text in texts.items()}
        entries = [TreeEntry(path, git_blob_id(content), len(content)) for path, content in self._texts.items()]
        self.entries: Sequence[TreeEntry] = sorted(entries, key=lambda entry: entry.path)

    def read(self, entries: Sequence[TreeEntry]) -> Mapping[str, bytes]:
        return {entry.path: self._texts[entry.path] for entry in entries}

    def place(self, path: str) -> str:
        return path.removeprefix("jobs/")


def tree(texts: Mapping[str, str]) -> list[str]:
    loaded = validate_tree(Texts(texts), today=TODAY)
    in_parallel = validate_in_parallel(Texts(texts), today=TODAY)
    assert loaded.problems == in_parallel.problems
    return [concise.line(problem) for problem in loaded.problems]


def job(name: str = "nightly", schedule: str = "0 2 * * *", skip: str = "fr") -> dict[str, str]:
    return {f"{name}-job.yaml": JOB.format(name, schedule) + (f"skip: [{skip}]\n" if skip else "")}


def calendar(text: str, name: str = "fr") -> dict[str, str]:
    return {f"_calendars/{name}.yaml": text}


FINDINGS: dict[str, tuple[dict[str, str], list[str]]] = {
    "nothing": (job() | calendar(FR), []),
    "unknown": (
        job(skip="fr, fr-holiday") | calendar(FR) | calendar(FR, "fr-holidays"),
        [
            "jobs/_calendars/fr-holidays.yaml:1:1: note[unused-calendar]: no job names it and it has no applies_to "
            "(name it in skip of a job, or delete the file)",
            'jobs/nightly-job.yaml:6:12: error[unknown-calendar]: there is no calendar "fr-holiday" '
            '(did you mean "fr-holidays"?)',
        ],
    ),
    "broken": (
        job() | calendar("closed:\n  - SAT\n  - 2026-13-01\n"),
        [
            'jobs/_calendars/fr.yaml:3:5: error[calendar-entry]: "2026-13-01" is no weekday, date, MM-DD or range '
            "(write SAT, 12-25, 2027-03-29 or {from: 2027-05-06, to: 2027-05-07})"
        ],
    ),
    "no yaml": (
        job() | calendar("closed: [SAT\n"),
        ["jobs/_calendars/fr.yaml:1:9: error[syntax]: the list that opens here is never closed (close it with ])"],
    ),
    "every weekday": (
        job() | calendar("closed: [MON, TUE, WED, THU, FRI, SAT, SUN]\n"),
        [
            "jobs/_calendars/fr.yaml:1:9: error[calendar-entry]: every weekday is closed "
            "(leave out the days on which jobs run)"
        ],
    ),
    "a freeze without a zone": (
        job(skip="") | calendar("closed: [2026-12-24]\napplies_to: all\n"),
        [
            "jobs/_calendars/fr.yaml:1:1: error[calendar-entry]: a calendar with applies_to states its timezone "
            "(add timezone: Europe/Paris, for example)"
        ],
    ),
    "a freeze of nothing named": (
        job(skip="") | calendar("timezone: UTC\nclosed: [2026-12-24]\napplies_to: all\n"),
        [],
    ),
    "horizon": (
        job() | job("daily") | calendar("covers_until: 2026-12-31\nclosed: [12-25, 2026-12-24]\n"),
        [
            "jobs/_calendars/fr.yaml:1:1: warning[calendar-horizon]: fr is complete until 2026-12-31, 33 days from "
            "now; 2 jobs name it (add the dates of the next year)"
        ],
    ),
    "dates beyond the horizon": (
        job() | calendar("covers_until: 2027-12-31\nclosed:\n  - 2027-12-25\n  - 2028-01-03\nopen: [2028-01-08]\n"),
        [
            'jobs/_calendars/fr.yaml:4:1: warning[calendar-horizon]: "2028-01-03" (and 1 more) does not count after '
            "covers_until, 2027-12-31 (move covers_until to the day up to which the dates are complete)"
        ],
    ),
    "no horizon": (
        job() | calendar("closed: [2026-12-24]\n"),
        [
            "jobs/_calendars/fr.yaml:1:1: warning[calendar-horizon]: it has dates and does not say until when they are "
            "complete (add covers_until: 2027-12-31, for example)"
        ],
    ),
    "silent": (
        job(schedule="0 2 * * SAT") | calendar(FR),
        [
            "jobs/nightly-job.yaml:6:7: warning[calendar-silent]: its calendars drop every scheduled time of the next "
            "366 days (choose other times, or on_skip: next)"
        ],
    ),
    "moved is not silent": (
        {"nightly-job.yaml": JOB.format("nightly", "0 2 * * SAT") + "skip: [fr]\non_skip: next\n"} | calendar(FR),
        [],
    ),
}


@pytest.mark.parametrize("name", FINDINGS)
def test_findings(name: str) -> None:
    texts, expected = FINDINGS[name]
    assert tree(texts) == expected


def test_a_name_in_a_layer_is_one_finding_where_it_is_written() -> None:
    found = tree(job(skip="") | job("daily", skip="") | {"_defaults.yaml": "skip: [fr]\n"})
    assert found == [
        'jobs/_defaults.yaml:1:8: error[unknown-calendar]: there is no calendar "fr" (2 jobs) '
        "(a file _calendars/fr.yaml declares it)"
    ]


def test_a_cached_result_is_judged_again_when_a_calendar_comes_or_goes() -> None:
    cache = ValidationCache()

    def loaded(texts: Mapping[str, str]) -> TreeResult:
        return validate_tree(Texts(texts), cache, last_calendars=lambda _: None)

    assert [problem.rule for problem in loaded(job()).problems] == ["unknown-calendar"]
    assert loaded(job() | calendar(FR)).problems == ()
    assert "nightly-job" in loaded(job() | calendar(FR)).jobs
    assert [problem.rule for problem in loaded(job()).problems] == ["unknown-calendar"]


def test_content_of_a_calendar_alone_reads_no_job_file_again() -> None:
    cache = ValidationCache()
    before = validate_tree(Texts(job() | calendar(FR)), cache).files[0]
    assert validate_tree(Texts(job() | calendar("closed: [MON]\n")), cache).files[0] is before


def test_a_calendar_that_was_never_valid_is_unknown_to_a_runner() -> None:
    loaded = validate_tree(Texts(job() | calendar("closed: 5\n")), last_calendars=lambda _: None)
    assert [problem.rule for problem in loaded.problems] == ["calendar-entry", "unknown-calendar"]
    assert not loaded.jobs


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "the file is empty", "a calendar needs closed"),
        ("# nothing yet\n", "the file is empty", "a calendar needs closed"),
        ("closed: [SAT]\n---\nclosed: [SUN]\n", "a second document starts here", "one file holds one calendar"),
        ("closed: [SAT]\n...\nSUN\n", "something follows the end of the document", "one file holds one calendar"),
        ("- SAT\n", "a calendar file is a map of fields, and this is a list", "one file holds one calendar"),
    ],
    ids=["empty", "comment", "two documents", "after the end", "list"],
)
def test_what_is_no_calendar_at_all_gets_hints_about_calendars(text: str, message: str, hint: str) -> None:
    found = [one for one in validate_tree(Texts(calendar(text)), today=TODAY).problems if one.severity == "error"]
    assert [(one.message, one.hint) for one in found] == [(message, hint)]


def test_what_is_no_policy_at_all_gets_hints_about_policies() -> None:
    texts = {"_policies/hosts.yaml": "rules: []\n---\n", "_policies/tags.yaml": "", "_defaults.yaml": "- a\n"}
    found = validate_tree(Texts(texts), today=TODAY).problems
    assert {one.hint for one in found if one.severity == "error"} == {
        "one file holds one policy",
        "write rules, or remove the file",
        "one file holds one layer",
    }
