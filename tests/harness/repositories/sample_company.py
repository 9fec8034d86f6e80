"""A runner with a past: five teams, thirty hours of runs, an outage that is over, a commit that broke a job, and a
rollback. What nobody has to wait for in a test is written into its ledger and its repository, with the dates it has."""

import json
import random
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from browser.conftest import Site
from harness.machine.seeds import seeded
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.validation.validate import validate_file
from chronos_gitops.schedule.schedule import Schedule
from chronos_gitops.webhooks.outcome import phrase

HOURS = 30
_MAYA = ("Maya Lindqvist", "maya@example.com")
_TOMASZ = ("Tomasz Nowak", "tomasz@example.com")
_PRIYA = ("Priya Raman", "priya@example.com")
_LEA = ("Léa Fontaine", "lea@example.com")


@dataclass(frozen=True)
class Task:
    """``takes``: milliseconds of a run as a rule."""

    name: str
    team: str
    schedule: str
    zone: str
    takes: int
    words: str


TASKS = (
    Task("certificate-renewal", "platform", "17 4 * * *", "UTC", 5_200, "Renews what expires within three weeks."),
    Task("daily-backup", "platform", "0 3 * * *", "Europe/Berlin", 184_000, "A full backup of the primary database."),
    Task("hourly-metrics-rollup", "platform", "5 * * * *", "UTC", 2_900, "Minutes of metrics become hours."),
    Task("session-cleanup", "platform", "*/15 * * * *", "UTC", 640, "Forgets sessions that nobody used for a day."),
    Task("uptime-probe", "platform", "*/5 * * * *", "UTC", 140, "Asks the public site whether it is there."),
    Task("dunning-letters", "billing", "30 8 * * MON-FRI", "Europe/Berlin", 9_400, "Reminds who has not paid."),
    Task("exchange-rates", "billing", "*/10 * * * *", "UTC", 420, "Today's rates from the central bank."),
    Task("invoice-run", "billing", "0 */2 * * *", "Europe/Berlin", 31_000, "Sends invoices that are due."),
    Task("ledger-close", "billing", "0 1 * * *", "Europe/Berlin", 48_000, "Closes the day's books."),
    Task("ab-test-snapshot", "growth", "20 */3 * * *", "America/New_York", 1_700, "Where each experiment stands."),
    Task("newsletter-digest", "growth", "0 7 * * *", "America/New_York", 12_500, "The morning's digest."),
    Task("trial-reminders", "growth", "45 * * * *", "UTC", 860, "Two days before a trial ends."),
    Task("events-compaction", "data", "@every 30m", "UTC", 7_700, "Small files of events become large ones."),
    Task("feature-export", "data", "40 */4 * * *", "UTC", 22_000, "Features for the ranking model."),
    Task("search-reindex", "data", "10 * * * *", "UTC", 15_300, "What changed since the last hour."),
    Task("warehouse-load", "data", "0 0,6,12,18 * * *", "UTC", 96_000, "The shop's tables into the warehouse."),
    Task("access-review", "security", "0 9 1 * *", "Europe/Berlin", 3_000, "Asks owners who still needs access."),
    Task("audit-export", "security", "0 * * * *", "UTC", 1_150, "The audit log to cold storage."),
    Task("key-rotation-check", "security", "30 6 * * *", "UTC", 900, "Names keys older than ninety days."),
)
OUTAGE = (timedelta(hours=6, minutes=20), timedelta(hours=5, minutes=5))
"""So long ago it began, and ended: the host of billing and platform answered 503."""
_ANSWERS = {
    200: '{"status": "done"}',
    422: '{"error": "unknown field \\"run\\"; the gateway wants \\"batch_id\\""}',
    503: "<h1>503 Service Unavailable</h1>",
}
BROKEN_AGO = timedelta(hours=9)


_CITIES = ("amsterdam", "berlin", "copenhagen", "dublin", "essen", "florence", "gdansk", "hamburg", "innsbruck", "jena")
_STORE_TASKS = ("cash-report", "opening-hours", "price-labels", "shift-plan", "stock-count", "till-update")


@contextmanager
def company(folder: Path, jobs: int = len(TASKS)) -> Iterator[Site]:
    """With more jobs than there are tasks, the others are those of stores, which all went well."""
    tasks = (*TASKS, *stores(jobs - len(TASKS)))
    with Receiver() as receiver:
        repository = Repository.init(folder / "checkout")
        now = datetime.now(UTC)
        _history(repository, receiver.url(""), now, tasks)
        with Runner(str(repository.root), data=folder / "data"):
            pass  # it makes the ledger
        _past(folder / "data" / "ledger.db", repository, now, tasks)
        with Runner(str(repository.root), data=folder / "data") as runner:
            pause = {"reason": "the mail provider throttles us until Monday"}
            runner.client.post("/jobs/newsletter-digest/pause", json=pause).raise_for_status()
            yield Site(runner, repository)


