"""``docs/performance.md`` out of what the benches found: ``python bench/report.py FOLDER > docs/performance.md``.

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
    "validate": "How long `validate` takes",
    "reload": "How soon one changed file of many is active",
    "start": "How long a start takes, memory, and the cost of waiting",
    "dispatch": "How late webhooks leave, and how fast a burst",
    "hostile": "Healthy webhooks beside hostile servers",
    "pages": "How soon a page is there",
    "soak": "Under load for a while",
    "limits": "What the machine itself can do",
}
HEAD = """\
# Performance

Figures that you can reproduce: `make bench` measures them anew (under ten minutes) and writes this page into
`build/bench/performance.md`. Each bench is one script in [bench](../bench), which says how it measures; all programs
ran one after the other on the same machine. A ratio above 1 means that ours is better. Nobody's machine is like
another: compare lines, and not pages. The load average says how busy the machine was when a bench ended: where it is
above the number of processors, seconds are too long, and ratios and processor time are what counts.
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
    yield "| question | program | | ratio | |"
    yield "|---|---|--:|--:|---|"
    for one in sorted(figures, key=lambda one: list(questions(figures)).index(one["question"])):
        yield f"| {one['question']} | {one['who']} | {shown(one)} | {ratio(one, ours)} | {one['note']} |"


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


if __name__ == "__main__":
    main(*sys.argv[1:])
