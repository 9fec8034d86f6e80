"""Runs the steps of a composite action of GitHub as its runner does: GitHub's own evaluator of expressions, and bash.

Steps that use another action are not run: they are returned, with what they would be given.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from harness.programs.tools import tool

NODE_MODULES = Path(sys.prefix) / "node/node_modules"
_SCRIPT = Path(__file__).parents[1] / "node/expressions.mjs"


@dataclass
class ActionRun:
    """``used``: address and inputs of each action that a step used. ``failed``: names of steps that failed."""

    used: dict[str, dict[str, str]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    log: str = ""
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)


def run_action(
    action: Path, repository: Path, temp: Path, inputs: dict[str, str], github: dict[str, Any], environ: dict[str, str]
) -> ActionRun:
    """With a ``temp`` of an earlier run, the step that installs is left out: what it made is there."""
    document = yaml.safe_load(action.read_text())
    runner = {"os": "Linux", "arch": "X64", "temp": str(temp)}
    contexts: dict[str, Any] = {"github": {**github, "action_path": str(action.parent)}, "runner": runner, "steps": {}}
    contexts["inputs"] = {}
    for name, declared in document["inputs"].items():
        contexts["inputs"][name] = inputs.get(name) or _evaluated(temp, contexts, False, declared["default"])[0]
    found = ActionRun()
    files = {name: temp / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for step in document["runs"]["steps"]:
        is_installed = step.get("name", "").startswith("Install") and (temp / "chronos-gitops/venv/bin/pip").exists()
        if is_installed or not _is_due(step.get("if", "success()"), temp, contexts, bool(found.failed)):
            continue
        keys = list(step.get("with", step.get("env", {})))
        texts = [step.get("with", step.get("env", {}))[key] for key in keys]
        given = dict(zip(keys, _evaluated(temp, contexts, bool(found.failed), *texts), strict=True))
        if "uses" in step:
            found.used[step["uses"]] = given
            continue
        files["GITHUB_OUTPUT"].write_text("")
        paths = {name: str(path) for name, path in files.items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],  # as the runner calls it
            cwd=repository,
            env={**os.environ, **environ, **given, **paths},
            capture_output=True,
            text=True,
            check=False,
            timeout=250,
        )
        found.log += done.stdout + done.stderr
        if done.returncode:
            found.failed.append(step["name"])
        said = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
        contexts["steps"][step.get("id", step["name"])] = {"outputs": said}
        found.outputs |= said
    found.summary = files["GITHUB_STEP_SUMMARY"].read_text() if files["GITHUB_STEP_SUMMARY"].exists() else ""
    return found


def _is_due(condition: str, temp: Path, contexts: dict[str, Any], failed: bool) -> bool:
    """A condition without a function of the status means success, too."""
    if not any(name in condition for name in ("success()", "failure()", "always()")):
        condition = f"success() && ({condition})"
    return _evaluated(temp, contexts, failed, f"${{{{ ({condition}) && true || false }}}}") == ["true"]


def _evaluated(temp: Path, contexts: dict[str, Any], failed: bool, *texts: str) -> list[str]:
    script = temp / "expressions.mjs"  # modules of node are found from the folder of the script
    script.write_text(_SCRIPT.read_text())
    if not (temp / "node_modules").exists():
        (temp / "node_modules").symlink_to(NODE_MODULES)
    asked = json.dumps({"contexts": contexts, "failed": failed, "texts": texts})
    done = subprocess.run([tool("node"), script], input=asked, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found
