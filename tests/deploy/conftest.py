"""The image of the Dockerfile, on a base of Debian packages, built once, and a repository for its runners.

No image registry is asked: the base is made here by mmdebstrap, and takes the place of BASE.
"""

import os
import resource
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness.programs.tools import tool

from chronos_gitops.cli.demo.receiver import Receiver

ROOT = Path(__file__).parents[2]
IMAGE = "localhost/chronos-gitops:latest"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
JOB = """\
name: tick
schedule: "@every 1s"
enabled: true
webhook: {{url: "{url}", method: POST}}
"""


@dataclass(frozen=True)
class Containers:
    """podman and buildah with a store of their own, and limits that a container may set here."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "BUILDAH_ISOLATION": "chroot",
        }

    def prepare(self) -> None:
        files = min(20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        (self.folder / "containers.conf").write_text(
            f'[containers]\ndefault_ulimits = ["nofile={files}:{files}", "nproc=1000:1000"]\n'
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        )
        (self.folder / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{self.folder}/store"\nrunroot = "{self.folder}/run"\n'
        )

    def run(self, *words: str | Path, expected: int = 0, seconds: float = 900) -> str:
        done = subprocess.run(
            [tool(str(words[0])), *map(str, words[1:])],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        assert done.returncode == expected, (words, done.stdout[-3000:], done.stderr[-3000:])
        return done.stdout.strip() or done.stderr.strip()


@pytest.fixture(scope="session")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Containers:
    found = Containers(tmp_path_factory.mktemp("containers"))
    found.prepare()
    packages = "python3-venv,python-is-python3,ca-certificates"
    found.run("mmdebstrap", "--variant=minbase", f"--include={packages}", "bookworm", "base.tar")
    base = found.run("buildah", "from", "scratch")
    found.run("buildah", "add", base, "base.tar", "/")
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    found.run("buildah", "config", "--env", f"PATH={path}", "--env", f"PIP_CERT={CERTIFICATES}", base)
    found.run("buildah", "commit", "--rm", base, "localhost/base:latest")
    mounted = ("-v", f"{CERTIFICATES}:{CERTIFICATES}:ro", "-v", "/etc/resolv.conf:/etc/resolv.conf:ro")
    arguments = ("--format", "docker", "--network", "host", "--build-arg", "BASE=localhost/base:latest")
    found.run("buildah", "build", *arguments, *mounted, "-t", IMAGE, ROOT)
    return found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


@pytest.fixture
def repository(tmp_path: Path, receiver: Receiver) -> Path:
    folder = tmp_path / "repository"
    (folder / "jobs").mkdir(parents=True)
    (folder / "jobs/tick.yaml").write_text(JOB.format(url=receiver.url()))
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-qm", "A job")):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words], cwd=folder, check=True)
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == os.getuid() and path != Path("/tmp"):
            path.chmod(path.stat().st_mode | 0o055)  # others, for the user of the image
    return folder
