"""Schedules of workflows, which are listed; and files that none of these readers should believe."""

import json
from typing import Any

import pytest
from cli.importers.test_cronicle import event
from cli.importers.test_eventbridge import SCHEDULE
from cli.importers.test_sources import done

from chronos_gitops.cli.importers import cronicle, eventbridge, github_actions, ofelia
from chronos_gitops.cli.importers.model import NotReadable
from chronos_gitops.cli.importers.systemd import timers

WORKFLOW = """\
name: Nightly
on:
  workflow_dispatch:
  schedule:
    - cron: "30 5 * * 1,3"
    - cron: "30 5 * * 2"
      timezone: America/New_York
jobs:
  build:
    runs-on: ubuntu-latest
    steps: [{run: make}]
"""


def test_schedules_of_a_workflow_are_listed_and_none_is_converted() -> None:
    found = done(github_actions.read, WORKFLOW)
    assert found.drafts == ()
    assert [(one.place, one.text) for one in found.refusals] == [
        ("Nightly, schedule 1", "30 5 * * 1,3"),
        ("Nightly, schedule 2", "30 5 * * 2 America/New_York"),
    ]
    assert "actions/workflows/FILE/dispatches" in found.notes[0]


HOSTILE = [
    b"",
    b"{",
    b"[1]",
    b"null",
    b"\xff\xfe\x00",
    b'{"rows": 3}',
    b'{"rows": [{"plugin": {}}]}',
    b'{"Schedules": [1, null]}',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"Resources": {"x": 1}}',
    b'{"Target": 1, "ScheduleExpression": []}',
    b'[{"plugin": "urlplug", "params": 3, "timing": {"minutes": {}}, "title": {}, "enabled": []}]',
    b"[Timer]\nOnCalendar=" + b"1," * 100_000 + b"\n[Service]\nExecStart=curl http://a.example.com/",
    b"[Timer]\nOnCalendar=daily\n[Service]\nExecStart=" + b"\\\n" * 50_000,
    b"services: {a: {labels: [1, {}, null]}}",
    b"services: 3",
    b"services: {a: &a [*a]}",
    b'[job-exec "a"]\ncommand',
    b'[job-exec "a"]\n' + b"[" * 100_000,
    b"ofelia.job-exec.a.b: &x {y: *x}",
    b"jobs: 1\non: {schedule: [1, {cron: [x]}]}",
    b"jobs: {}\non: &a {schedule: *a}",
    b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nservices: *c\njobs: *c\n",
    json.dumps(
        {"ofelia.enabled": "true", "ofelia.job-exec.a.schedule": "x" * 9_999, "ofelia.job-exec.a.command": "curl x"}
    ).encode(),
    json.dumps(event(title="\x1b[2J" * 99, timezone=["x"], params={"url": {"a": 1}})).encode(),
    json.dumps(event(timing={"minutes": [0.5, True, -1]})).encode(),
    json.dumps(SCHEDULE | {"FlexibleTimeWindow": [], "Target": {"Arn": {}}}).encode(),
]


@pytest.mark.parametrize("read", [cronicle.read, ofelia.read, eventbridge.read, timers.read, github_actions.read])
def test_hostile_files_end_in_a_refusal(read: Any) -> None:
    for content in HOSTILE:
        try:
            entries = read(content, timezone="UTC", is_enabled=True).entries
        except NotReadable:
            continue
        assert all(len(str(entry)) < 10_000 for entry in entries)


@pytest.mark.parametrize("read", [cronicle.read, ofelia.read, eventbridge.read, timers.read, github_actions.read])
@pytest.mark.parametrize("text", ["", "{", "[1]", '{"jobs": []}', "a: b", "[Service]\nExecStart=curl x"])
def test_a_file_of_another_kind_is_not_readable(read: Any, text: str) -> None:
    if read is github_actions.read and "jobs" in text:
        return
    with pytest.raises(NotReadable):
        done(read, text)
