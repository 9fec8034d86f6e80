"""A minute of coverage-guided fuzzing with atheris, which `make test-full` installs (requirements/tools.lock)."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.full
def test_a_minute_of_hostile_bytes_finds_nothing(tmp_path: Path) -> None:
    """A minute, as it says; memory stays below 200 MB. The shell forks, because the peak memory that libFuzzer compares
    is inherited by a process that is executed without a fork: that of all tests before this one."""
    assert importlib.util.find_spec("atheris"), (
        "atheris is not installed, so nothing was fuzzed: `make test` installs it"
    )
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for case in (ROOT / "tests/jobs/validation/cases").glob("*/*.yaml"):
        shutil.copy(case, corpus / f"{case.parent.name}-{case.name}")
    limits = ["-max_total_time=60", "-rss_limit_mb=200", f"-artifact_prefix={tmp_path}/"]
    forked = ["sh", "-c", '"$@"; exit $?', "sh"]
    command = [*forked, sys.executable, str(ROOT / "fuzz/fuzz_validate.py"), *limits, str(corpus)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr[-3_000:]
