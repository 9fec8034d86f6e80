"""The pages about migration: every printed command runs, and makes jobs that are valid and disabled.

Programs of the other schedulers are scripts that print a file of theirs.
"""

import json
from pathlib import Path

import pytest
import yaml
from cli.importers.test_cronicle import event
from cli.importers.test_sources import CRON_JOB
from docs.printed.page_commands import printed_commands, ran

DKRON = {
    "name": "sync",
    "schedule": "@hourly",
    "executor": "http",
    "executor_config": {"method": "GET", "url": "https://a.example.com/s"},
}
CRONTAB = """\
MAILTO=ops@example.com
0 2 * * * curl -fsS https://a.example.com/night
@hourly wget -qO- https://a.example.com/hour
"""
TIMER = """\
# /etc/systemd/system/close.timer
[Timer]
OnCalendar=*-*-* 04:00:00
# /etc/systemd/system/close.service
[Service]
ExecStart=/usr/bin/curl -fsS https://books.example.com/close
"""
CONTAINERS = [
    {
        "Name": "/web",
        "Config": {
            "Labels": {
                "ofelia.enabled": "true",
                "ofelia.job-exec.warm.schedule": "0 */10 * * * *",
                "ofelia.job-exec.warm.command": "curl -fsS http://127.0.0.1:8000/warm",
            }
        },
    }
]
SCHEDULE = {
    "Name": "close",
    "ScheduleExpression": "cron(0 18 ? * MON-FRI *)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {
        "Arn": "arn:aws:lambda:eu-west-1:123456789012:function:close",
        "Input": '{"day": "<aws.scheduler.scheduled-time>"}',
    },
}
WORKFLOW = {"name": "Nightly", "on": {"schedule": [{"cron": "30 5 * * *"}]}, "jobs": {}}


def printing(text: str) -> str:
    return f"cat <<'END'\n{text}\nEND\n"


STUBS = {
    "migrate-from-cron": {
        "crontab": printing(CRONTAB),
        "curl": printing(json.dumps([DKRON])),
    },
    "migrate-from-kubernetes": {
        "kubectl": printing(yaml.safe_dump({"kind": "List", "items": [yaml.safe_load(CRON_JOB)]}))
    },
    "migrate-from-other-schedulers": {
        "systemctl": printing(TIMER),
        "curl": printing(json.dumps({"code": 0, "rows": [event()]})),
        "docker": f'[ "$1" = ps ] && echo 1a2b3c || {printing(json.dumps(CONTAINERS))}',
        "aws": f'[ "$2" = list-schedules ] && echo close || {printing(json.dumps(SCHEDULE))}',
    },
}
IMPORTS = {"migrate-from-cron": 2, "migrate-from-kubernetes": 1, "migrate-from-other-schedulers": 5}
_LISTED = "import github-actions"
"""Nothing is converted, and the command says so with 1."""


@pytest.mark.parametrize("page", STUBS)
def test_printed_commands_convert_the_jobs(page: str, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    (folder / ".github/workflows").mkdir(parents=True)
    (folder / ".github/workflows/nightly.yml").write_text(json.dumps(WORKFLOW))
    (folder / "jobs").mkdir()
    commands = list(printed_commands(page))
    for command in commands:
        done = ran(command.line, folder, STUBS[page], KEY="0123456789abcdef")
        assert done.returncode == (1 if _LISTED in command.line else 0), f"{command.line}\n{done.stdout}{done.stderr}"
        if "chronos-gitops import" in command.line:
            assert (" 0 imported" if _LISTED in command.line else ", 0 not converted") in done.stdout.replace("# ", " ")
    assert sum("chronos-gitops import" in one.line for one in commands) == IMPORTS[page]
    written = list((folder / "jobs").iterdir())
    assert all(yaml.safe_load(file.read_text())["enabled"] is False for file in written)
    assert not written or ran("chronos-gitops validate jobs", folder).returncode == 0
