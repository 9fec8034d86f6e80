"""The files of deploy/: settings that exist, probes that are answered, metrics that are exported, runbooks."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from docs.test_documents import anchors
from harness.programs.tools import tool
from harness.reference.metrics import series

from chronos_gitops.config import load
from chronos_gitops.config.model import SettingsError
from chronos_gitops.config.settings import TABLE, Settings

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted(DEPLOY.glob("kubernetes/*/*.yaml"))
_VARIABLE = re.compile(r"\bCHRONOS_[A-Z_]+\b")
_METRIC = re.compile(r"\bchronos_[a-z_]+")
_OF_HISTOGRAMS = ("_bucket", "_sum", "_count")


def documents(path: Path) -> list[Any]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


@pytest.mark.parametrize("path", sorted(p for p in DEPLOY.rglob("*") if p.is_file()), ids=lambda path: path.name)
def test_every_variable_is_a_setting(path: Path) -> None:
    known = {row.variable for row in TABLE} | {"CHRONOS_CONFIG", "CHRONOS_DATA"}
    assert set(_VARIABLE.findall(path.read_text())) <= known


@pytest.mark.parametrize("path", ["chronos.toml", "kubernetes/base/chronos.toml"])
def test_the_settings_file_is_one(path: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="placeholder"):
        load.load({}, {}, DEPLOY / path)
    (tmp_path / "chronos.toml").write_text((DEPLOY / path).read_text().replace("0" * 64, "5d" * 32))
    found = load.load({}, {}, tmp_path / "chronos.toml")
    assert (found.host, found.port, [token.name for token in found.tokens]) == ("0.0.0.0", 8080, ["prometheus"])


def test_both_settings_files_are_the_same() -> None:
    assert (DEPLOY / "chronos.toml").read_text() == (DEPLOY / "kubernetes/base/chronos.toml").read_text()


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_manifest_has_a_kind_a_version_and_files_that_exist(path: Path) -> None:
    for document in documents(path):
        assert {"apiVersion", "kind"} <= document.keys()
        if document["kind"] not in ("Kustomization", "Component"):
            assert document["metadata"]["name"] == ("chronos" if document["kind"] == "Namespace" else "chronos-gitops")
            continue
        named = [*document["resources"], *(patch["path"] for patch in document.get("patches", ()) if "path" in patch)]
        named += [file for one in document.get("configMapGenerator", ()) for file in one["files"]]
        assert all((path.parent / file).exists() for file in named)


def test_the_pod_is_probed_where_the_runner_answers_and_may_do_nothing_else() -> None:
    (deployment,) = documents(DEPLOY / "kubernetes/base/deployment.yaml")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    probed = {
        probe: container[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")
    }
    assert probed == {"startupProbe": "/readyz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["terminationGracePeriodSeconds"] > Settings("/", Path("/")).drain.total_seconds()
    assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]["type"]) == (1, "Recreate")
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_the_composed_service_keeps_its_state_and_drops_its_rights() -> None:
    (composed,) = documents(DEPLOY / "compose/compose.yaml")
    service = composed["services"]["chronos-gitops"]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert "state:/var/lib/chronos-gitops" in service["volumes"]
    assert "VOLUME /var/lib/chronos-gitops" in (ROOT / "Dockerfile").read_text()


def rules() -> Iterator[dict[str, Any]]:
    (found,) = documents(DEPLOY / "monitoring/alerts.yaml")
    for group in found["groups"]:
        yield from group["rules"]


def test_every_alert_has_words_and_a_runbook() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert {"summary", "description", "runbook"} == rule["annotations"].keys()
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert anchor == rule["alert"].lower()
        assert anchor in anchors(ROOT / page)


def test_every_metric_of_an_alert_and_of_the_dashboard_is_exported(tmp_path: Path) -> None:
    dashboard = json.loads((DEPLOY / "monitoring/dashboard.json").read_text())
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    expressions = [*(rule["expr"] for rule in rules()), *panels]
    expressions += [one["expr"] for one in dashboard["annotations"]["list"]]
    used = {metric for expression in expressions for metric in _METRIC.findall(expression)}
    assert len(used) >= 15
    known: set[str] = set()
    for name, (kind, _, _) in series(tmp_path):
        known |= {name + end for end in _OF_HISTOGRAMS} if kind == "histogram" else {name}
        # OpenMetrics, which Prometheus asks for, has the time at which a counter began.
        known |= {f"{name.removesuffix('_total')}_created"} if kind == "counter" else set()
    assert used - known == set()


def test_the_rules_ring_when_they_should(tmp_path: Path) -> None:
    """alerts_test.yaml holds a case for each rule; promtool comes with Prometheus (Debian: prometheus)."""
    cases = yaml.safe_load((DEPLOY / "monitoring/alerts_test.yaml").read_text())
    expected = [one for case in cases["tests"] for test in case["promql_expr_test"] for one in test["exp_samples"]]
    assert {one["labels"] for one in expected} == {f'{{alertname="{rule["alert"]}"}}' for rule in rules()}
    command = [tool("promtool"), "test", "rules", DEPLOY / "monitoring/alerts_test.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_unit_is_one_that_systemd_takes_and_exposes_little(tmp_path: Path) -> None:
    analyze = tool("systemd-analyze")
    unit = tmp_path / "chronos-gitops.service"
    text = (DEPLOY / "systemd/chronos-gitops.service").read_text()
    program = shutil.which("true")
    unit.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={program}", text, flags=re.MULTILINE))
    verified = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, check=False, timeout=60)
    assert (verified.returncode, verified.stderr) == (0, "")
    words = [analyze, "security", "--offline=true", "--threshold=20", unit]
    exposed = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert exposed.returncode == 0, exposed.stdout[-300:]


def test_the_watchdog_waits_longer_than_a_stall_is_called_one() -> None:
    unit = (DEPLOY / "systemd/chronos-gitops.service").read_text()
    assert int(re.findall(r"^WatchdogSec=(\d+)$", unit, re.MULTILINE)[0]) > 60
    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[0]) > 25
