"""Five hundred random jobs with lists, one-offs, bounds, calendars, freezes and moves, as files of a repository."""

from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import yaml

ZONES: Final = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
)
_WEEKDAYS: Final = ("MON", "WED", "SAT", "SUN")
_FOLDERS: Final = ("payments", "reports", "misc")


def write_calendar_tree(folder: Path, random: Random, now: datetime, jobs: int) -> None:
    """``folder`` is the jobs folder. Dates of calendars lie around ``now``, so that moves go across it."""
    calendars = folder / "_calendars"
    calendars.mkdir(parents=True)
    names = [f"days-{number}" for number in range(6)]
    for name in names:
        document: dict[str, Any] = {"closed": [_entry(random, now) for _ in range(random.randrange(1, 8))]}
        if random.random() < 0.5:
            document["timezone"] = random.choice(ZONES)
        if random.random() < 0.5:
            document["open"] = [_day(random, now)]
        (calendars / f"{name}.yaml").write_text(yaml.safe_dump(document))
    freeze = {"from": f"{now + timedelta(days=2):%Y-%m-%dT%H:%M}", "to": f"{now + timedelta(days=9):%Y-%m-%d}"}
    document = {"timezone": "Europe/Berlin", "closed": [freeze], "applies_to": {"folder": "jobs/payments"}}
    (calendars / "freeze.yaml").write_text(yaml.safe_dump(document))
    for number in range(jobs):
        path = folder / random.choice(_FOLDERS) / f"job-{number}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(_job(random, now, number, names), sort_keys=False))


def _job(random: Random, now: datetime, number: int, calendars: list[str]) -> dict[str, Any]:
    on_skip = random.choice(("drop", "next", "previous"))
    one = _recurring if on_skip == "drop" else _fixed
    schedule: list[str] = [one(random) for _ in range(random.choice((1, 1, 2, 3)))]
    if random.random() < 0.2:
        schedule.append(f"@at {now + timedelta(hours=random.randrange(-200, 400)):%Y-%m-%dT%H:30}")
    if on_skip == "drop" and random.random() < 0.1:
        schedule = [f"@every {random.randrange(60, 5000)}s"]
    job: dict[str, Any] = {"name": f"job-{number}", "schedule": schedule, "timezone": random.choice(ZONES)}
    job |= {"enabled": random.random() < 0.95, "skip": random.sample(calendars, random.randrange(3))}
    job |= {"on_skip": on_skip, "webhook": {"url": "http://127.0.0.1:9/"}}
    if random.random() < 0.1:
        job["start"] = f"{now + timedelta(days=random.randrange(-5, 20)):%Y-%m-%d}"
    if random.random() < 0.1:
        job["end"] = f"{now + timedelta(days=random.randrange(30, 400)):%Y-%m-%dT12:00}"
    return job


def _fixed(random: Random) -> str:
    """At most six times a day."""
    minute = random.choice(("0", "30", f"{random.randrange(60)}", "H"))
    hour = random.choice(("2", "1,3", f"{random.randrange(24)}", "H"))
    monthly = (random.choice(("L", f"{random.randrange(20, 29)}")), "*", "*")
    day, month, weekday = random.choice((("*", "*", "*"), ("*", "*", "mon-fri"), ("*", "*", "6"), monthly))
    return f"{minute} {hour} {day} {month} {weekday}"


def _recurring(random: Random) -> str:
    minute = random.choice(("*", "*/7", "0", "30", "H"))
    hour = random.choice(("*", "*/3", "2", "1,2,3", f"{random.randrange(24)}", "H"))
    day = random.choice(("*", "*", "1", "L", "15W", "*/2"))
    weekday = random.choice(("*", "*", "mon-fri", "0", "5L", "1#2"))
    return f"{minute} {hour} {day} {random.choice(('*', 'oct,nov'))} {weekday}"


def _entry(random: Random, now: datetime) -> Any:
    kind = random.choice(("weekday", "date", "yearly", "days", "hours"))
    if kind == "weekday":
        return random.choice(_WEEKDAYS)
    day = _day(random, now)
    if kind == "date":
        return day
    if kind == "yearly":
        return day[5:]
    if kind == "days":
        return {"from": day, "to": f"{datetime.fromisoformat(day) + timedelta(days=random.randrange(4)):%Y-%m-%d}"}
    return {"from": f"{day}T{random.randrange(12):02}:30", "to": f"{day}T{random.randrange(12, 24):02}:00"}


def _day(random: Random, now: datetime) -> str:
    return f"{now + timedelta(days=random.randrange(-14, 28)):%Y-%m-%d}"
