"""Shared parts of curl and wget calls: headers, numbers, and the fields of the job."""

import re
from typing import Any, Final

from chronos_gitops.cli.importers.model import Unconvertible
from chronos_gitops.webhooks.request import is_reserved

FORM: Final = "application/x-www-form-urlencoded"
_MOST_ATTEMPTS: Final = 100
_NOT_WRITTEN: Final = ("-", "/dev/null", "/dev/stdout", "/dev/stderr")
_FOLLOWING: Final = ("host", "content-length", "transfer-encoding")
_ALWAYS: Final = {"user-agent": "User-Agent", "accept": "Accept"}


class Headers:
    """Headers by their name in any case. A second value of one name cannot be in a job, and is refused."""

    def __init__(self, lost: list[str]) -> None:
        self.values: dict[str, str] = {}
        self._removed: set[str] = set()
        self._lost = lost

    def add(self, name: str, value: str) -> None:
        name, value = name.strip(), value.strip()
        if self.has(name):
            raise Unconvertible(f"it sends the header {name[:60]} twice")
        self._set(name, value)

    def replace(self, name: str, value: str) -> None:
        self.values = {key: kept for key, kept in self.values.items() if key.lower() != name.strip().lower()}
        self._set(name.strip(), value.strip())

    def default(self, name: str, value: str) -> None:
        """For what the program itself adds, unless the call says otherwise."""
        if self.has(name) or self.is_removed(name):
            return
        if value:
            self._set(name, value)
        else:
            self.remove(name)

    def remove(self, name: str) -> None:
        name = name.strip().lower()
        self._removed.add(name)
        if name in _ALWAYS:
            self._lost.append(f"the header {_ALWAYS[name]} is always sent")

    def has(self, name: str) -> bool:
        return any(key.lower() == name.lower() for key in self.values)

    def is_removed(self, name: str) -> bool:
        return name.lower() in self._removed

    def _set(self, name: str, value: str) -> None:
        if name.lower() in _FOLLOWING:
            raise Unconvertible(f"it sets the header {name}, which follows from the address and the body")
        if is_reserved(name):
            self._lost.append(f"the header {name[:60]} is the runner's own")
            return
        self.values[name] = value


def document(url: str, method: str, headers: Headers, body: str | None, auth: dict[str, str] | None) -> dict[str, Any]:
    found: dict[str, Any] = {"url": url, "method": method, "headers": headers.values, "body": body, "auth": auth}
    if any("{{" in text for text in (url, body or "", *headers.values.values())):
        raise Unconvertible("it has {{ in it, which a job fills in")
    if url.endswith("?"):
        raise Unconvertible("its address ends with ?, which a webhook does not send")
    return {"webhook": {key: value for key, value in found.items() if value}}


def method(text: str, lost: list[str]) -> str:
    if text != text.upper():
        lost.append(f"the method is written in capitals: {text.upper()[:20]}")
    return text.upper()


def not_written(files: list[str]) -> list[str]:
    return [f"nothing is written to {name[:100]}" for name in dict.fromkeys(files) if name not in _NOT_WRITTEN]


def count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise Unconvertible(f'"{text[:20]}" is not a number of attempts')
    return int(text)


def limited(attempts: int) -> int:
    return min(attempts, _MOST_ATTEMPTS)


def seconds(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,3})?", text):
        raise Unconvertible(f'"{text[:20]}" is not a number of seconds')
    return text
