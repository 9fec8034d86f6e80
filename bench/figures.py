"""Results of a bench: shown as text, kept as JSON, with a description of the machine."""

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SIZES = ("smallest", "quick", "full")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of one program; ``value`` is None when the program is not there, and ``note`` says so."""

    question: str
    who: str
    value: float | None
    unit: str
    note: str = ""


class Figures:
    def __init__(self, bench: str) -> None:
        self._bench = bench
        self._found: list[Figure] = []

    def add(self, question: str, who: str, values: float | Sequence[float] | None, unit: str, note: str = "") -> None:
        """The median, where there are several."""
        value = statistics.median(values) if isinstance(values, Sequence) else values
        self._found.append(Figure(question, who, value, unit, note))
        shown = "not measured" if value is None else f"{value:,.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"
        sys.stdout.write(f"{question:<58} {who:<28} {shown:>16}  {note}\n")
        sys.stdout.flush()

    def save(self, target: Path | None) -> None:
        if target is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            document = {"bench": self._bench, "machine": machine(), "figures": [asdict(one) for one in self._found]}
            target.write_text(json.dumps(document, indent=1) + "\n")


def options(doc: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="quick")
    parser.add_argument("--json", type=Path, help="a file for the figures, which bench/report.py reads")
    return parser


def p99(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def machine() -> dict[str, Any]:
    with Path("/proc/cpuinfo").open() as lines:
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return {
        "processor": model,
        "processors": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
    }