def stores(count: int) -> Iterator[Task]:
    """Jobs of stores, six for each."""
    for number in range(count):
        store, kind = divmod(number, len(_STORE_TASKS))
        city, branch = _CITIES[store % len(_CITIES)], store // len(_CITIES) + 1
        name, schedule = f"{_STORE_TASKS[kind]}-{city}-{branch}", f"{number % 60} {number % 24} * * *"
        takes, words = 300 + 40 * (number % 50), f"For store {branch} in {city}."
        yield Task(name, "stores", schedule, "Europe/Berlin", takes, words)


def _text(task: Task, receiver: str, **other: str) -> str:
    found = {"schedule": task.schedule, "path": f"/{task.team}/{task.name}", "attempts": "3"} | other
    return (
        f"name: {task.name}\ndescription: {task.words}\n"
        f'schedule: "{found["schedule"]}"\ntimezone: {task.zone}\nenabled: true\n'
        f"webhook:\n  url: {receiver}{found['path']}\n  method: POST\n  headers:\n    Content-Type: application/json\n"
        f'  body: \'{{"run": "{{{{.ExecutionID}}}}"}}\'\n'
        f"timeout: 10m\nretry_policy:\n  max_attempts: {found['attempts']}\n"
        f"tags:\n  team: {task.team}\n  environment: production\n"
    )


def _history(repository: Repository, receiver: str, now: datetime, all_tasks: Sequence[Task]) -> None:
    tasks = {task.name: task for task in all_tasks}

    def save(name: str, **other: str) -> None:
        repository.write(f"jobs/{tasks[name].team}/{name}.yaml", _text(tasks[name], receiver, **other))

    def commit(person: tuple[str, str], ago: timedelta, message: str) -> None:
        date = (now - ago).isoformat(timespec="seconds")
        names = {"GIT_AUTHOR_NAME": person[0], "GIT_AUTHOR_EMAIL": person[1], "GIT_AUTHOR_DATE": date}
        committer = {"GIT_COMMITTER_NAME": person[0], "GIT_COMMITTER_EMAIL": person[1], "GIT_COMMITTER_DATE": date}
        repository.git("add", "-A")
        repository.git("commit", "--quiet", "-m", message, env=names | committer)

    for person, days, teams in (
        (_MAYA, 41, ("platform",)),
        (_TOMASZ, 38, ("billing",)),
        (_LEA, 33, ("growth", "data")),
        (_PRIYA, 24, ("security",)),
        (_LEA, 21, ("stores",)),
    ):
        added = [task.name for task in all_tasks if task.team in teams]
        for name in added:
            save(name)
        if added:
            commit(person, timedelta(days=days, hours=3), f"Add the jobs of {' and '.join(teams)}")
    save("daily-backup", schedule="30 2 * * *")
    commit(_MAYA, timedelta(days=19), "Back up before the nightly load, not after it")
    save("exchange-rates", schedule="* * * * *")
    commit(_TOMASZ, timedelta(days=6, hours=5), "Rates every minute, for the trading desk")
    save("exchange-rates")
    trailers = "Chronos-Job: exchange-rates\nChronos-Restored-Version: 1\nChronos-Requested-By: priya"
    commit(
        _PRIYA,
        timedelta(days=6, hours=3),
        f"Roll back exchange-rates to version 1\n\nThe bank asks us to slow down.\n\n{trailers}",
    )
    save("daily-backup", schedule="0 3 * * *")
    commit(_MAYA, timedelta(days=5), "The backup starts at three again: the load ends earlier now")
    save("invoice-run", path="/status/422", attempts="2")
    commit(_TOMASZ, BROKEN_AGO, "Send invoices through the new gateway")
    save("search-reindex", attempts="5")
    commit(_LEA, timedelta(hours=2, minutes=12), "Try the search index five times: it restarts for minutes")


