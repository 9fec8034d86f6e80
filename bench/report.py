"""``docs/reference/performance.md`` from the results of the benches: ``python bench/report.py FOLDER``.

FOLDER holds the JSON files that ``--json`` of the benches wrote. A ratio is the other's number against ours: above 1,
ours is better, whichever way the unit counts.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

OURS = "chronos-gitops"
BENCHES = {
    "validate": "Time of `validate`",
    "reload": "Time until a changed file is active",
    "layers": "Time until an edit of the top layer is active",
    "calendars": "Time until an edit of a calendar is active",
    "start": "Start, memory and idle cost",
    "dispatch": "Lateness of webhooks, and throughput of a burst",
    "hostile": "Healthy webhooks next to hostile servers",
    "pages": "Response time of pages",
    "api": "The API while webhooks fire",
    "engines": "Runners that share a database",
    "soak": "Sustained load",
    "limits": "Limits of the machine",
}
GOALS = {
    "validate 10,000 files": ("<", 2, "s"),
    "validate 1 files": ("<", 0.2, "s"),
    "one of 10,000 files, commit to active, p99": ("<", 250, "ms"),
    "one of 10,000 files, save to active, p99": ("<", 250, "ms"),
    "a field of the top layer over 10,000 jobs, commit to active": ("<", 3, "s"),
    "a variable of the top layer over 10,000 jobs, commit to active": ("<", 3, "s"),
    "a header of the top layer over 10,000 jobs, commit to active": ("<", 3, "s"),
    "10,000 jobs, first start": ("<", 2, "s"),
    "10,000 jobs, resident memory": ("<", 100, "MB"),
    "100,000 jobs, first start": ("<", 15, "s"),
    "100,000 jobs, resident memory": ("<", 500, "MB"),
    "10,000 jobs due hourly, idle": ("<", 0.4, "% of a core"),
    "10,000 jobs, nothing due, idle": ("<", 0.05, "% of a core"),
    "1 jobs, nothing due, idle": ("<", 0.05, "% of a core"),
    "1 jobs, nothing due, wake-ups": ("<", 5, "/s"),
    "lateness at 500 due a second, p99": ("<", 50, "ms"),
    "burst of 1000, last one sent after": ("<", 1, "s"),
    "burst of 5000, requests a second": (">", 1000, "/s"),
    "lateness p99, API requests to no requests": ("<", 1.2, "times"),
    "a page of 100 jobs of many, median": ("<", 30, "ms"),
    "one job, median": ("<", 5, "ms"),
    "versions of a job, warm, median": ("<", 10, "ms"),
    "lateness p99, beside hostile servers to alone": ("<", 1.2, "times"),
    "worst overrun of an attempt's timeout": ("<", 0.5, "s"),
    "memory growth beside hostile servers": ("<", 10, "MB"),
}
"""Of our own figures, on a machine that does nothing else."""
HEAD = """\
# Performance

You can reproduce these figures: `make bench` measures them again (under ten minutes) and writes this page to
`build/bench/performance.md`. Each bench is one script in [bench](../bench), which describes its method; all programs
ran one after the other on the same machine. A ratio above 1 means that chronos-gitops is better. Machines differ, so
compare lines, not pages. The load average is that at the end of a bench: if it is above the number of processors,
durations are too long, and only ratios and processor times are meaningful. Goals apply to a machine without other
load.
"""


def main(folder: str) -> None:
    found = {path.stem: json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))}
    lines = [HEAD]
    for bench, title in BENCHES.items():
        if bench in found:
            lines += [f"## {title}", "", machine(found[bench]["machine"]), "", *table(found[bench]["figures"]), ""]
    sys.stdout.write("\n".join(lines).rstrip() + "\n")


def machine(known: dict[str, Any]) -> str:
    return (
        f"Measured on {known['at']}: {known['processors']} processors ({known['processor']}), {known['system']}, "
        f"Python {known['python']}, load average at the end {known['load']}."
    )


def table(figures: list[dict[str, Any]]) -> Iterable[str]:
    ours = {one["question"]: one["value"] for one in figures if one["who"] == OURS}
    yield "| question | program | | ratio | goal | |"
    yield "|---|---|--:|--:|---|---|"
    for one in sorted(figures, key=lambda one: list(questions(figures)).index(one["question"])):
        yield f"| {one['question']} | {one['who']} | {shown(one)} | {ratio(one, ours)} | {goal(one)} | {one['note']} |"


def questions(figures: list[dict[str, Any]]) -> dict[str, None]:
    return dict.fromkeys(one["question"] for one in figures)


def shown(one: dict[str, Any]) -> str:
    value = one["value"]
    if value is None:
        return "-"
    return f"{value:,.0f} {one['unit']}" if value >= 100 else f"{value:.3g} {one['unit']}"


def ratio(one: dict[str, Any], ours: dict[str, float | None]) -> str:
    own, value = ours.get(one["question"]), one["value"]
    if one["who"] == OURS or not own or not value:
        return ""
    return f"{own / value if one['unit'].endswith('/s') else value / own:.2g}"


def goal(one: dict[str, Any]) -> str:
    if one["who"] != OURS or one["question"] not in GOALS or one["value"] is None:
        return ""
    sign, limit, unit = GOALS[one["question"]]
    is_met = one["value"] < limit if sign == "<" else one["value"] > limit
    return f"{sign} {limit:,} {unit}: {'met' if is_met else '**not met**'}"


if __name__ == "__main__":
    main(*sys.argv[1:])
