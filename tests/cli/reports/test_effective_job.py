"""The effective job as one file: read without layers it is the same job, and each comment names its value's place."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from chronos_gitops.cli.reports.effective_job import effective_file
from chronos_gitops.jobs.layers.effective import EffectiveJob
from chronos_gitops.jobs.layers.file_roles import place_of
from chronos_gitops.jobs.layers.parts import parts_of
from chronos_gitops.jobs.layers.tree import NO_LAYERS, Layer, Layers
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.validation.document import read
from chronos_gitops.jobs.validation.validate import validate_file

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PATH = "jobs/a/one.yaml"
LAYERS = ("jobs/_defaults.yaml", "jobs/_environments/staging.yaml", "jobs/a/_defaults.yaml")
FIELDS = (
    *("timezone: Europe/Paris", "timezone: null", "timeout: 90s", "timeout: null", "enabled: true", "jitter: 5s"),
    *("retry_policy: {max_attempts: 7}", "retry_policy: null", "tags: {team: a, tier: gold}", "tags: {team: null}"),
    *("concurrency: allow", "catchup_window: 2h", "missed_run_policy: ignore", "schedule: '@hourly'"),
    "schedule: '30 4 * * *'",
    "variables: {host: pay.test, word: 'a # b'}",
    "variables: {host: other.test}",
)
WEBHOOK_FIELDS = (
    *("headers: {X-Team: a}", "headers: {x-team: b, X-Word: '${var:word}'}", "headers: null", "method: POST"),
    *("auth: {type: hmac, secret: '${secret:pay}'}", "auth: {type: api_key, api_key: '${secret:b}', header: X-K}"),
    *("auth: {type: api_key, api_key: '${secret:c}'}", "auth: null", "success_codes: [200, 202-204]"),
    *('body: "{\\n  \\"a\\": \\"$${var:x} ${var:word}\\"\\n}\\n"', 'body: "# a"', "completion: callback"),
    "success: {body: [{json: /state, equals: '\U0001f600 done'}, {lacks: error}], otherwise: retry}",
)


def by_key(lines: list[str]) -> list[str]:
    return list({line.split(":")[0]: line for line in lines}.values())


PARTS = st.tuples(st.lists(st.sampled_from(FIELDS)).map(by_key), st.lists(st.sampled_from(WEBHOOK_FIELDS)).map(by_key))
OWN = 'name: nightly-run\nschedule: "0 3 * * *"\n'


def text_of(fields: list[str], webhook: list[str], margin: str = "") -> str:
    nested = [f"  {line}" for line in webhook]
    return "".join(f"{margin}{line}\n" for line in (*fields, *(["webhook:", *nested] if nested else ())))


def effective(own: str, files: Mapping[str, str]) -> tuple[EffectiveJob, Job]:
    layers = Layers(
        [
            Layer(path, place_of(path.removeprefix("jobs/")), text, parts_of(read(path, text.encode())))
            for path, text in files.items()
        ],
        lambda path: path.removeprefix("jobs/"),
    )
    environment = "staging" if LAYERS[1] in files else None
    judged = validate_file(PATH, own.encode(), layers=layers, environment=environment)
    assert judged.job is not None, judged.problems
    return layers.job(PATH, parts_of(read(PATH, own.encode())), environment), judged.job


@given(PARTS, st.dictionaries(st.sampled_from(LAYERS), PARTS), PARTS)
def test_read_without_layers_it_is_the_same_job(
    own: tuple[list[str], list[str]],
    layers: Mapping[str, tuple[list[str], list[str]]],
    block: tuple[list[str], list[str]],
) -> None:
    always = "variables: {host: pay.test, word: b}\n"
    files = {"jobs/_defaults.yaml": always} | {path: text_of(*part) for path, part in layers.items()}
    if not any("variables" in line for line in layers.get(LAYERS[0], ([], []))[0]):
        files[LAYERS[0]] = always + files[LAYERS[0]].replace(always, "")
    else:
        files[LAYERS[0]] = re.sub(r"variables: .*", always.strip(), files[LAYERS[0]])
    fields = [line for line in own[0] if not line.startswith("schedule")]
    text = OWN + text_of(fields, ['url: "https://${var:host}/v1"', *own[1]])
    if LAYERS[1] in files and any(block):
        fields = [line for line in block[0] if line != "schedule: null"]
        text += "environments:\n  staging:\n" + text_of(fields, block[1], "    ")
    made, job = effective(text, files)

    shown = effective_file(made, job, at=NOON)
    again = validate_file(PATH, shown.encode())

    assert again.errors == (), shown
    assert again.job is not None
    assert again.job.document() == job.document()
    alone = NO_LAYERS.job(PATH, parts_of(read(PATH, shown.encode())), None)
    assert alone.used_variables == made.used_variables
    _every_place_holds_its_value(shown, {**files, PATH: text})


def _every_place_holds_its_value(shown: str, files: Mapping[str, str]) -> None:
    block = False
    for line in shown.splitlines():
        key, comment = line.split(":")[0].strip(), line.rpartition("  # ")[2]
        if block and not re.search(r"  # \S+:\d+$|  # built in$", line):
            continue
        block = bool(re.search(r": \|-? *  #", line))
        if comment != "built in":
            file, _, number = comment.rpartition(":")
            assert key.lower() in files[file].splitlines()[int(number) - 1].lower(), line


def test_every_line_names_its_file_and_line() -> None:
    files = {
        "jobs/_defaults.yaml": "timezone: Europe/Paris\nretry_policy:\n  max_attempts: 5\n",
        "jobs/_environments/staging.yaml": "variables:\n  api: https://api.test\ntimeout: 10s\n",
    }
    own = 'name: nightly-run\nenabled: true\nschedule: "@hourly"\nwebhook:\n  url: ${var:api}/v1\n'
    places = [
        (" ".join(line.split("  # ")[0].split()), line.split("  # ")[1])
        for line in effective_file(*effective(own, files), at=NOON).splitlines()
    ]
    built_in = [words for words, place in places if place == "built in"]
    assert [(words, place) for words, place in places if place != "built in"] == [
        ("name: nightly-run", "jobs/a/one.yaml:1"),
        ('schedule: "@hourly"', "jobs/a/one.yaml:3"),
        ("timezone: Europe/Paris", "jobs/_defaults.yaml:1"),
        ("enabled: true", "jobs/a/one.yaml:2"),
        ("webhook:", "jobs/a/one.yaml:4"),
        ('url: "${var:api}/v1"', "jobs/a/one.yaml:5"),
        ("timeout: 10s", "jobs/_environments/staging.yaml:3"),
        ("retry_policy:", "jobs/_defaults.yaml:2"),
        ("max_attempts: 5", "jobs/_defaults.yaml:3"),
        ("variables:", "jobs/_environments/staging.yaml:1"),
        ("api: https://api.test", "jobs/_environments/staging.yaml:2"),
    ]
    assert built_in == [
        *('description: ""', "method: GET", "headers: {}", 'success_codes: ["200-299"]', "completion: response"),
        *("initial_interval: 1s", "multiplier: 2.0", "max_interval: 1m", "concurrency: forbid"),
        *("missed_run_policy: execute_one", "catchup_window: 1h", "jitter: 0s", "tags: {}"),
    ]