def _past(ledger: Path, repository: Repository, now: datetime, tasks: Sequence[Task]) -> None:
    chance = seeded(20261127)
    database = sqlite3.connect(ledger)
    commits = _commits(repository)
    with database:
        for task in tasks:
            path = f"jobs/{task.team}/{task.name}.yaml"
            versions = _versions(repository, path, commits[path])
            since = now - timedelta(hours=HOURS if "*/5" not in task.schedule else 4)
            ticks = list(Schedule.parse(task.schedule, task.zone, key=task.name).between(since, now))
            # Whatever time it is: who has not run since the outage was not hit by it, for it is over.
            is_hit = bool(ticks) and now - ticks[-1] < OUTAGE[1]
            for tick in ticks:
                made = next(version for version in reversed(versions) if version.at <= tick)
                _insert(database, task, tick, made, _fate(task, now - tick, chance, is_hit=is_hit), chance)
    database.close()


@dataclass(frozen=True)
class Made:
    """A version of a job, as its commit made it."""

    at: datetime
    number: int
    commit: str
    job: Job


def _commits(repository: Repository) -> dict[str, list[tuple[int, str]]]:
    """Times and ids of the commits of each file, oldest first."""
    found: dict[str, list[tuple[int, str]]] = {}
    for entry in repository.git("log", "--reverse", "--format=%x00%ct %H", "--name-only").split("\0")[1:]:
        about, *paths = entry.split("\n")
        seconds, commit = about.split()
        for path in filter(None, paths):
            found.setdefault(path, []).append((int(seconds), commit))
    return found


def _versions(repository: Repository, path: str, commits: Sequence[tuple[int, str]]) -> list[Made]:
    found = []
    for number, (seconds, commit) in enumerate(commits, 1):
        is_newest = number == len(commits)
        content = (repository.root / path).read_text() if is_newest else repository.git("show", f"{commit}:{path}")
        job = validate_file(path, content.encode()).job
        assert job is not None
        found.append(Made(datetime.fromtimestamp(seconds, UTC), number, commit, job))
    return found


def _insert(
    database: sqlite3.Connection,
    task: Task,
    tick: datetime,
    made: Made,
    fate: tuple[int, int],
    chance: random.Random,
) -> None:
    code, attempts = fate
    started, key = round(tick.timestamp() * 1000) + chance.randint(4, 60), str(uuid.UUID(int=chance.getrandbits(128)))
    begins, rows = started, []
    for number in range(1, attempts + 1):
        ends_well = number == attempts and code == 200
        answer = 200 if ends_well else 503 if code == 200 else code
        took = round(task.takes * chance.lognormvariate(0, 0.25)) if ends_well else chance.randint(30, 240)
        error = None if ends_well else f"the target responded with {phrase(answer)}"
        rows.append(
            (
                key,
                number,
                begins,
                took,
                answer,
                error and "status",
                error,
                _ANSWERS.get(answer, ""),
                json.dumps(_phases(took)),
            )
        )
        begins += took + 1000 * 2**number
    ended = rows[-1][2] + rows[-1][3]
    status = "success" if code == 200 else "failed"
    error = None if code == 200 else rows[-1][6]
    scheduled = round(tick.timestamp() * 1000)
    row = {
        "id": key,
        "job": task.name,
        "tick": scheduled,
        "scheduled_at": scheduled,
        "trigger_kind": "schedule",
        "status": status,
        "attempts": attempts,
        "created_at": scheduled,
        "started_at": started,
        "completed_at": ended,
        "status_code": code,
        "error_class": error and "status",
        "error": error,
        "version": made.number,
        "commit_id": made.commit,
        "definition": made.job.digest,
    }
    document = (made.job.digest, json.dumps(made.job.document()))
    database.execute("INSERT INTO definitions VALUES (?, ?) ON CONFLICT DO NOTHING", document)
    named = ", ".join(f":{name}" for name in row)
    database.execute(f"INSERT INTO executions ({', '.join(row)}) VALUES ({named})", row)
    database.executemany("INSERT INTO attempts VALUES (?,?,?,?,?,?,?,?,?,NULL)", rows)


def _fate(task: Task, ago: timedelta, chance: random.Random, *, is_hit: bool) -> tuple[int, int]:
    """The last status code, and how many attempts it took."""
    if task.name == "invoice-run" and ago < BROKEN_AGO:
        return 422, 1
    if is_hit and task.team in ("billing", "platform") and OUTAGE[1] < ago < OUTAGE[0]:
        return 503, 3
    return 200, 2 if chance.random() < 0.03 else 1


def _phases(took: int) -> Mapping[str, float]:
    return {"dns": 0.4, "connect": 1.2, "first_byte": round(took * 0.92, 1), "read": round(took * 0.06, 1)}
