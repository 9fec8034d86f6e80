"""A real Prometheus on a free port, with the files of deploy/monitoring: the times in them are made short."""

import json
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml
from harness.programs.tools import tool

MONITORING = Path(__file__).parents[3] / "deploy/monitoring"
WINDOW_S = 15
"""Seconds in place of every range of a query, with an evaluation each second."""
SCRAPE_S = 3
"""A scrape may take as long: within 1 s, hardly one in two succeeded beside 16 busy processes."""


def quick_rules() -> str:
    """alerts.yaml with ``for: 1s``, short ranges, and seconds in place of minutes of silence."""
    text = (MONITORING / "alerts.yaml").read_text()
    text = re.sub(r"\bfor: \w+", "for: 1s", text)
    text = re.sub(r"\[\d+[mh]\]", f"[{WINDOW_S}s]", text)
    text, silences = re.subn(r"(seconds > )(?:600|60)\b", r"\g<1>6", text)
    text, periods = re.subn(r"\+ 600\)", "+ 4)", text)
    text, ages = re.subn(r"< (?:3600|1800)\)", f"< {WINDOW_S})", text)
    assert (silences, periods, ages) == (2, 1, 2)
    return text


class Prometheus:
    """Leaving the block ends it. ``scrape`` names its targets, and may be called again."""

    def __init__(self, token: str = "") -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chronos-prometheus-")
        self._root = Path(self._folder.name)
        config = yaml.safe_load((MONITORING / "prometheus.yaml").read_text())
        config["global"] = {
            "scrape_interval": f"{SCRAPE_S}s",
            "scrape_timeout": f"{SCRAPE_S}s",
            "evaluation_interval": "1s",
        }
        del config["alerting"]
        (scraped,) = config["scrape_configs"]
        del scraped["static_configs"]
        scraped["file_sd_configs"] = [{"files": ["targets.json"], "refresh_interval": "1s"}]
        scraped["authorization"]["credentials_file"] = "token"
        (self._root / "token").write_text(token or "none")
        (self._root / "alerts.yaml").write_text(quick_rules())
        (self._root / "prometheus.yaml").write_text(yaml.safe_dump(config))
        self.scrape()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        self._log = (self._root / "log").open("w")
        words = ["--config.file=prometheus.yaml", "--storage.tsdb.path=data", f"--web.listen-address={address}"]
        self._process = subprocess.Popen([tool("prometheus"), *words], cwd=self._root, stderr=self._log)
        self._client = httpx.Client(base_url=f"http://{address}/api/v1", trust_env=False, timeout=20)

    def scrape(self, *addresses: str) -> None:
        targets = [address.removeprefix("http://") for address in addresses]
        fresh = self._root / "targets.new"
        fresh.write_text(json.dumps([{"targets": targets}]))
        fresh.rename(self._root / "targets.json")

    def __enter__(self) -> Self:
        self.until(lambda: self._ready(), "it is ready")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        self._process.terminate()
        self._process.wait(30)
        self._log.close()
        self._folder.cleanup()

    def _ready(self) -> bool:
        assert self._process.poll() is None, (self._root / "log").read_text()
        try:
            return self._client.get("/status/buildinfo").status_code == 200
        except httpx.TransportError:
            return False

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = self._client.get("/query", params={"query": expression})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def firing(self) -> dict[str, list[dict[str, str]]]:
        """The labels of each alert that fires, by its name."""
        answer = self._client.get("/alerts")
        found: dict[str, list[dict[str, str]]] = {}
        for alert in answer.json()["data"]["alerts"]:
            if alert["state"] == "firing":
                found.setdefault(alert["labels"]["alertname"], []).append(alert["labels"])
        return found

    def until(self, holds: Callable[[], object], what: str, timeout: float = 120.0) -> None:
        deadline = time.monotonic() + timeout
        while not holds():
            assert time.monotonic() < deadline, f"not within {timeout:.0f} s: {what}; {self._state()}"
            time.sleep(0.2)

    def _state(self) -> str:
        """The alerts that fire, and the last scrape of each target."""
        targets = self._client.get("/targets").json()["data"]["activeTargets"]
        keys = ("scrapeUrl", "health", "lastError", "lastScrape", "lastScrapeDuration")
        return f"firing: {self.firing()}; targets: {[{key: one[key] for key in keys} for one in targets]}"

    def until_firing(self, *names: str) -> None:
        self.until(lambda: set(names) <= self.firing().keys(), f"{', '.join(names)} fire")

    def until_clear(self, *names: str) -> None:
        self.until(lambda: not set(names) & self.firing().keys(), f"{', '.join(names)} are cleared")
