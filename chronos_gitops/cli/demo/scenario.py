"""The acts: everything fires, an edit is picked up, a default reaches several jobs, a mistake is held and undone."""

import json
import time
from collections.abc import Callable
from typing import Any

from chronos_gitops.cli.demo.driver import DemoFailed, Show
from chronos_gitops.cli.demo.repository import BACKUP, CLEANUP, DEFAULTS, INVOICES, PROBE, RATES, REPORT, ROLLUP

_Json = dict[str, Any]


def everything_fires(show: Show) -> None:
    show.begin("Seven jobs send webhooks over HTTP")
    for what, holds in (
        (
            f"{ROLLUP}: a 503, a retry, a success",
            _has(show, ROLLUP, lambda e: e["status"] == "success" and e["attempts"] > 1),
        ),
        (
            f"{INVOICES}: a scheduled time skipped, because the execution before is still running",
            _has(show, INVOICES, _is("skipped", "overlap")),
        ),
        (f"{RATES}: an execution replaced by the next one", _has(show, RATES, _is("cancelled", "replaced"))),
        (
            f"{REPORT}: a 404 fails at once",
            _has(show, REPORT, lambda e: e["status"] == "failed" and e["attempts"] == 1),
        ),
    ):
        show.wait(what, holds)
        show.say(what)


def an_edit_is_picked_up(show: Show) -> None:
    show.begin(f"Edit: run {CLEANUP} every second")
    before = show.job(CLEANUP)
    began = time.monotonic()
    show.stage.save(CLEANUP, "@every 2s", "@every 1s")
    saved = show.timed("the saved file runs", began, lambda: show.job(CLEANUP)["schedule"] == "@every 1s")
    show.say(f"saved: it runs {saved.observed_ms:.0f} ms later, as a draft of version {before['version']}")
    began = time.monotonic()
    commit = show.stage.commit(f"Run {CLEANUP} every second")
    wanted = before["version"] + 1
    show.timed("the commit is a version", began, lambda: _runs_version(show.job(CLEANUP), wanted))
    show.wait(f"a request of commit {commit[:8]}", lambda: _last_commit(show, CLEANUP) == commit)
    show.say(f"committed as {commit[:8]}: version {wanted}; its first request has arrived")


def a_default_reaches_several_jobs(show: Show) -> None:
    show.begin("Edit of a default: a timeout of 5 minutes for the platform team's jobs")
    began = time.monotonic()
    show.stage.edit(DEFAULTS, "timeout: 10m", "timeout: 5m")
    for line in show.stage.plan():
        show.say(line)
    inheriting = (ROLLUP, PROBE)
    show.timed("the default runs", began, lambda: all(show.job(name)["timeout"] == "5m" for name in inheriting))
    if show.job(BACKUP)["timeout"] != "30m":
        raise DemoFailed(f"{show.acts[-1]}: {BACKUP} has a timeout of its own, and lost it")
    show.stage.commit("Give the platform team's jobs five minutes")
    show.say(f"committed: {' and '.join(inheriting)} inherit it, {BACKUP} has its own")


def a_broken_file_is_held_back(show: Show) -> None:
    show.begin(f"Mistake: a time zone of {BACKUP} that does not exist")
    good = show.job(BACKUP)
    began = time.monotonic()
    show.stage.save(BACKUP, "timezone: America/New_York", "timezone: Mars/Olympus_Mons")
    show.stage.commit("Move the backup to Mars")
    show.timed("the broken file is noticed", began, lambda: show.job(BACKUP)["sync"]["state"] == "quarantined")
    for problem in show.job(BACKUP)["sync"]["problems"]:
        show.say("{file}:{line}:{column}: {severity}[{rule}]: {message}".format(**problem))
    seen = len(show.requests_of(BACKUP))
    show.wait("the last good version still fires", lambda: len(show.requests_of(BACKUP)) >= seen + 2)
    if _last_commit(show, BACKUP) != good["commit"]:
        raise DemoFailed(f"{show.acts[-1]}: {BACKUP} ran commit {_last_commit(show, BACKUP)}, not {good['commit']}")
    show.say(f"quarantined: {BACKUP} keeps running version {good['version']}, and all other jobs run as before")


def a_rollback_is_a_commit(show: Show) -> _Json:
    good = show.job(BACKUP)["version"]
    path = f"/api/v1/jobs/{BACKUP}/rollback/{good}"
    show.begin(f"Rollback: POST {path}")
    began = time.monotonic()
    status, answer = show.runner.post(path, {"reason": "Mars keeps no time that we know"})
    if status != 201:
        raise DemoFailed(f"{show.acts[-1]}: it answered {status}: {json.dumps(answer)[:300]}")
    show.say(f"201 {json.dumps(answer)}")
    show.timed("the rollback runs", began, lambda: _runs_version(show.job(BACKUP), answer["version"]))
    newest = show.stage.log()[0]
    if newest != f"{answer['commit']} Roll back {BACKUP} to version {good}":
        raise DemoFailed(f"{show.acts[-1]}: git log shows {newest!r} instead of the rollback")
    show.say(f"git log: {newest[:8]}{newest[40:]}")
    show.wait("a request of the rollback's commit", lambda: _last_commit(show, BACKUP) == answer["commit"])
    rolled_back: _Json = answer
    return rolled_back


def _has(show: Show, job: str, holds: Callable[[_Json], bool]) -> Callable[[], bool]:
    return lambda: any(one["job"] == job and holds(one) for one in show.executions())


def _is(status: str, reason: str) -> Callable[[_Json], bool]:
    return lambda execution: (execution["status"], execution["reason"]) == (status, reason)


def _runs_version(job: _Json, version: int) -> bool:
    return bool(job["version"] == version and job["sync"]["state"] == "synced")


def _last_commit(show: Show, job: str) -> str | None:
    requests = show.requests_of(job)
    return requests[-1].header("X-Chronos-Commit") if requests else None
