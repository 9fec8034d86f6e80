"""Headers and status codes of a request (RFC 9110)."""

import re
from collections.abc import Iterator

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.quoting import dotted, short
from chronos_gitops.jobs.validation.yaml.positions import Path

_FORBIDDEN = ("host", "content-length", "transfer-encoding")
# What describes the connection, and what the runner sends with every request (CONTRACT 5).
_IGNORED = re.compile(
    r"te|trailer|connection|keep-alive|upgrade|expect|x-chronos-.*|idempotency-key|traceparent|accept-encoding",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}\Z", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*\Z")
_RANGE = re.compile(r"([1-5][0-9]{2})-([1-5][0-9]{2})\Z", re.ASCII)
_SET_BY_AUTH = dict.fromkeys(["bearer", "basic", "oauth2", "identity"], "authorization")


def check(source: Document) -> Iterator[Problem]:
    headers = source.get("webhook", "headers")
    seen = {} if source.text("webhook", "auth", "type") is None else _of_auth(source)
    for name, value in (headers if isinstance(headers, dict) else {}).items():
        path: Path = ("webhook", "headers", name)
        yield from _name(source, path, name, at_key=True)
        if isinstance(value, str):
            yield from _value(source, path, value)
        if name.lower() in seen:
            message = f"the header {short(name)} is set already, by {seen[name.lower()]}"
            yield source.key_spot(path).problem("duplicate-header", message, "remove one of the two")
        seen[name.lower()] = f"webhook.headers.{short(name)}"
    header = source.text("webhook", "auth", "header")
    if header:
        yield from _name(source, ("webhook", "auth", "header"), header, at_key=False)
    yield from _success_codes(source)


def _of_auth(source: Document) -> dict[str, str]:
    kind = source.text("webhook", "auth", "type") or ""
    name = source.text("webhook", "auth", "header") or "X-API-Key" if kind == "api_key" else _SET_BY_AUTH.get(kind)
    return {name.lower(): f"webhook.auth of type {kind}"} if name else {}


def _name(source: Document, path: Path, name: str, *, at_key: bool) -> Iterator[Problem]:
    is_ignored = bool(_IGNORED.fullmatch(name))
    if _TOKEN.match(name) and not is_ignored and name.lower() not in _FORBIDDEN:
        return
    spot = source.key_spot(path) if at_key else source.spot(path)
    if not _TOKEN.match(name):
        message = f'"{short(name)}" is not a header name'
        yield spot.problem("header-name", message, "write letters, digits and hyphens, without the colon")
    elif name.lower() in _FORBIDDEN or (is_ignored and not at_key):
        message = f"the runner sets the header {name} itself"
        yield spot.problem("forbidden-header", message, "remove it")
    else:
        message = f"the runner sets the header {name} itself; this one is not sent"
        yield spot.problem("ignored-header", message, "remove it")


def _value(source: Document, path: Path, value: str) -> Iterator[Problem]:
    if _VALUE.match(value) and value == value.strip(" \t"):
        return
    message = f"{dotted(path)} is not a header value"
    hint = "write one line of Latin-1 characters, without spaces around it"
    yield source.spot(path).problem("header-value", message, hint)


def _success_codes(source: Document) -> Iterator[Problem]:
    codes = source.get("webhook", "success_codes")
    for index, code in enumerate(codes if isinstance(codes, list) else ()):
        match = _RANGE.match(code) if isinstance(code, str) else None
        if match and match[1] > match[2]:
            path: Path = ("webhook", "success_codes", index)
            message, hint = f"the range {code} is reversed", f'write "{match[2]}-{match[1]}"'
            yield source.spot(path).problem("success-codes", message, hint)
