"""The live table: one line per job, what git says beside what the receiver got."""

from collections.abc import Mapping
from typing import Any

from chronos_gitops.cli.demo.statistics import Statistics, percentile, total
from chronos_gitops.cli.reports.tables import table

_HEADER = ("job", "every", "version", "received", "ok", "failed", "retried", "skipped", "replaced")


def live_table(elapsed_s: float, address: str, jobs: Mapping[str, Any], parts: Mapping[str, Statistics]) -> list[str]:
    rows = [_row(job, parts.get(job["name"], Statistics())) for job in jobs["items"]]
    whole = total(parts.values())
    rows.append(("all", "", "", *_numbers(whole)))
    late = percentile(whole.lateness_ms, 50)
    head = f"{elapsed_s:5.1f} s  {address}/" + ("" if late is None else f"  late p50 {late:.1f} ms")
    return ["", head, "", *table(_HEADER, rows).splitlines()]


def _row(job: Mapping[str, Any], tally: Statistics) -> tuple[str, ...]:
    every = job["schedule"].removeprefix("@every ") if job["state"] == "enabled" else ""
    return (job["name"], every, _version(job), *_numbers(tally))


def _version(job: Mapping[str, Any]) -> str:
    words = {"draft": "draft", "quarantined": "held"}
    word = words.get(job["sync"]["state"], "" if job["state"] == "enabled" else "off")
    return f"v{job['version']} {word}".strip()


def _numbers(tally: Statistics) -> tuple[str, ...]:
    ticks = tally.ticks
    numbers = (tally.received, ticks["success"], ticks["failed"], tally.retried, ticks["skipped"], ticks["cancelled"])
    return tuple(str(number) if number else "" for number in numbers)
