"""One call of GNU wget as a webhook."""

import re
from collections.abc import Sequence
from typing import Any, Final

from chronos_gitops.cli.importers.commands import option_table
from chronos_gitops.cli.importers.commands.addresses import address
from chronos_gitops.cli.importers.commands.curl_options import REDIRECTS
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
from chronos_gitops.cli.importers.commands.wget_options import WGET
from chronos_gitops.cli.importers.model import Unconvertible

_CHALLENGE: Final = "the password is sent with every request, not only when the target asks for it"
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_FOR_EVER: Final = ("0", "inf")


def webhook(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """The fields of a job that this call makes, and what of it was lost; ``words`` begin after the program."""
    call = option_table.read(words, WGET)
    lost = list(call.lost)
    if len(call.urls) != 1:
        raise Unconvertible("it names no address" if not call.urls else "it names more than one address")
    url, inside = address(call.urls[0], is_kept_as_is=False)
    if call.last("max-redirect") != "0":
        lost.append(REDIRECTS)
    headers = _headers(call, lost)
    verb, body = _request(call)
    if body is not None:
        headers.default("Content-Type", FORM)
    made = document(url, method(verb, lost), headers, body, _auth(call, inside, headers, lost))
    lost += _files(call)
    return made | _timeout(call) | _retries(call), lost


def _request(call: Call) -> tuple[str, str | None]:
    verb, posted, data = call.last("method"), call.last("post-data"), call.last("body-data")
    if posted is not None and (verb or data is not None):
        raise Unconvertible("wget refuses --post-data together with --method or --body-data")
    if data is not None and not verb:
        raise Unconvertible("wget refuses --body-data without --method")
    if call.has("spider") and (verb or posted is not None):
        raise Unconvertible("its --spider has no effect beside a method or a body: leave it out")
    if posted is not None:
        return "POST", posted
    # wget itself writes a method in capitals
    return (verb.upper(), data) if verb else ("HEAD" if call.has("spider") else "GET", None)


def _headers(call: Call, lost: list[str]) -> Headers:
    headers = Headers(lost)
    for text in call.all("header"):
        name, colon, value = text.partition(":")
        if not text:
            headers = Headers(lost)
        elif not colon or "\n" in text:
            raise Unconvertible(f'wget refuses the header "{text[:40]}"')
        else:
            headers.replace(name, value)
    agent, referer = call.last("user-agent"), call.last("referer")
    if agent is not None:
        headers.default("User-Agent", agent)
    if referer:
        headers.default("Referer", referer)
    if call.has("no-cache"):
        headers.default("Cache-Control", "no-cache")
        headers.default("Pragma", "no-cache")
    return headers


def _auth(call: Call, inside: tuple[str, str] | None, headers: Headers, lost: list[str]) -> dict[str, str] | None:
    user = call.last("http-user") or call.last("user") or ""
    password = call.last("http-password") or call.last("password") or ""
    if inside is not None:
        user, password = inside
    if headers.has("Authorization") or not (user or password):
        return None
    if not user or not password:
        raise Unconvertible("its user or its password is empty")
    if not call.has("auth-no-challenge"):
        lost.append(_CHALLENGE)
    return {"type": "basic", "username": user, "password": password}


def _files(call: Call) -> list[str]:
    written = call.all("output-document") or ([] if call.has("spider") or call.has("delete-after") else ["a file"])
    others = [value for name in ("output-file", "append-output", "save-cookies") for value in call.all(name)]
    return not_written([*written, *others])


def _timeout(call: Call) -> dict[str, str]:
    text = call.last("timeout")
    if text is None:
        return {}
    match = re.fullmatch(r"([0-9.]+)([smhd]?)", text)
    limit = float(seconds(match[1])) * _UNITS[match[2]] if match else float(seconds(text))
    return {"timeout": f"{limit:.3f}".rstrip("0").rstrip(".") + "s"} if limit else {}


def _retries(call: Call) -> dict[str, Any]:
    """--tries counts the first attempt too, and 0 is for ever."""
    tries = call.last("tries")
    if tries is None:
        return {}
    return {"retry_policy": {"max_attempts": limited(10**6 if tries in _FOR_EVER else count(tries))}}
