"""A runner whose public address is that of nginx or Caddy, with TLS and under /chronos."""

import re
import ssl
import textwrap
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx
from harness.processes.subprocess_runner import Runner
from harness.programs.caddy import Caddy
from harness.programs.nginx import Nginx
from harness.programs.tools import free_port
from harness.repositories.repository import Repository, job_text
from harness.servers import Certificates

DOCS: Final = Path(__file__).parents[3] / "docs" / "how-to"
_BLOCK = re.compile(r"^```(nginx|caddy)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROXIES: Final = ("nginx", "caddy")


def configuration(page: str, proxy: str) -> str:
    """The lines for the proxy in a how-to guide, as a reader copies them."""
    return dict(_BLOCK.findall((DOCS / page).read_text()))[proxy]


def settings_of(page: str, number: int) -> str:
    """A block of settings of a how-to guide, without its indent."""
    blocks = re.findall(r"^ *```toml\n(.*?)^ *```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    return textwrap.dedent(blocks[number])


@dataclass(frozen=True)
class ProxiedRunner:
    runner: Runner
    browser: httpx.Client
    repository: Repository
    port: int

    @property
    def origin(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"{self.browser.base_url}{path.removeprefix('/')}"

    def get(self, path: str) -> httpx.Response:
        return self.browser.get(urljoin(str(self.browser.base_url), path))


def start(
    stack: ExitStack, folder: Path, certificates: Certificates, proxy: str, lines: str, settings: str = ""
) -> ProxiedRunner:
    """A runner with two jobs, one of them invalid. ``lines`` configure the proxy; the addresses that the guides write
    in them are replaced by the runner's."""
    repository = Repository.init(folder / "checkout")
    repository.write("jobs/one.yaml", job_text("one"))
    repository.commit("Add one")
    repository.write("jobs/one.yaml", job_text("one", schedule="0 3 * * *"))
    repository.write("jobs/broken.yaml", "name: broken\n")
    repository.commit("Change one")
    port = free_port()
    config = folder / "chronos.toml"
    config.write_text(f'public_url = "https://127.0.0.1:{port}/chronos"\n{settings}')
    environ = {"CHRONOS_CONFIG": str(config), "SSL_CERT_FILE": str(certificates.authority)}
    runner = stack.enter_context(Runner(str(repository.root), data=folder / "data", environ=environ))
    inside = lines.replace("127.0.0.1:8080", f"127.0.0.1:{urlsplit(runner.address).port}")
    program = {"nginx": Nginx, "caddy": Caddy}[proxy]
    stack.enter_context(program(certificates, inside=inside, port=port))
    context = ssl.create_default_context(cafile=certificates.authority)
    base = f"https://127.0.0.1:{port}/chronos/"
    browser = stack.enter_context(httpx.Client(base_url=base, verify=context, trust_env=False, timeout=20))
    return ProxiedRunner(runner, browser, repository, port)
