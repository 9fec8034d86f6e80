"""Every bench runs in its smallest size, so that it cannot rot; what it found is what the report is made of."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BENCHES = (
    "limits",
    "validate",
    "reload",
    "layers",
    "calendars",
    "start",
    "dispatch",
    "pages",
    "soak",
    "hostile",
    "api",
)


@pytest.mark.timeout(450)  # others may want the processors, too
@pytest.mark.parametrize("bench", BENCHES)
def test_a_bench_runs_and_its_figures_become_a_page(bench: str, tmp_path: Path) -> None:
    target = tmp_path / f"{bench}.json"
    _python(f"bench/{bench}.py", "--size", "smallest", "--json", str(target))
    figures = json.loads(target.read_text())["figures"]
    assert any(one["value"] is not None for one in figures)
    assert all(one["value"] is not None or "left out" in one["note"] for one in figures)
    page = _python("bench/report.py", str(tmp_path))
    assert all(one["question"] in page for one in figures)


def _python(*command: str) -> str:
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.full  # most of a minute: six runners on three engines
def test_two_runners_of_each_engine_are_measured() -> None:
    told = _python("bench/fleets.py", "--smallest").splitlines()
    assert {line.split()[0] for line in told} == {"sqlite", "postgres", "temporal"}
    assert [line.split("most at once")[1].split()[0] for line in told if "most at once" in line] == ["1"] * 6
