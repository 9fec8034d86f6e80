"""Rules on the url of a request, and on the network that its host stands for."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from chronos_gitops.jobs.origins.origin import OriginError, UserInfoError, split
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.secrets.masking import is_sensitive
from chronos_gitops.jobs.templates import templates
from chronos_gitops.jobs.validation.document import Document, SourceSpan
from chronos_gitops.jobs.validation.quoting import dotted, short
from chronos_gitops.jobs.validation.yaml.positions import Path

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

_URLS: tuple[Path, ...] = (("webhook", "url"), ("webhook", "auth", "token_url"))
_BLANK = re.compile(r"[\x00-\x20\x7f]")
_SCHEMES = ("http", "https")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):", re.ASCII)
_ENDS_IN_A_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\Z", re.ASCII)
# Printable ASCII below a host in lower case: of these only the host is looked at, for the rest cannot be wrong.
_USUAL = re.compile(r"(https?)://([a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,8})(?::[1-9][0-9]{0,3})?(?:/[!-~]*)?\Z")
_PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".svc", ".cluster.local")
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "127.0.0.0/8", "::1/128")
_PRIVATE_HOST = ("the host ", " is private")
# Cloud metadata services outside the link-local range: Google, Alibaba, AWS over IPv6, Azure's wire server.
_METADATA = ("metadata.google.internal", "100.100.100.200", "fd00:ec2::254", "168.63.129.16")


def check(source: Document) -> Iterator[Problem]:
    """The form of the addresses, and the network that they stand for."""
    for path in _URLS:
        url = source.text(*path)
        if not url:
            continue
        fault, target = _read(path, url)
        if fault is not None:
            yield source.spot(path).problem(*fault)
        elif target is not None and (network := _network(target[1])) != "public":
            yield from _host(source.spot(path), target[1], network)


def check_plain_http(source: Document) -> Iterator[Problem]:
    for path in _URLS:
        url = source.text(*path)
        if not url or url[:5].lower() != "http:" or not _carries_credentials(source):
            continue
        _, target = _read(path, url)
        if target is not None and target[0] == "http" and _network(target[1]) == "public":
            message, hint = "credentials would travel unencrypted over http", "write https"
            yield source.spot(path).problem("plain-http", message, hint)


def _read(path: Path, url: str) -> tuple[tuple[str, str, str] | None, tuple[str, str] | None]:
    """The rule, message and hint of what is wrong; else scheme and host, None where the file alone does not say."""
    has_placeholders = "{{" in url or "${" in url
    usual = None if has_placeholders else _USUAL.match(url)
    if usual and _is_host(usual[2]):
        return None, (usual[1], usual[2])
    secret = _secret_in_host(path, url)
    if secret:
        return ("secret-in-host", *secret), None
    plain = templates.substitute(url, variable=lambda _: "x", secret=lambda _: "x") if has_placeholders else url
    if templates.reference_in(url) is not None:
        return None, None
    try:
        origin, _ = split(_without_space(plain))
    except UserInfoError as error:
        return ("url-user-info", f"{dotted(path)} {error.fault}", error.hint), None
    except OriginError as error:
        fault, hint = _explained(plain, error)
        return ("url", f"{dotted(path)} {fault}", hint), None
    return None, (origin.scheme, origin.host)


def _secret_in_host(path: Path, url: str) -> tuple[str, str] | None:
    """Where a request goes is for the operator to see, and for the bindings of secrets to judge."""
    if path[-1] == "token_url" and templates.secrets(url):
        return (
            "webhook.auth.token_url has a secret in it",
            "write the address; client_id and client_secret may be secrets",
        )
    if templates.has_secret_in_host(url):
        return (
            f"{dotted(path)} has a secret in its host part",
            "write the host, or put the whole address into the secret",
        )
    return None


def _without_space(url: str) -> str:
    """The url, unless a space is in it: a request quotes it, but the author may well have meant something else."""
    if _BLANK.search(url):
        raise OriginError("holds a space or a control character", "write %20 for a space")
    return url


def _explained(url: str, error: OriginError) -> tuple[str, str]:
    """Message and hint for the url. They may quote parts of it, because secrets in it are still references."""
    if _BLANK.search(url):
        return error.fault, error.hint
    scheme = _SCHEME.match(url)
    if "://" not in url or scheme is None:
        return "is not absolute", f"write https://{short(url)}" if url[0].isalnum() else error.hint
    if scheme[1].lower() not in _SCHEMES:
        return f"has the scheme {short(scheme[1])}", "jobs speak http and https"
    return error.fault, error.hint


@lru_cache(maxsize=1024)
def _is_host(host: str) -> bool:
    try:
        return split(f"https://{host}/")[0].host == host
    except OriginError:
        return False


def _host(spot: SourceSpan, host: str, network: str) -> Iterator[Problem]:
    if network == "special":
        message = f"the host {short(host)} is a metadata, link-local or other special address"
        hint = "the runner refuses it unless the operator allows exactly this address"
        yield spot.problem("metadata-address", message, hint)
    elif network == "private":
        hint = "it is reachable at the egress levels internal and any, not at public"
        yield spot.problem("private-host", _private(host), hint)


@lru_cache(maxsize=1024)
def _private(host: str) -> str:
    """One text for all that call the same host."""
    return f"{_PRIVATE_HOST[0]}{short(host)}{_PRIVATE_HOST[1]}"


def private_host(problem: Problem) -> str | None:
    """The host that a note ``private-host`` is about; None for every other problem."""
    before, after = _PRIVATE_HOST
    is_note = problem.rule == "private-host" and problem.message.startswith(before)
    return problem.message.removeprefix(before).removesuffix(after).lower() if is_note else None


@lru_cache(maxsize=1024)
def _network(host: str) -> str:
    """public, private or special, as far as the text tells; the runner checks the address it connects to."""
    name = host.lower().removesuffix(".")
    address = _address(name)
    if name in _METADATA:
        return "special"
    if address is None:
        is_private = "." not in name or name.endswith(_PRIVATE_SUFFIXES)
        return "private" if is_private else "public"
    from ipaddress import ip_network

    if any(address in network for network in map(ip_network, _PRIVATE) if network.version == address.version):
        return "private"
    return "public" if address.is_global and not address.is_multicast else "special"


def _address(name: str) -> "IPv4Address | IPv6Address | None":
    if ":" not in name and not _ENDS_IN_A_NUMBER.match(name):
        return None
    from ipaddress import IPv6Address, ip_address

    try:
        address = ip_address(name)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _carries_credentials(source: Document) -> bool:
    headers = source.get("webhook", "headers")
    names = headers if isinstance(headers, dict) else {}
    return source.get("webhook", "auth") is not None or any(is_sensitive(name) for name in names)


def check_body(source: Document) -> Iterator[Problem]:
    method = source.text("webhook", "method") or "GET"
    if source.text("webhook", "body") and method in ("GET", "HEAD"):
        said = "" if source.text("webhook", "method") else ", the default"
        message = f"most servers ignore the body of a {method} request{said}"
        yield source.key_spot(("webhook", "body")).problem("body-ignored", message, "write method: POST")
