"""The container image: everything that pip installs there is pinned by hash."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=;! ]", requirement, maxsplit=1)[0].lower()


def locked(name: str) -> dict[str, str]:
    """Versions by name; fails where an entry has no hash."""
    entries = re.split(r"\n(?=\S)", (ROOT / "requirements" / name).read_text().strip())
    assert all("--hash=sha256:" in entry for entry in entries)
    return dict(re.match(r"(\S+?)==(\S+)", entry).groups() for entry in entries)  # type: ignore[union-attr]  # all match


@pytest.mark.parametrize("extra", ["otel", "postgres", "temporal"])
def test_the_image_holds_every_engine_and_spans(extra: str) -> None:
    wanted = map(name_of, PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"][extra])
    assert set(wanted) <= set(locked("image.lock"))


def test_the_image_runs_the_versions_that_the_tests_run() -> None:
    tested = locked("dev.lock")
    assert locked("image.lock").items() <= tested.items()
    assert locked("build.lock").items() <= tested.items()


def test_the_build_backend_is_locked() -> None:
    assert set(map(name_of, PROJECT["build-system"]["requires"])) <= set(locked("build.lock"))
    assert "--no-build-isolation" in DOCKERFILE


def test_pip_installs_nothing_without_a_hash() -> None:
    installs = re.findall(r"pip install ([^\n&]*)", DOCKERFILE)
    assert len(installs) == 3
    assert all("--require-hashes" in words or "--no-index" in words for words in installs)


def test_the_context_of_the_build_has_what_is_copied_and_nothing_else() -> None:
    """.dockerignore names each thing alone; a file that it forgets ends the build."""
    words = [line.split()[1:-1] for line in DOCKERFILE.splitlines() if re.match(r"COPY (?!--from)", line)]
    copied = {source for sources in words for source in sources}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)


def test_the_user_of_the_image_is_the_one_of_the_manifests() -> None:
    pod = yaml.safe_load((ROOT / "deploy/kubernetes/base/deployment.yaml").read_text())["spec"]["template"]["spec"]
    composed = yaml.safe_load((ROOT / "deploy/compose/compose.yaml").read_text())["services"]["chronos-gitops"]
    user, group = (pod["securityContext"][key] for key in ("runAsUser", "runAsGroup"))
    assert f"\nUSER {user}:{group}\n" in DOCKERFILE
    assert f"--gid {group} " in DOCKERFILE
    assert composed["user"] == f"{user}:{group}"
    assert "\nSTOPSIGNAL SIGTERM\n" in DOCKERFILE
