"""The last good state on disk: what changed is appended, and whatever becomes of it, nothing old comes back."""

import json
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest
from harness.repositories.repository import job_text

from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation.validate import FileResult, validate_file
from chronos_gitops.state.atomic_files import write_sealed
from chronos_gitops.sync.persistence.last_good import LastGood

CASES = Path(__file__).parents[2] / "jobs/validation/cases"


def definition(name: str, version: int) -> JobVersion:
    job = validate_file(f"jobs/{name}.yaml", job_text(name).encode()).job
    assert job is not None
    identity = DefinitionId("b" * 40, str(version), "staging") if version % 2 else DefinitionId("b" * 40)
    return JobVersion(job, f"jobs/{name}.yaml", identity, version, f"{version:040}")


def jobs_of(count: int) -> JobSet:
    return JobSet.of("0", [definition(f"job-{number}", 1) for number in range(count)])


def loaded(path: Path) -> JobSet | None:
    return LastGood(path, "this").load()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lastgood.json"


@pytest.mark.parametrize("seed", range(5))
def test_what_was_saved_is_what_is_loaded(path: Path, seed: int) -> None:
    chance, jobs, state = random.Random(seed), jobs_of(8), LastGood(path, "this")
    state.save(jobs)
    for number in range(1, 120):
        if chance.random() < 0.05:
            state = LastGood(path, "this")  # a restart
        known = dict(jobs.definitions)
        for _ in range(chance.randint(0, 3)):
            name = f"job-{chance.randrange(12)}"
            if chance.random() < 0.3:
                known.pop(name, None)
            else:
                known[name] = definition(name, number)
        jobs = JobSet.of(str(number), known.values())
        state.save(jobs)
        assert loaded(path) == jobs


def test_state_of_the_release_before_layers_is_read(path: Path) -> None:
    """Format 2 has the blob id of the file where the identity is now."""
    job = definition("one", 2).job
    row = {"job": job.document(), "path": "jobs/one.yaml", "blob": "b" * 40, "version": 2, "commit": f"{2:040}"}
    dates = {"created_at": None, "updated_at": None, "draft": False}
    write_sealed(path, [{"format": 2, "identity": "this", "judges": None, "revision": "7"}, row | dates])
    assert loaded(path) == JobSet.of("7", [definition("one", 2)])


def test_one_changed_job_is_appended_and_many_are_written_whole(path: Path) -> None:
    state, jobs = LastGood(path, "this"), jobs_of(300)
    state.save(jobs)
    whole = path.read_bytes()
    one = JobSet.of("1", [*jobs.definitions.values(), definition("job-7", 2)])
    state.save(one)
    assert path.read_bytes() == whole
    assert path.with_suffix(".changes").stat().st_mode & 0o777 == 0o600
    state.save(JobSet.of("2", [replace(each, version=3) for each in one]))
    assert path.read_bytes() != whole
    assert not path.with_suffix(".changes").exists()


@pytest.mark.parametrize("kept", [0, 1, 40, -2])
def test_a_torn_line_is_passed_over_and_the_next_save_has_its_content(path: Path, kept: int) -> None:
    state, jobs = LastGood(path, "this"), jobs_of(20)
    state.save(jobs)
    after = JobSet.of("1", [*jobs.definitions.values(), definition("job-7", 2)])
    changes = path.with_suffix(".changes")

    def torn(descriptor: int) -> None:
        os.truncate(descriptor, kept if kept >= 0 else os.fstat(descriptor).st_size + kept)
        raise OSError("no space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", torn)
        with pytest.raises(OSError, match="no space"):
            state.save(after)
    assert changes.exists()
    assert loaded(path) == jobs
    last = JobSet.of("2", [*jobs.definitions.values(), definition("job-8", 2)])
    state.save(last)
    assert loaded(path) == last


def test_a_line_that_nobody_knew_was_written_does_not_come_back(path: Path) -> None:
    state, jobs = LastGood(path, "this"), jobs_of(20)
    state.save(jobs)

    def written_and_yet(_: int) -> None:
        raise OSError("fsync failed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", written_and_yet)
        with pytest.raises(OSError, match="fsync"):
            state.save(JobSet.of("1", [*jobs.definitions.values(), definition("job-99", 1)]))
    state.save(jobs)
    assert loaded(path) == jobs


def test_changes_of_an_older_file_do_not_come_back(path: Path) -> None:
    """Killed between the new file and the removal of the changes to the old one."""
    state, jobs = LastGood(path, "this"), jobs_of(20)
    state.save(jobs)
    state.save(JobSet.of("1", [*jobs.definitions.values(), definition("job-7", 2)]))
    left = path.with_suffix(".changes").read_bytes()
    newest = JobSet.of("2", [replace(each, version=3) for each in jobs])
    LastGood(path, "this").save(newest)
    path.with_suffix(".changes").write_bytes(left)
    assert loaded(path) == newest


