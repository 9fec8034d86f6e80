"""Coverage-guided fuzzing of reading, judging and mending a job file, with atheris (not a dependency: pip install it).

    python fuzz/fuzz_validate.py -max_total_time=60 -rss_limit_mb=512 [CORPUS]

Whatever the bytes are: problems and no exception, no file over a second, and a mended file that is no worse. Without a
CORPUS the case files of the tests are the first ones.
"""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["chronos_gitops", "yaml"]):
    from chronos_gitops.cli.reports.problems.formats import FORMATS
    from chronos_gitops.jobs.problem import is_error
    from chronos_gitops.jobs.validation.autofix import autofix
    from chronos_gitops.jobs.validation.validate import validate_file

CASES = Path(__file__).resolve().parents[1] / "tests/jobs/validation/cases"
TODAY = datetime(2026, 1, 1, tzinfo=UTC)
LONGEST_S = 1.0


def one_input(content: bytes) -> None:
    start = time.process_time()
    parsed = validate_file("jobs/a.yaml", content, today=TODAY, secrets=frozenset({"backup-token"}))
    taken = time.process_time() - start
    assert taken < LONGEST_S, f"{taken:.1f} s"
    assert (parsed.job is None) == any(map(is_error, parsed.problems))
    for problem in parsed.problems:
        assert problem.line >= 1
        assert problem.column >= 1
    for render in FORMATS.values():
        render(parsed.problems, 1)
    mended = autofix("jobs/a.yaml", content)
    assert bool(mended.problems) == (mended.content != content)
    if parsed.job is not None:
        assert validate_file("jobs/a.yaml", mended.content).job is not None


def main() -> None:
    seeds = [] if any(not one.startswith("-") for one in sys.argv[1:]) else [str(CASES / "ok"), str(CASES / "err")]
    atheris.Setup([sys.argv[0], *sys.argv[1:], *seeds], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
