"""Gates in a plan."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.jobs.planning.plan import plan
from chronos_gitops.jobs.planning.review_flags import FlagKind, RunnerState, StoppedVersion
from chronos_gitops.jobs.promises.gate_flags import first_unmet

NOW = datetime(2026, 11, 29, tzinfo=UTC)
GATE = {"job": "extract", "success_within": "24h", "wait": "45m"}


def job(name: str, schedule: str | list[str] = "@daily", **fields: Any) -> Job:
    document = {"name": name, "schedule": schedule, "enabled": True, "webhook": {"url": "http://x.example"}}
    return Job.from_document(document | fields)


def job_set(*jobs: Job) -> JobSet:
    return JobSet.of(
        None, (JobVersion(one, f"jobs/{one.name}.yaml", DefinitionId(one.digest, one.digest, None)) for one in jobs)
    )


def flagged(before: list[Job], after: list[Job], live: RunnerState | None = None) -> dict[str, list[str]]:
    found = plan(job_set(*before), job_set(*after), at=NOW, live=live)
    return {
        change.job: said
        for change in found.changes
        if (said := [flag.message for flag in change.flags if flag.kind is FlagKind.REQUIRES])
    }


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (GATE, "it starts after a success of extract in the last 24h; it waits up to 45m, then it is skipped"),
        (GATE | {"wait": "0s"}, "it starts after a success of extract in the last 24h; else it is skipped"),
        (
            GATE | {"otherwise": "run"},
            "it starts after a success of extract in the last 24h; it waits up to 45m, then it runs",
        ),
    ],
)
def test_a_gate_that_comes_is_one_sentence(gate: dict[str, Any], words: str) -> None:
    extract = job("extract")
    assert flagged([extract, job("load")], [extract, job("load", requires=gate)]) == {"load": [words]}
    assert flagged([extract], [extract, job("load", requires=gate)]) == {"load": [words]}


def test_a_gate_that_goes_is_one_sentence() -> None:
    extract, other = job("extract"), job("other")
    before = job("load", requires=GATE)
    assert flagged([extract, before], [extract, job("load")]) == {"load": ["it does not wait for extract any more"]}
    after = job("load", requires=GATE | {"job": "other"})
    assert (
        flagged([extract, other, before], [extract, other, after])["load"][0] == "it does not wait for extract any more"
    )


def test_a_gate_that_stays_is_not_told_again() -> None:
    extract = job("extract")
    edited = job("load", requires=GATE, description="other")
    assert flagged([extract, job("load", requires=GATE)], [extract, edited]) == {}


def test_a_wait_that_is_longer_than_start_within_is_told() -> None:
    extract = job("extract")
    before, after = (job("load", requires=GATE, expect={"start_within": limit}) for limit in ("1h", "30m"))
    assert flagged([extract, before], [extract, after]) == {
        "load": ["start_within 30m is shorter than its wait of 45m for extract"]
    }
    assert flagged([extract, after], [extract, before]) == {}


@pytest.mark.parametrize(
    ("required", "live", "why"),
    [
        (job("extract", enabled=False), None, "which is not enabled: it is met by manual executions only"),
        (job("extract"), RunnerState(paused={"extract": ""}), "which is paused on the server"),
        (job("extract"), RunnerState(stopped={"extract": StoppedVersion(7, NOW)}), "which is paused on the server"),
        (
            job("extract", "0 12 * * MON-FRI"),
            None,
            "which is not due in the 24h before 2026-11-29T13:00:00Z or the 45m after",
        ),
    ],
)
def test_a_gate_that_stays_shut_is_told(required: Job, live: RunnerState | None, why: str) -> None:
    before, after = job("load"), job("load", "0 13 * * *", requires=GATE)
    assert flagged([required, before], [required, after], live)["load"][1] == f"it requires extract, {why}"


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ([job("extract", enabled=False)], "which is not enabled: it is met by manual executions only"),
        ([job("extract", "@weekly")], "which is not due in the 24h before 2026-11-30T00:00:00Z or the 45m after"),
        ([], "which is no job any more: it is never met"),
    ],
)
def test_who_takes_a_gate_from_others_is_told(after: list[Job], why: str) -> None:
    load = job("load", requires=GATE)
    before = [job("extract"), load]
    assert flagged(before, [*after, load]) == {"extract": [f"load requires it, {why}"]}
    assert flagged([*after, load], [*after, load]) == {}


def test_many_that_wait_for_one_are_counted() -> None:
    others = [job(f"load-{number:02}", requires=GATE) for number in range(12)]
    said = flagged([job("extract"), *others], [job("extract", enabled=False), *others])["extract"]
    assert len(said) == 11
    assert said[-1] == "and 2 more jobs require it"


def test_a_job_that_does_not_run_has_no_shut_gate() -> None:
    load = job("load", requires=GATE, enabled=False)
    assert flagged([job("extract"), load], [job("extract", enabled=False), load]) == {}


@pytest.mark.parametrize("seed", range(60))
def test_the_first_unmet_time_is_that_of_a_walk(seed: int) -> None:
    random = Random(seed)
    schedules = [
        "@daily",
        "0 5 * * MON-FRI",
        "30 2 1 * *",
        "@weekly",
        "@hourly",
        "0 */7 * * *",
        "0 0 1 1 *",
        "@at 2027-03-01T00:00",
    ]
    mine, required = (job("load", random.choice(schedules)).timing for _ in range(2))
    within, wait = random.choice(["30m", "2h", "24h", "72h", "744h", "8760h"]), random.choice(["0s", "10m", "6h"])
    gate = job("load", requires={"job": "x", "success_within": within, "wait": wait}).requires
    assert gate is not None
    until = NOW + timedelta(days=365)
    known = list(required.between(NOW - timedelta(days=366), until + gate.wait))
    unmet = (
        tick
        for tick in mine.between(NOW, until)
        if not any(tick - gate.success_within < one <= tick + gate.wait for one in known)
    )
    assert first_unmet(mine, required, gate, NOW) == next(unmet, None)


def test_a_year_of_minutes_costs_few_searches() -> None:
    gate = job("load", requires=GATE).requires
    assert gate is not None
    searches = 0

    class Counted:
        def next_after(self, instant: datetime) -> datetime | None:
            nonlocal searches
            searches += 1
            return job("load", "* * * * *").timing.next_after(instant)

    assert first_unmet(Counted(), job("extract", "*/5 * * * *").timing, gate, NOW) is None  # type: ignore[arg-type]
    assert searches <= 1
