"""The kustomizations: rendered by the real kustomize, judged by published schemas, and read for what they mean."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from harness.programs.tools import tool

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy/kubernetes"
RELEASES = ("1.28", "1.37")
"""Of Kubernetes: the oldest that managed clusters still run, and the newest with schemas."""
CORE = ["ConfigMap", "Deployment", "Namespace", "NetworkPolicy", "Service"]


def rendered(folder: Path) -> list[dict[str, Any]]:
    command = [tool("kubectl"), "kustomize", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return list(yaml.safe_load_all(done.stdout))


def faults(objects: list[dict[str, Any]], folder: Path) -> list[str]:
    """Errors by the schemas of Kubernetes (unknown fields, too) and of the Prometheus operator."""
    of_the_operator = [one for one in objects if one["apiVersion"].startswith("monitoring.coreos.com/")]
    found = []
    for one in objects:
        for release in RELEASES if one not in of_the_operator else ():
            try:
                kubernetes_validate.validate(one, release, strict=True)
            except kubernetes_validate.ValidationError as error:
                found.append(f"{one['kind']}: {error.message}")
    script = folder / "operator_models.mjs"  # modules of node are found from the folder of the script
    script.write_text((ROOT / "tests/node/operator_models.mjs").read_text())
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(Path(sys.prefix) / "node/node_modules")
    words = [tool("node"), script]
    asked = json.dumps(of_the_operator)
    done = subprocess.run(words, input=asked, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return found + done.stdout.splitlines()


def own(folder: Path, base: str, *components: str) -> Path:
    """A kustomization as the comments of the components tell to write it."""
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [f"chronos-gitops/deploy/kubernetes/{base}"],
        "components": [f"chronos-gitops/deploy/kubernetes/{name}" for name in components],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    (folder / "chronos-gitops/deploy").mkdir(parents=True)
    subprocess.run(["cp", "-r", KUBERNETES, folder / "chronos-gitops/deploy"], check=True, timeout=60)
    return folder


@pytest.mark.parametrize(
    ("base", "kinds"), [("base", ["PersistentVolumeClaim"]), ("replicas", ["PodDisruptionBudget"])]
)
def test_what_is_rendered_is_valid_with_and_without_components(base: str, kinds: list[str], tmp_path: Path) -> None:
    plain = rendered(KUBERNETES / base)
    assert sorted(one["kind"] for one in plain) == sorted([*CORE, *kinds])
    assert faults(plain, tmp_path) == []
    full = rendered(own(tmp_path, base, "monitoring", "ingress"))
    assert sorted(one["kind"] for one in full) == sorted([*CORE, *kinds, "Ingress", "PodMonitor", "PrometheusRule"])
    assert faults(full, tmp_path) == []
    assert {one["metadata"].get("namespace", "chronos") for one in full} == {"chronos"}


def test_faults_are_found_by_both_validators(tmp_path: Path) -> None:
    full = rendered(own(tmp_path, "base", "monitoring"))
    by_kind = {one["kind"]: one for one in full}
    by_kind["Deployment"]["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"
    by_kind["PodMonitor"]["spec"]["podMetricsEndpoints"][0]["port"] = 8080
    by_kind["PrometheusRule"]["spec"]["groups"][0]["rules"][0].pop("expr")
    found = " ".join(faults(full, tmp_path))
    assert "imagePullPolice" in found
    assert "PodMonitor" in found
    assert "PrometheusRule" in found


def test_every_part_selects_the_pods_and_names_what_is_there(tmp_path: Path) -> None:
    objects = {one["kind"]: one for one in rendered(own(tmp_path, "replicas", "monitoring", "ingress"))}
    pod = objects["Deployment"]["spec"]["template"]
    labels = pod["metadata"]["labels"].items()
    (container,) = pod["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    for kind in ("PodMonitor", "PodDisruptionBudget", "Deployment"):
        assert objects[kind]["spec"]["selector"]["matchLabels"].items() <= labels
    assert objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"].items() <= labels
    assert {one["port"] for one in objects["PodMonitor"]["spec"]["podMetricsEndpoints"]} <= ports
    service = objects["Service"]["spec"]["ports"][0]
    assert service["targetPort"] in ports
    (rule,) = objects["Ingress"]["spec"]["rules"]
    named = rule["http"]["paths"][0]["backend"]["service"]
    assert (named["name"], named["port"]["name"]) == (objects["Service"]["metadata"]["name"], service["name"])
    assert f'"{rule["host"]}"' in objects["ConfigMap"]["data"]["chronos.toml"]


@pytest.mark.parametrize("base", ["base", "replicas"])
def test_what_a_pod_mounts_is_there(base: str) -> None:
    objects = {one["kind"]: one for one in rendered(KUBERNETES / base)}
    spec = objects["Deployment"]["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    configured = [volume["configMap"]["name"] for volume in volumes.values() if "configMap" in volume]
    assert configured == [objects["ConfigMap"]["metadata"]["name"]]
    claimed = [one["persistentVolumeClaim"]["claimName"] for one in volumes.values() if "persistentVolumeClaim" in one]
    assert claimed == [one["metadata"]["name"] for kind, one in objects.items() if kind == "PersistentVolumeClaim"]
    mounted = {mount["name"] for container in spec["containers"] for mount in container["volumeMounts"]}
    assert mounted == volumes.keys()


def test_one_replica_may_go_and_one_stays() -> None:
    objects = {one["kind"]: one for one in rendered(KUBERNETES / "replicas")}
    spec = objects["Deployment"]["spec"]
    assert spec["replicas"] - spec["strategy"]["rollingUpdate"]["maxUnavailable"] >= 1
    assert objects["PodDisruptionBudget"]["spec"]["minAvailable"] == spec["replicas"] - 1
    (container,) = spec["template"]["spec"]["containers"]
    assert "CHRONOS_ENGINE" in {one["name"] for one in container["env"]}


@pytest.mark.parametrize("base", ["base", "replicas"])
def test_the_pods_fit_the_restricted_pod_security_standard(base: str) -> None:
    """kubernetes.io/docs/concepts/security/pod-security-standards; the namespace enforces it."""
    objects = {one["kind"]: one for one in rendered(KUBERNETES / base)}
    enforced = objects["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    spec = objects["Deployment"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert enforced == "restricted"
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    kinds = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
    assert kinds <= {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}


def test_the_network_policy_keeps_the_metadata_service_out() -> None:
    objects = {one["kind"]: one for one in rendered(KUBERNETES / "base")}
    blocks = [to["ipBlock"] for rule in objects["NetworkPolicy"]["spec"]["egress"] for to in rule.get("to", ())]
    assert {block["cidr"]: block["except"][0] for block in blocks} == {
        "0.0.0.0/0": "169.254.0.0/16",
        "::/0": "fe80::/10",
    }


def test_the_dockerfile_has_no_finding() -> None:
    words = [tool("hadolint"), "--no-color", ROOT / "Dockerfile"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")
