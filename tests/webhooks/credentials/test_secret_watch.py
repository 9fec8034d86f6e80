"""The values of the secrets that jobs use, looked at on load and from time to time; uses and states over real files."""

import logging
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.jobs.origins.origin import OriginPattern
from chronos_gitops.jobs.secrets.bindings import Bindings, SecretBinding
from chronos_gitops.jobs.secrets.usage import SecretState
from chronos_gitops.jobs.validation.validate import validate_file
from chronos_gitops.webhooks.credentials.secret_watch import SecretWatch
from chronos_gitops.webhooks.credentials.secrets import LARGEST, Secrets

JOB = """name: {name}
schedule: "0 2 1 1 *"
enabled: true
webhook:
  url: "{url}"
  headers: {{X-Key: "${{secret:pay-key}}"}}
"""


def version(path: str, text: str) -> JobVersion:
    job = validate_file(path, text.encode()).job
    assert job is not None
    return JobVersion(job, path, DefinitionId("1"))


def jobs_in(*paths: str, url: str = "https://api.example.com/x") -> JobSet:
    return JobSet.of("1", [version(path, JOB.format(name=Path(path).stem, url=url)) for path in paths])


def watch_of(folder: Path, bindings: Bindings | None = None, values: dict[str, str] | None = None) -> SecretWatch:
    bindings = bindings or Bindings()
    return SecretWatch(Secrets(values or {}, folder, bindings), bindings)


def spoil(file: Path, state: str) -> None:
    file.unlink(missing_ok=True)
    match state:
        case "missing":
            return
        case "unreadable":
            file.write_bytes(b"\xff\xfe")
        case "unreadable, a pipe":
            os.mkfifo(file)
        case "unreadable, outside":
            file.symlink_to("/etc/hostname")
        case "empty":
            file.write_text("\n")
        case "too-large":
            file.write_text("x" * (LARGEST + 1))
        case "too-large, much":
            file.write_text("x" * 3 * LARGEST)
        case _:
            file.write_text("value")


STATES = ("missing", "empty", "unreadable", "unreadable, a pipe", "unreadable, outside", "too-large", "too-large, much")


@pytest.mark.parametrize("state", STATES)
def test_a_value_that_cannot_be_used_is_found_and_found_mended_at_the_next_look(tmp_path: Path, state: str) -> None:
    watch = watch_of(tmp_path)
    spoil(tmp_path / "pay-key", state)
    watch.jobs_changed(jobs_in("jobs/a.yaml", "jobs/b.yaml"))
    kind = state.partition(",")[0]
    assert watch.value("pay-key") == kind
    assert watch.summary() == f"1 {kind}, 2 jobs"
    assert watch.counts()[kind] == 1
    assert [use.job for name in ("a", "b") for use in watch.without_value(name)] == ["a", "b"]
    spoil(tmp_path / "pay-key", "ok")
    watch.look()
    assert (watch.summary(), watch.value("pay-key"), watch.without_value("a")) == ("", SecretState.OK, ())
    assert watch.counts() == {state.value: int(state is SecretState.OK) for state in SecretState}


def test_bindings_make_uses_refused_or_unbound(tmp_path: Path) -> None:
    (tmp_path / "pay-key").write_text("value")
    origins = (OriginPattern.parse("https://api.example.com"),)
    bound = Bindings({"pay-key": SecretBinding(("jobs/pay",), origins)}, "refuse")
    for path, url, expected in (
        ("jobs/pay/a.yaml", "https://api.example.com/", "ok"),
        ("jobs/x/a.yaml", "https://api.example.com/", "refused"),
        ("jobs/pay/a.yaml", "https://evil.example/", "refused"),
        ("jobs/pay/a.yaml", "${secret:pay-key}", "ok"),
    ):
        watch = watch_of(tmp_path, bound)
        watch.jobs_changed(jobs_in(path, url=url))
        assert [one.state for one in watch.reports()] == [expected], (path, url)
    watch = watch_of(tmp_path, Bindings(unbound="refuse"))
    watch.jobs_changed(jobs_in("jobs/pay/a.yaml"))
    assert watch.summary() == "1 unbound, 1 job"


def test_a_secret_with_a_value_or_a_binding_only_is_unused(tmp_path: Path) -> None:
    (tmp_path / "old-key").write_text("value")
    (tmp_path / "..data").mkdir()
    watch = watch_of(tmp_path, Bindings({"bound": SecretBinding()}), {"from-env": "x"})
    watch.jobs_changed(jobs_in("jobs/a.yaml"))
    assert {one.name: one.state.value for one in watch.reports()} == {
        "bound": "unused",
        "from-env": "unused",
        "old-key": "unused",
        "pay-key": "missing",
    }


def test_each_change_of_a_state_is_logged_once_without_the_value(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    watch = watch_of(tmp_path)
    watch.jobs_changed(jobs_in("jobs/a.yaml", "jobs/b.yaml"))
    watch.look()
    (tmp_path / "pay-key").write_text("the-value-itself")
    watch.look()
    watch.look()
    events = [record for record in caplog.records if record.message.startswith("secret_")]
    assert [record.message for record in events] == ["secret_missing", "secret_found"]
    assert {key: vars(events[0])[key] for key in ("secret", "state", "jobs")} == {
        "secret": "pay-key",
        "state": "missing",
        "jobs": 2,
    }
    assert "the-value-itself" not in caplog.text


def test_only_changed_jobs_are_looked_into_again(tmp_path: Path) -> None:
    watch = watch_of(tmp_path)
    first = jobs_in("jobs/a.yaml", "jobs/b.yaml")
    watch.jobs_changed(first)
    kept = watch.uses_of("a")
    changed = version("jobs/b.yaml", JOB.format(name="b", url="https://other.example/"))
    watch.jobs_changed(JobSet.of("2", [first.definitions["a"], changed]))
    assert watch.uses_of("a") is kept
    assert [use.target for use in watch.uses_of("b")] == ["https://other.example"]


def test_the_thread_looks_again_by_itself(tmp_path: Path) -> None:
    bindings = Bindings()
    watch = SecretWatch(Secrets({}, tmp_path, bindings), bindings, interval=0.01)
    watch.jobs_changed(jobs_in("jobs/a.yaml"))
    watch.launch()
    (tmp_path / "pay-key").write_text("value")
    for _ in range(1000):
        if watch.value("pay-key") is SecretState.OK:
            break
        watch.stopping.wait(0.01)
    watch.stop()
    watch.join(10)
    assert watch.value("pay-key") is SecretState.OK


def test_uses_of_a_job_that_an_edited_layer_made_anew_are_kept_at_its_path_alone(tmp_path: Path) -> None:
    """Bindings apply by the folder of the job's file."""
    bindings = Bindings({"pay-key": SecretBinding(folders=("jobs/a",))})
    watch = watch_of(tmp_path, bindings)
    job = version("jobs/a/x.yaml", JOB.format(name="x", url="https://api.example.com/x"))
    watch.jobs_changed(JobSet.of("1", [job]))
    slower = replace(job, job=replace(job.job, timeout=timedelta(minutes=9)))
    watch.jobs_changed(JobSet.of("2", [slower]))
    assert [(use.path, use.refused) for use in watch.uses()] == [("jobs/a/x.yaml", None)]
    watch.jobs_changed(JobSet.of("3", [replace(slower, path="jobs/b/x.yaml")]))
    assert [(use.path, use.refused) for use in watch.uses()] == [("jobs/b/x.yaml", SecretState.REFUSED)]
