"""``validate --fix`` applies safe fixes and changes nothing else."""

from pathlib import Path

import pytest

from chronos_gitops.jobs.problem import is_error
from chronos_gitops.jobs.validation.autofix import autofix
from chronos_gitops.jobs.validation.validate import validate_file
from chronos_gitops.schedule.loose_durations import loose_duration

CASES = sorted((Path(__file__).parent / "cases").glob("*/*.yaml"))
JOB = """\
# a comment stays
name: daily-backup   # here too
schedule: "0 2 * * *"

webhook:
    url:   https://api.example.com/backup
"""


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ('schedule: "0 2 * * *"', None),
        ("schedule: * * * * * # every minute", 'schedule: "* * * * *" # every minute'),
        ("schedule: */5 * * * *", 'schedule: "*/5 * * * *"'),
        ("schedule: @daily", 'schedule: "@daily"'),
        ("schedule: @every 5 minutes", 'schedule: "@every 5m"'),
        ("schedule: '@every 1 hour 30 minutes'   # x", 'schedule: "@every 1h30m"   # x'),
        ('schedule: "0 2 * * *"\ntimezon: Europe/Paris', 'schedule: "0 2 * * *"\ntimezone: Europe/Paris'),
        ('schedule: "0 2 * * *"\n"Time-Zone" : UTC', 'schedule: "0 2 * * *"\ntimezone : UTC'),
        ("scheduel: '@daily'", "schedule: '@daily'"),
        ('schedule: "@daily"\ntimeout: 5 minutes', 'schedule: "@daily"\ntimeout: 5m'),
        ('schedule: "@daily"\ntimeout: "90 Seconds" # x', 'schedule: "@daily"\ntimeout: 1m30s # x'),
        ('schedule: "@daily"\njitter: 2d', 'schedule: "@daily"\njitter: 48h'),
        (
            'schedule: "@daily"\ntags: {cost-center: 4711, on: true}',
            'schedule: "@daily"\ntags: {cost-center: "4711", on: "true"}',
        ),
        ('schedule: "@daily"\ndescription: @home, it\'s', 'schedule: "@daily"\ndescription: "@home, it\'s"'),
        ('schedule: "@daily"\ndescription: %a "b" c', 'schedule: "@daily"\ndescription: \'%a "b" c\''),
        ("schedule: */5 * * * *\ntimeot: 30 sec", 'schedule: "*/5 * * * *"\ntimeout: 30s'),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_mended_in_the_text_itself(wrong: str, right: str | None, line_end: str, mark: str) -> None:
    def content(line: str) -> bytes:
        return (mark + JOB.replace('schedule: "0 2 * * *"', line).replace("\n", line_end)).encode()

    mended = autofix("jobs/daily-backup.yaml", content(wrong))
    assert mended.content.decode() == content(wrong if right is None else right).decode()
    assert bool(mended.problems) == (right is not None)
    assert validate_file("jobs/daily-backup.yaml", mended.content).job is not None


@pytest.mark.parametrize(
    "line",
    [
        "timeout: 30",
        "timeout: 5 fortnights",
        "timeout: 5M",
        "timeout: a while",
        "timeout: 99999999 days",
        "xyz: 1",
        "retry_polcy: {}\nretry_policy: {}",
        "description: 'unclosed",
        "description: @a 'b'",
        "<<: {timeout: 5m}",
    ],
)
def test_what_only_a_person_can_tell_is_left_alone(line: str) -> None:
    content = f"{JOB}{line}\n".encode()
    assert autofix("jobs/daily-backup.yaml", content).content == content


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_mending_never_makes_a_file_worse_and_ends(path: Path) -> None:
    content = path.read_bytes()
    before = validate_file(f"jobs/{path.name}", content)
    mended = autofix(f"jobs/{path.name}", content)
    after = validate_file(f"jobs/{path.name}", mended.content)
    assert autofix(f"jobs/{path.name}", mended.content).content == mended.content
    if before.job is not None:
        assert after.job == before.job
    if mended.content != content:
        old = {(problem.line, problem.rule) for problem in before.problems if is_error(problem)}
        assert old - {(problem.line, problem.rule) for problem in after.problems if is_error(problem)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 minutes", "5m"),
        ("5min", "5m"),
        ("1 hour and 30 minutes", "1h30m"),
        ("1h, 30m", "1h30m"),
        ("200 milliseconds", "200ms"),
        ("7 days", "168h"),
        ("1 Hour", "1h"),
        ("5", None),
        ("minutes", None),
        ("5 M", None),
        ("1.5 hours", None),
        ("-5 minutes", None),
        ("5 minutes ago", None),
        ("4000 days", None),
        ("", None),
    ],
)
def test_durations_in_words(text: str, expected: str | None) -> None:
    assert loose_duration(text) == expected
