"""One call of curl(1) as a webhook."""

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from chronos_gitops.cli.importers.commands import option_table
from chronos_gitops.cli.importers.commands.addresses import address
from chronos_gitops.cli.importers.commands.curl_options import CURL
from chronos_gitops.cli.importers.commands.option_table import Call
from chronos_gitops.cli.importers.commands.request_fields import (
    FORM,
    Headers,
    count,
    document,
    limited,
    method,
    not_written,
    seconds,
)
from chronos_gitops.cli.importers.model import Unconvertible

_DATA: Final = ("data", "data-ascii", "data-raw", "data-binary", "data-urlencode", "json")
_GLOB: Final = re.compile(r"[][{}]")
_FILES: Final = ("output", "dump-header", "cookie-jar")
_BRACKETED: Final = re.compile(r"\A(?:[a-zA-Z]+://)?(?:[^/?#]*@)?\[[0-9A-Fa-f:.]+\]")


def webhook(words: Sequence[str], stdin: str) -> tuple[dict[str, Any], list[str]]:
    """The fields of a job that this call makes, and what of it was lost; ``words`` begin after the program."""
    call = option_table.read(words, CURL)
    lost = list(call.lost)
    urls = [*call.urls, *call.all("url")]
    if len(urls) != 1:
        raise Unconvertible("it names no address" if not urls else "it names more than one address")
    if not call.has("globoff") and _GLOB.search(_BRACKETED.sub("", re.sub(r"\$\{secret:[^}]*\}", "", urls[0]))):
        raise Unconvertible("its address stands for several (curl expands [ ] and { }): say --globoff, or write it out")
    url, inside = address(urls[0], is_kept_as_is=call.has("path-as-is"))
    body = _body(call, stdin)
    query = [_query(value) for value in call.all("url-query")]
    if call.has("get") and body is not None:
        if query:
            raise Unconvertible("curl 7.88 leaves --url-query out beside --get and data: give all of it with -d")
        query, body = [body], None
    elif call.has("head") and body is not None:
        raise Unconvertible("curl refuses --head together with a body")
    for part in filter(None, query):
        url = f"{url}{'' if url[-1] in '?&' else '&' if '?' in url else '?'}{part}"
    headers = _headers(call, lost)
    is_form = any(call.has(name) for name in _DATA if name != "json")
    if call.has("json"):
        headers.default("Content-Type", "application/json")
        headers.default("Accept", "application/json")
    elif is_form and body is not None:
        headers.default("Content-Type", FORM)
    if body is not None and headers.is_removed("content-type"):
        raise Unconvertible("it removes the header Content-Type, which a webhook with a body always has")
    verb = call.last("request") or ("HEAD" if call.has("head") else "GET" if body is None else "POST")
    made = document(url, method(verb, lost), headers, body, _auth(call, inside, headers))
    lost += not_written([value for name in _FILES for value in call.all(name)])
    if call.has("remote-name"):
        lost.append("the response is not written to a file")
    limit = call.last("max-time")
    timeout = {} if limit is None or not float(seconds(limit)) else {"timeout": f"{seconds(limit)}s"}
    return made | timeout | _retries(call), lost


def _body(call: Call, stdin: str) -> str | None:
    """Parts in the order in which they stand; ``&`` goes before each that is not --json (tool_getparam.c)."""
    body: str | None = None
    for name, value in call.options:
        if name in _DATA:
            part = _part(name, value, stdin)
            body = part if body is None else body + ("" if name == "json" else "&") + part
    return body


def _part(name: str, value: str, stdin: str) -> str:
    if name == "data-urlencode":
        return _encoded(value, stdin)
    if name == "data-raw" or not value.startswith("@"):
        return value
    text = _of_file(value[1:], stdin)
    return text if name in ("data-binary", "json") else re.sub(r"[\r\n\0]", "", text)


def _of_file(name: str, stdin: str) -> str:
    if name != "-":
        raise Unconvertible("it sends a file")
    return stdin


def _encoded(value: str, stdin: str) -> str:
    """``text``, ``=text``, ``name=text``, ``@file`` and ``name@file``."""
    match = re.match(r"([^=@]*)([=@])(.*)\Z", value, re.DOTALL)
    name, mark, text = match.groups() if match else ("", "=", value)
    if mark == "@":
        text = _of_file(text, stdin)
    return f"{name}{'=' if name else ''}{_percent(text)}"


def _percent(text: str) -> str:
    return quote(text, safe="~").replace("%20", "+")


def _query(value: str) -> str:
    return value[1:] if value.startswith("+") else _encoded(value, "")


def _headers(call: Call, lost: list[str]) -> Headers:
    headers = Headers(lost)
    for text in call.all("header"):
        if text.startswith("@"):
            raise Unconvertible("it reads its headers from a file")
        name, colon, value = text.partition(":")
        if colon and value.strip():
            headers.add(name, value)
        elif colon:
            headers.remove(name)
        elif text.rstrip().endswith(";"):
            headers.add(text.rstrip()[:-1], "")
    agent, referer = call.last("user-agent"), call.last("referer")
    if agent is not None:
        headers.default("User-Agent", agent)
    if referer:
        headers.default("Referer", referer.removesuffix(";auto"))
    cookies = call.all("cookie")
    if any("=" not in cookie for cookie in cookies):
        raise Unconvertible("it reads its cookies from a file")
    if cookies:
        headers.default("Cookie", ";".join(cookies))
    if call.has("range"):
        headers.default("Range", f"bytes={call.last('range')}")
    return headers


def _auth(call: Call, inside: tuple[str, str] | None, headers: Headers) -> dict[str, str] | None:
    user, token = call.last("user"), call.last("oauth2-bearer")
    if headers.has("Authorization"):
        return None
    if token is not None:
        if user is not None or inside is not None:
            raise Unconvertible("it has two kinds of authentication")
        return {"type": "bearer", "token": token}
    if user is not None and ":" not in user:
        raise Unconvertible("it asks for a password")
    given = tuple(user.partition(":")[::2]) if user is not None else inside
    if given is None:
        return None
    if not all(given):
        raise Unconvertible("its user or its password is empty")
    return {"type": "basic", "username": given[0], "password": given[1]}


def _retries(call: Call) -> dict[str, Any]:
    """--retry counts what comes after the first attempt."""
    policy: dict[str, Any] = {"max_attempts": limited(count(call.last("retry") or "0") + 1)}
    if call.has("retry") and float(seconds(call.last("retry-delay") or "0")):
        policy["initial_interval"] = policy["max_interval"] = f"{seconds(call.last('retry-delay') or '')}s"
    return {"retry_policy": policy}
