"""The effective job, and where each of its values is written."""

from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chronos_gitops.jobs.layers.effective import EffectiveJob
from chronos_gitops.jobs.layers.file_roles import place_of
from chronos_gitops.jobs.layers.parts import parts_of
from chronos_gitops.jobs.layers.tree import Layer, Layers
from chronos_gitops.jobs.validation.document import read
from chronos_gitops.jobs.validation.yaml.positions import Path

DEFAULTS = """\
timezone: Europe/Paris
retry_policy: {max_attempts: 5}
webhook:
  headers: {X-Team: a}
  auth: {type: hmac, secret: "${secret:pay}"}
environments: {staging: {timeout: 10s}}
"""
STAGING = """\
enabled: false
variables:
  api: https://api.staging.test
"""
NIGHTLY = """\
name: nightly-settlement
schedule: "0 2 * * *"
webhook: {url: "${var:api}/v1/settle", headers: {x-team: b}}
environments:
  staging: {enabled: true, schedule: "@hourly", timezone: null}
"""
FILES = {
    "jobs/payments/_defaults.yaml": DEFAULTS,
    "jobs/_environments/staging.yaml": STAGING,
    "jobs/_environments/production.yaml": "# declared\n",
}


def layers_of(files: Mapping[str, str]) -> Layers:
    return Layers(
        [
            Layer(path, place_of(path.removeprefix("jobs/")), text, parts_of(read(path, text.encode())))
            for path, text in files.items()
        ],
        lambda path: path.removeprefix("jobs/"),
    )


def job_of(
    text: str, environment: str | None, files: Mapping[str, str], path: str = "jobs/payments/nightly.yaml"
) -> EffectiveJob:
    return layers_of(files).job(path, parts_of(read(path, text.encode())), environment)


def test_what_names_the_environment_wins_and_among_equals_the_nearer() -> None:
    assert job_of(NIGHTLY, "staging", FILES).document.value == {
        "retry_policy": {"max_attempts": 5},
        "webhook": {
            "auth": {"type": "hmac", "secret": "${secret:pay}"},
            "url": "https://api.staging.test/v1/settle",
            "headers": {"x-team": "b"},
        },
        "name": "nightly-settlement",
        "schedule": "@hourly",
        "enabled": True,
        "timeout": "10s",
        "variables": {"api": "https://api.staging.test"},
    }
    plain = job_of(NIGHTLY.partition("environments")[0], "staging", FILES)
    assert plain.document.value["enabled"] is False


def test_places_are_where_the_value_is_written() -> None:
    document = job_of(NIGHTLY, "staging", FILES).document
    paths: list[Path] = [
        ("retry_policy", "max_attempts"),
        ("webhook", "auth", "secret"),
        ("webhook", "url"),
        ("webhook", "headers", "x-team"),
        ("enabled",),
        ("timeout",),
    ]
    found = {".".join(map(str, path)): document.spot(path) for path in paths}
    assert {name: f"{spot.file}:{spot.line} {spot.text}" for name, spot in found.items()} == {
        "retry_policy.max_attempts": "jobs/payments/_defaults.yaml:2 5",
        "webhook.auth.secret": 'jobs/payments/_defaults.yaml:5 "${secret:pay}"',
        "webhook.url": "jobs/_environments/staging.yaml:3 https://api.staging.test",
        "webhook.headers.x-team": "jobs/payments/nightly.yaml:3 b",
        "enabled": "jobs/payments/nightly.yaml:5 true",
        "timeout": "jobs/payments/_defaults.yaml:6 10s",
    }
    assert document.missing_spot(("webhook",)).text == "nightly-settlement"
    assert document.source(("timezone",)) is None


def test_content_depends_on_values_and_used_variables_alone() -> None:
    content = job_of(NIGHTLY, "staging", FILES).content
    reformatted = FILES | {"jobs/payments/_defaults.yaml": "# A comment.\n" + DEFAULTS}
    unused = FILES | {"jobs/_environments/staging.yaml": STAGING + "  other: x\n"}
    changed = FILES | {"jobs/_environments/staging.yaml": STAGING.replace("api.", "apis.")}
    assert job_of(NIGHTLY, "staging", reformatted).content == content
    assert job_of(NIGHTLY, "staging", unused).content == content
    assert job_of(NIGHTLY, "staging", changed).content != content


VALUES = st.sampled_from(("null", "a", '"b"', "3", "[x]", "{k: v}", "{k: null, l: w}"))
BLOCK = st.fixed_dictionaries({}, optional=dict.fromkeys(("timeout", "tags", "concurrency"), VALUES))
LAYER = st.tuples(BLOCK, BLOCK)


def text_of(layer: tuple[dict[str, str], dict[str, str]]) -> str:
    base, block = ("".join(f"{key}: {value}\n" for key, value in part.items()) for part in layer)
    nested = "".join(f"    {line}\n" for line in block.splitlines())
    return base + (f"environments:\n  staging:\n{nested}" if nested else "")


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, (*path, key))
    else:
        yield path, value


@given(LAYER, LAYER, BLOCK, LAYER, st.sampled_from((None, "staging")))
def test_each_source_holds_the_effective_value(
    top: Any, near: Any, staging: Any, own: Any, environment: str | None
) -> None:
    files = {
        "jobs/_defaults.yaml": text_of(top),
        "jobs/payments/_defaults.yaml": text_of(near),
        "jobs/_environments/staging.yaml": text_of((staging, {})),
    }
    document = job_of("name: one-job\n" + text_of(own), environment, files).document
    for path, value in leaves(document.value):
        spot = document.source(path)
        assert spot is not None
        text = spot.whole[spot.column - 1 :] if isinstance(value, list) else spot.text
        assert read("x", f"v: {text}".encode()).value == {"v": value}
