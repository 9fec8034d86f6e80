"""Variables that are times or inputs: judged where they are written, and filled in when a request is sent."""

from datetime import UTC, datetime

import pytest
from jobs.validation.layers.test_layers import findings, tree

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.templates.time_variables import NoSuchTime

JOB = """\
name: day-report
enabled: true
schedule: "0 2 * * *"
timezone: Europe/Paris
timeout: 1m
webhook:
  method: POST
  url: "https://api.example.com/${var:day}"
  headers: {X-At: "${var:at}", X-Tenant: "${var:tenant}"}
  body: "$${var:day} of ${var:day} for {{.JobName}}"
variables:
  day: {time: scheduled, shift: -1d, format: date}
  at: {time: scheduled, shift: -1d}
  tenant: {value: acme, trigger: true}
"""
TICK = datetime(2026, 3, 30, tzinfo=UTC)


def job(text: str) -> Job:
    loaded = tree({"day-report.yaml": text})
    assert findings(loaded) == []
    made = loaded.jobs["day-report"].job
    assert made is not None
    return made


def test_times_are_texts_when_it_is_sent_and_inputs_before() -> None:
    made = job(JOB)
    assert dict(made.webhook.headers) == {"X-At": "${var:at}", "X-Tenant": "acme"}
    assert Job.from_document(made.document()) == made
    sent = made.at(TICK)
    assert sent.webhook.url == "https://api.example.com/2026-03-29"
    assert dict(sent.webhook.headers) == {"X-At": "2026-03-29T03:00:00+02:00", "X-Tenant": "acme"}
    assert sent.webhook.body == "${var:day} of 2026-03-29 for {{.JobName}}"


def test_job_without_times_is_as_it_was_and_has_no_variables() -> None:
    made = job(
        JOB.replace("{time: scheduled, shift: -1d, format: date}", "x").replace("{time: scheduled, shift: -1d}", "y")
    )
    assert "variables" not in made.document()
    assert made.webhook.body == "${var:day} of x for {{.JobName}}"
    assert made.at(TICK) is made


def test_time_without_a_tick_is_no_time() -> None:
    made = job(
        JOB.replace("{time: scheduled, shift: -1d}", "{time: next}").replace("timezone:", "end: 2026-03-30\ntimezone:")
    )
    with pytest.raises(NoSuchTime):
        made.at(TICK)


CASES = {
    "time: soon": ['12:15: error[enum]: variables.day.time cannot be "soon"'],
    "time: next, shift: 1x": ['12:28: error[variable-value]: day: shift "1x" is not a shift'],
    'time: next, format: "%q"': ['12:29: error[variable-value]: day: format has the unknown token "%q"'],
    "time: next, timezone: Paris": ['12:31: error[variable-value]: day: unknown timezone "Paris"'],
    "time: next, shift: null": ["12:3: error[type]: variables.day.shift has no value; it must be text"],
    "time: next, trigger: true": ["12:21: error[variable-value]: trigger cannot stand beside time"],
    "value: 3": ["12:16: error[type]: variables.day.value must be text, not a number"],
    "trigger: true": ['12:3: error[variable-value]: "day" is neither a time nor a value'],
    "tme: next": [
        '12:3: error[variable-value]: "day" is neither a time nor a value',
        '12:9: error[unknown-field]: unknown field "tme" in variables.day',
    ],
    'value: "${var:at}"': ['12:8: error[variable-value]: the value of "day" holds a variable'],
    'value: "${secret:s}"': [
        '12:8: error[secret-in-variable]: the value of "day" holds a reference to a secret',
        '12:8: error[variable-value]: the value of "day" holds ${ or ends in $, and the job uses a time',
    ],
    'value: "$"': ['12:8: error[variable-value]: the value of "day" holds ${ or ends in $, and the job uses a time'],
    'time: next, format: "%Y\\n"': [
        "12:8: error[header-value]: webhook.headers.X-At is not a header value",
        "12:8: error[url]: webhook.url holds a space or a control character",
    ],
}


@pytest.mark.parametrize("value", CASES)
def test_wrong_value_is_told_where_it_is_written(value: str) -> None:
    text = JOB.replace("time: scheduled, shift: -1d, format: date", value)
    if "\\n" in value:
        text = text.replace("${var:at}", "${var:day}")
    found = [one.removeprefix("jobs/day-report.yaml:") for one in findings(tree({"day-report.yaml": text}))]
    assert found == CASES[value]


def test_number_is_quoted_by_a_fix() -> None:
    [problem] = [one for one in tree({"day-report.yaml": JOB + "  x: 3\n"}).problems if one.rule == "type"]
    assert (problem.hint, problem.fix) == ("quote it", '"3"')


def test_values_replace_and_are_never_merged() -> None:
    texts = {
        "_defaults.yaml": "variables: {day: {time: next, shift: 1h, format: unix}}\n",
        "day-report.yaml": JOB.replace("day: {time: scheduled, shift: -1d, format: date}", "day: {time: previous}"),
    }
    made = tree(texts).jobs["day-report"].job
    assert made is not None
    assert made.document()["variables"]["day"] == {"time": "previous", "format": "rfc3339"}


def test_variables_cannot_make_a_text_longer_than_a_file() -> None:
    """20,000 references to 8,000 characters would be a body of 160 MB."""
    text = "name: some-job\nschedule: '@daily'\nwebhook:\n  url: https://a.example.com/\n  method: POST\n  body: '{}'\n"
    files = {
        "_defaults.yaml": f"variables: {{long: {'y' * 8000}}}\n",
        "some-job.yaml": text.format("${var:long}" * 20_000),
    }
    found = tree(files)
    assert [one.message for one in found.problems if one.rule == "range"] == [
        "webhook.body has 160,220,000 characters with its variables; at most 262,144"
    ]
    assert not found.jobs
    (made,) = tree(files | {"some-job.yaml": text.format("${var:long}" * 32)}).jobs.values()
    assert made.job is not None
    assert made.job.webhook.body == "y" * 256_000