def case(path: Path) -> tuple[JobVersion, FileResult] | None:
    parsed = validate_file(f"jobs/{path.name}", path.read_bytes())
    parsed = replace(parsed, removed=(("jobs/_environments/staging.yaml", 3, 9),))
    return None if parsed.job is None else (JobVersion(parsed.job, parsed.path, parsed.identity), parsed)


def test_what_was_said_about_every_kind_of_file_comes_back_word_for_word(path: Path) -> None:
    found = {one[1].name: one for one in map(case, sorted(CASES.glob("*/*.yaml"))) if one is not None}
    jobs = JobSet.of("1", [definition for definition, _ in found.values()])
    judged = {str(name): parsed for name, (_, parsed) in found.items()}
    LastGood(path, "this", judges="a").save(jobs, judged)
    again = LastGood(path, "this", judges="a")
    assert again.load() == jobs
    assert {str(parsed.name): parsed for parsed in again.judged} == judged
    assert len(judged) > 20
    assert any(parsed.problems for parsed in again.judged)


def test_values_that_a_job_has_by_default_are_not_saved(path: Path) -> None:
    text = (
        b"name: a-job\nschedule: '@daily'\ntimezone: UTC\njitter: 5s\nwebhook: {url: https://a.example, method: GET}\n"
    )
    job = validate_file("jobs/a-job.yaml", text).job
    assert job is not None
    jobs = JobSet.of("1", [JobVersion(job, "jobs/a-job.yaml", DefinitionId("b" * 40))])
    LastGood(path, "this").save(jobs)
    row = json.loads(path.read_text().splitlines()[1])
    webhook = {"url": "https://a.example"}
    assert row["job"] == {"name": "a-job", "schedule": "@daily", "jitter": "5s", "webhook": webhook}
    assert loaded(path) == jobs


@pytest.mark.parametrize("judges", [None, "b"])
def test_by_other_judges_every_file_is_judged_anew(path: Path, judges: str | None) -> None:
    one, parsed = next(filter(None, map(case, sorted(CASES.glob("ok/*.yaml")))))
    jobs, judged = JobSet.of("1", [one]), {one.job.name: parsed}
    LastGood(path, "this", judges="a").save(jobs, judged)
    other = LastGood(path, "this", judges=judges)
    assert other.load() == jobs
    assert other.judged == ()
    other.save(jobs, judged)
    assert LastGood(path, "this", judges="a").judged == ()
    again = LastGood(path, "this", judges=judges)
    again.load()
    assert len(again.judged) == (judges is not None)


def test_a_job_that_runs_though_its_file_is_broken_is_judged_anew(path: Path) -> None:
    one, parsed = next(filter(None, map(case, sorted(CASES.glob("ok/*.yaml")))))
    broken = replace(one, quarantined=(one_problem(),))
    LastGood(path, "this", judges="a").save(JobSet.of("1", [broken]), {one.job.name: parsed})
    again = LastGood(path, "this", judges="a")
    again.load()
    assert again.judged == ()


def one_problem() -> Problem:
    return validate_file("jobs/a.yaml", b"name: [").problems[0]


@pytest.mark.parametrize("seed", range(40))
def test_a_byte_that_changed_on_disk_is_never_believed(path: Path, seed: int) -> None:
    """In the file nothing of it is, in the changes that line is not."""
    chance = random.Random(seed)
    state, jobs = LastGood(path, "this", judges="a"), jobs_of(20)
    state.save(jobs)
    after = JobSet.of("1", [*jobs.definitions.values(), definition("job-7", 2)])
    state.save(after)
    target = chance.choice([path, path.with_suffix(".changes")])
    content = bytearray(target.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    target.write_bytes(bytes(content))
    assert loaded(path) in ((None, jobs, after) if target == path else (jobs, after))


def test_a_restart_goes_on_with_what_it_loaded(path: Path) -> None:
    """It appends what changed, and writes nothing where nothing did."""
    state, jobs = LastGood(path, "this", judges="a"), jobs_of(300)
    state.save(jobs)
    whole = path.read_bytes()
    again = LastGood(path, "this", judges="a")
    remembered = again.load()
    assert remembered is not None
    again.save(remembered)
    assert not path.with_suffix(".changes").exists()
    after = JobSet.of("1", [*remembered.definitions.values(), definition("job-7", 2)])
    again.save(after)
    assert path.read_bytes() == whole
    assert LastGood(path, "this", judges="a").load() == after
