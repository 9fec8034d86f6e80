"""The chart, rendered by Helm's own code: the same objects as the kustomizations, and a reason where values do not fit.

PyPI's helm-python-sdk has Helm 4 as a library, so no cluster and no network are asked.
"""

import re
import shlex
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from deploy.test_kubernetes import KUBERNETES, faults, own, rendered
from harness.programs.tools import library

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/chronos-gitops"
SETTINGS = (KUBERNETES / "base/chronos.toml").read_text()
SHARED = {"replicas": 2, "engine": {"secret": "chronos-gitops-engine"}}
FULL = {"ingress": {"enabled": True, "host": "chronos.example.com"}, "monitoring": {"enabled": True}}
_OWN = ("checksum/config", "helm.sh/resource-policy", "app.kubernetes.io/instance", "imagePullPolicy")
"""Keys that only the chart has."""


def helm() -> ModuleType:
    return library("helm_python")


def installed(values: dict[str, Any], release: str = "chronos-gitops") -> list[dict[str, Any]]:
    with helm().Chart.load(CHART) as chart:
        texts = chart.render({"settings": SETTINGS} | values, name=release, namespace="chronos")
    texts.pop(next(name for name in texts if name.endswith("NOTES.txt")), None)
    return [one for text in texts.values() for one in yaml.safe_load_all(text) if one]


def essence(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Without labels and annotations that name the tool, and with one image and one name of the settings."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            kept = {key: plain(one) for key, one in value.items() if key not in _OWN}
            return {key: one for key, one in kept.items() if one != {} or value[key] == {}}
        if isinstance(value, list):
            return [plain(one) for one in value]
        if not isinstance(value, str):
            return value
        return re.sub(r"\Achronos-gitops(?:-[a-z0-9]{10}|:latest|:0\.2\.0)\Z", "chronos-gitops", value)

    found = {}
    for one in objects:
        if one["kind"] == "Namespace":
            continue
        one["metadata"].pop("labels", None)
        one["metadata"]["name"] = "x"
        found[one["kind"]] = plain(one)
    return found


@pytest.mark.parametrize(("base", "values"), [("base", {}), ("replicas", SHARED)])
def test_the_chart_has_the_objects_of_the_kustomization(base: str, values: dict[str, Any], tmp_path: Path) -> None:
    expected = essence(rendered(own(tmp_path, base, "monitoring", "ingress")))
    found = essence(installed(values | FULL))
    assert found.keys() == expected.keys()
    assert {kind: found[kind] for kind in found if found[kind] != expected[kind]} == {}


@pytest.mark.parametrize("values", [{}, FULL, SHARED, SHARED | FULL, {"networkPolicy": {"enabled": False}}])
def test_objects_are_valid_by_the_schemas_of_kubernetes(values: dict[str, Any], tmp_path: Path) -> None:
    objects = installed(values, release="jobs")
    assert faults(objects, tmp_path) == []
    assert {one["metadata"]["name"] for one in objects} == {"jobs-chronos-gitops"}
    assert {one["metadata"]["namespace"] for one in objects} == {"chronos"}


def test_every_value_has_an_effect_and_the_parts_fit(tmp_path: Path) -> None:
    values = {
        "image": {"repository": "registry.example.com/chronos", "tag": "1", "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "registry"}],
        "persistence": {"size": "9Gi", "storageClass": "fast"},
        "gitSecret": "git",
        "jobSecrets": "jobs",
        "extraEnv": [{"name": "https_proxy", "value": "http://proxy:3128"}],
        "resources": {"limits": {"memory": "2Gi"}},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "jobs", "operator": "Exists"}],
        "ingress": FULL["ingress"] | {"className": "nginx", "tlsSecret": "tls", "annotations": {"a": "b"}},
        "monitoring": {"enabled": True, "tokenSecret": "metrics"},
    }
    objects = installed(values)
    assert faults(objects, tmp_path) == []
    text = yaml.safe_dump(objects)
    for word in ("registry.example.com/chronos:1", "Always", "9Gi", "fast", "3128", "2Gi", "ssd", "nginx", "metrics"):
        assert word in text
    with helm().Chart.load(CHART) as chart:
        assert set(values) | {"settings", "replicas", "engine", "networkPolicy"} == set(chart.values)
        assert set(chart.schema["properties"]) == {*chart.values, "global"}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"settings": ""}, "settings: name your chronos.toml with --set-file settings=chronos.toml"),
        ({"replicas": 2}, "replicas: several runners need engine.secret"),
        ({"ingress": {"enabled": True}}, "ingress.host: name the host of public_url"),
        ({"replicaCount": 2}, "replicaCount"),
        ({"replicas": "two"}, "replicas"),
        ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
    ],
)
def test_values_that_do_not_fit_are_refused_with_the_reason(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(helm().HelmError) as failure:
        installed(values)
    assert reason in str(failure.value)


def test_lint_and_package_have_no_finding(tmp_path: Path) -> None:
    found = helm().lint(CHART, {"settings": SETTINGS} | FULL, strict=True)
    assert found["errors"] == []
    assert [one for one in found["messages"] if one["severity"] > 1] == []
    with helm().Chart.load(CHART) as chart:
        archive = Path(chart.save(tmp_path))
    assert archive.name == "chronos-gitops-0.2.0.tgz"
    with helm().Chart.load(archive) as again:
        assert again.name == "chronos-gitops"


def test_the_command_of_the_page_installs_the_settings_and_the_image(tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/deploy.md").read_text()
    (command,) = re.findall(r"^\$ (helm (?:.*\n> )*.*)$", page, re.MULTILINE)
    words = shlex.split(command.replace("\\\n> ", ""))
    assert words[:5] == [
        "helm",
        "install",
        "chronos-gitops",
        "chronos-gitops/deploy/helm/chronos-gitops",
        "--namespace",
    ]
    options = dict(zip(words[4::2], words[5::2], strict=True))
    assert options.pop("--namespace") == "chronos"
    assert options.pop("--set-file") == "settings=chronos.toml"
    values = helm().parse_set_string(options.pop("--set"))
    assert options == {}
    (container,) = next(one for one in installed(values) if one["kind"] == "Deployment")["spec"]["template"]["spec"][
        "containers"
    ]
    assert container["image"] == "registry.example.com/chronos-gitops:0.2.0"
