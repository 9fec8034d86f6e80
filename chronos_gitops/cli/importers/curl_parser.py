"""One call of curl(1) or wget(1) as a webhook."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from chronos_gitops.cli.importers.model import Unconvertible

# Options that take a value, by their short name -> their long one.
_CURL_SHORT: Final = {
    "X": "request",
    "H": "header",
    "d": "data",
    "u": "user",
    "m": "max-time",
    "A": "user-agent",
    "e": "referer",
    "o": "output",
    "w": "write-out",
    "b": "cookie",
    "F": "form",
    "T": "upload-file",
    "x": "proxy",
    "E": "cert",
    "c": "cookie-jar",
    "K": "config",
    "r": "range",
    "y": "speed-time",
    "Y": "speed-limit",
    "D": "dump-header",
}
_CURL_VALUES: Final = frozenset(_CURL_SHORT.values()) | {
    *("data-raw", "data-ascii", "data-binary", "data-urlencode", "json", "url", "retry", "retry-delay"),
    *("retry-max-time", "connect-timeout", "oauth2-bearer", "cacert", "key", "resolve", "interface", "max-redirs"),
    *("form-string", "limit-rate", "stderr", "unix-socket", "trace", "trace-ascii", "connect-to"),
}
_CURL_FLAGS: Final = {"I": "head", "G": "get", "L": "location", "k": "insecure"}
_WGET_SHORT: Final = {
    "O": "output",
    "o": "output",
    "a": "output",
    "T": "max-time",
    "t": "tries",
    "U": "user-agent",
    "w": "wait",
    "P": "output",
}
_WGET_LONG: Final = {
    "output-document": "output",
    "output-file": "output",
    "append-output": "output",
    "timeout": "max-time",
    "post-data": "data-raw",
    "body-data": "data-raw",
    "method": "request",
    "spider": "head",
    "no-check-certificate": "insecure",
    "directory-prefix": "output",
}
_WGET_VALUES: Final = frozenset(_WGET_SHORT.values()) | {
    *("header", "post-file", "body-file", "user", "password", "waitretry", "data-raw", "request", "referer"),
    *("connect-timeout", "read-timeout", "dns-timeout"),
}
_NO_MATTER: Final = frozenset({"output", "write-out", "cookie-jar", "stderr", "dump-header", "trace", "trace-ascii"})
_DATA: Final = ("data", "data-raw", "data-ascii", "data-binary", "json")
_LOST: Final = {
    "location": "redirects are not followed: name the address that answers",
    "insecure": "certificates are always checked",
    "connect-timeout": "there is one timeout for the whole attempt",
    "retry-max-time": "there is no limit on the time of all retries together",
    "max-redirs": "redirects are not followed: name the address that answers",
}
_MOST_ATTEMPTS: Final = 100
_FORM: Final = "application/x-www-form-urlencoded"


def webhook(words: Sequence[str], stdin: str = "") -> tuple[dict[str, Any], list[str]]:
    """The fields of a job that this command makes (webhook, timeout, retry_policy), and what of it was lost.

    Unconvertible when it is no call of curl or wget, or does what a webhook cannot.
    """
    program = words[0].rpartition("/")[2] if words else ""
    if program not in ("curl", "wget"):
        raise Unconvertible("it is not a call of curl or wget" if program else "there is no command")
    options: dict[str, list[str]] = {}
    for name, value in _options(words[1:], is_wget=program == "wget"):
        options.setdefault(name, []).append(value)
    document: dict[str, Any] = {"webhook": _request(options, stdin)}
    lost = [_LOST[name] for name in options if name in _LOST]
    if "max-time" in options:
        document["timeout"] = f"{_number(options['max-time'][-1])}s"
    document |= _retries(options, is_wget=program == "wget")
    return document, list(dict.fromkeys(lost))


def _options(words: Sequence[str], *, is_wget: bool) -> Iterator[tuple[str, str]]:
    short, values = (_WGET_SHORT, _WGET_VALUES) if is_wget else (_CURL_SHORT, _CURL_VALUES)
    rest = iter(words)
    for word in rest:
        if word.startswith("--") and len(word) > 2:
            name, equals, value = word[2:].partition("=")
            name = _WGET_LONG.get(name, name) if is_wget else name
            takes_value = name in values
            yield name, value if equals and is_wget else _following(rest, name) if takes_value else ""
        elif word.startswith("-") and len(word) > 1:
            yield from _cluster(word[1:], short, rest, is_wget=is_wget)
        else:
            yield "url", word


def _cluster(letters: str, short: dict[str, str], rest: Iterator[str], *, is_wget: bool) -> Iterator[tuple[str, str]]:
    """``-fsSXPOST``: flags, then at most one option whose value is the rest of the word, or the next word."""
    if is_wget and letters[0] == "q" and letters[1:2] == "O":
        letters = letters[1:]
    for at, letter in enumerate(letters):
        if letter in short:
            yield short[letter], letters[at + 1 :] or _following(rest, short[letter])
            return
        yield ("" if is_wget else _CURL_FLAGS.get(letter, "")), ""


def _following(rest: Iterator[str], name: str) -> str:
    value = next(rest, None)
    if value is None:
        raise Unconvertible(f"the option {name} has no value")
    return value


def _request(options: dict[str, list[str]], stdin: str) -> dict[str, Any]:
    for name in ("form", "form-string", "upload-file", "config", "post-file", "body-file", "data-urlencode"):
        if name in options:
            raise Unconvertible(f"its option --{name} has no counterpart in a webhook")
    for name in ("proxy", "cert", "key", "unix-socket", "resolve", "connect-to", "interface", "cacert"):
        if name in options:
            raise Unconvertible(f"its option --{name} is about the network of one machine")
    urls = options.get("url", [])
    if len(urls) != 1:
        raise Unconvertible("it names no address" if not urls else "it names more than one address")
    url = urls[0] if "://" in urls[0] or urls[0].startswith("$") else f"http://{urls[0]}"
    headers = _headers(options)
    body = _body(options, stdin)
    if "get" in options and body is not None:
        url, body = f"{url}{'&' if urlsplit(url).query else '?'}{body}", None
    method = _method(options, body)
    if body is not None and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json" if "json" in options else _FORM
    document: dict[str, Any] = {"url": url, "method": method, "headers": headers, "body": body}
    return {key: value for key, value in document.items() if value} | _auth(options)


def _method(options: dict[str, list[str]], body: str | None) -> str:
    if "request" in options:
        return options["request"][-1].upper()
    return "HEAD" if "head" in options else "GET" if body is None else "POST"


def _headers(options: dict[str, list[str]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for text in options.get("header", []):
        name, colon, value = text.partition(":")
        if text.startswith("@"):
            raise Unconvertible("it reads its headers from a file")
        if colon and value.strip():
            headers[name.strip()] = value.strip()
    for option, name in (("user-agent", "User-Agent"), ("referer", "Referer"), ("cookie", "Cookie")):
        if option in options:
            headers.setdefault(name, options[option][-1])
    return headers


def _body(options: dict[str, list[str]], stdin: str) -> str | None:
    """As curl joins them: with ``&`` between several."""
    parts = [(name, value) for name in _DATA for value in options.get(name, [])]
    if not parts:
        return None
    return ("" if "json" in options else "&").join(_part(*part, stdin) for part in parts)


def _part(name: str, value: str, stdin: str) -> str:
    if name == "data-raw" or not value.startswith("@"):
        return value
    if value != "@-":
        raise Unconvertible("it sends a file")
    return stdin if name == "data-binary" else re.sub(r"[\r\n]", "", stdin)


def _auth(options: dict[str, list[str]]) -> dict[str, Any]:
    if "oauth2-bearer" in options:
        return {"auth": {"type": "bearer", "token": options["oauth2-bearer"][-1]}}
    if "user" not in options:
        return {}
    user, colon, password = options["user"][-1].partition(":")
    password = password if colon else options.get("password", [""])[-1]
    if not password:
        raise Unconvertible("it asks for a password")
    return {"auth": {"type": "basic", "username": user, "password": password}}


def _retries(options: dict[str, list[str]], *, is_wget: bool) -> dict[str, Any]:
    """curl's --retry counts what comes after the first attempt, wget's --tries the first one too, and 0 is for ever."""
    policy: dict[str, Any] = {} if is_wget or "retry" in options else {"max_attempts": 1}
    if "retry" in options:
        policy["max_attempts"] = _count(options["retry"][-1]) + 1
    if is_wget and "tries" in options:
        policy["max_attempts"] = _count(options["tries"][-1]) or _MOST_ATTEMPTS
    if "retry-delay" in options:
        policy["initial_interval"] = policy["max_interval"] = f"{_number(options['retry-delay'][-1])}s"
    if policy.get("max_attempts", 1) > _MOST_ATTEMPTS:
        policy["max_attempts"] = _MOST_ATTEMPTS
    return {"retry_policy": policy} if policy else {}


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise Unconvertible(f'"{text[:20]}" is not a number of attempts')
    return int(text)


def _number(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,3})?", text):
        raise Unconvertible(f'"{text[:20]}" is not a number of seconds')
    return text
