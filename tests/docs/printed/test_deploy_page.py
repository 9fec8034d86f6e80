"""docs/how-to/deploy.md: its commands create the secrets that the manifests ask for, and its kustomization renders."""

import base64
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from harness.programs.tools import tool

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/how-to/deploy.md").read_text("utf-8")


def kubectl(*words: str, folder: Path) -> str:
    done = subprocess.run(
        [tool("kubectl"), *words], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, ""), words
    return done.stdout


def folder_of_the_page(folder: Path) -> Path:
    """As the page says: the kustomization beside the checkout and a settings file."""
    (text,) = re.findall(r"```yaml\n(resources: .*?)```", PAGE, re.DOTALL)
    (folder / "kustomization.yaml").write_text(text)
    (folder / "chronos.toml").write_text('repo = "https://git.example.com/mine.git"\n')
    (folder / "chronos-gitops").symlink_to(ROOT)
    return folder


def rendered(folder: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(kubectl("kustomize", "--load-restrictor=LoadRestrictionsNone", ".", folder=folder)))


def asked_for(objects: list[dict[str, Any]]) -> Iterator[tuple[str, str | None]]:
    """Each secret that pods and the monitor read, with its key; None for each key."""
    by_kind = {one["kind"]: one for one in objects}
    pod = by_kind["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    for entry in container["env"]:
        if "valueFrom" in entry:
            yield entry["valueFrom"]["secretKeyRef"]["name"], entry["valueFrom"]["secretKeyRef"]["key"]
        elif entry["name"] == "CHRONOS_GIT_PASSWORD_FILE":
            git = next(one for one in pod["volumes"] if one["name"] == "git")
            yield git["secret"]["secretName"], Path(entry["value"]).name
    yield next(one for one in pod["volumes"] if one["name"] == "secrets")["secret"]["secretName"], None
    (endpoint,) = by_kind["PodMonitor"]["spec"]["podMetricsEndpoints"]
    yield endpoint["authorization"]["credentials"]["name"], endpoint["authorization"]["credentials"]["key"]


def test_commands_create_every_secret_that_the_manifests_read(tmp_path: Path) -> None:
    folder = folder_of_the_page(tmp_path)
    commands = re.findall(r"^\$ kubectl (.* create secret .*)$", PAGE, re.MULTILINE)
    created = {}
    for line in commands:
        words = shlex.split(line)
        file = words[-1].rpartition("=")[2]
        (folder / file).write_text(f"content of {file}")
        secret = yaml.safe_load(kubectl(*words, "--dry-run=client", "--output=yaml", folder=folder))
        assert secret["metadata"]["namespace"] == "chronos"
        ((key, value),) = secret["data"].items()
        assert base64.b64decode(value).decode() == f"content of {file}"
        created[secret["metadata"]["name"]] = key
    wanted = dict(asked_for(rendered(folder)))
    assert created == {name: key or created.get(name) for name, key in wanted.items()}
    assert len(created) == 4


def test_the_kustomization_runs_the_image_and_the_settings_that_it_names(tmp_path: Path) -> None:
    objects = {one["kind"]: one for one in rendered(folder_of_the_page(tmp_path))}
    (container,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.com/chronos-gitops:0.2.0"
    configured = objects["ConfigMap"]
    assert configured["data"] == {"chronos.toml": 'repo = "https://git.example.com/mine.git"\n'}
    (volume,) = [one for one in objects["Deployment"]["spec"]["template"]["spec"]["volumes"] if "configMap" in one]
    assert volume["configMap"]["name"] == configured["metadata"]["name"]


def test_every_file_that_a_command_installs_exists() -> None:
    named = re.findall(r"(?<=[ (])(deploy/[\w./-]*\w)", PAGE)
    assert len(named) >= 5
    made = {"deploy/compose/git-password", "deploy/compose/secrets/backup-token"}
    assert [path for path in named if path not in made and not (ROOT / path).exists()] == []
