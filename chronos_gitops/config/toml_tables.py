"""Settings that are tables of chronos.toml: tokens, TLS of a host, where a secret may be used; all raise ValueError."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from chronos_gitops.config import parsers
from chronos_gitops.config.callers import weak_digests
from chronos_gitops.config.model import NARROW_ROLES, ROLES, EgressLevel, FolderEgress, HostTls, Responses, Token
from chronos_gitops.jobs.origins.origin import OriginPattern
from chronos_gitops.jobs.secrets.audiences import AudienceBinding
from chronos_gitops.jobs.secrets.bindings import SecretBinding
from chronos_gitops.jobs.templates.templates import is_secret_name
from chronos_gitops.jobs.validation.suggestions import did_you_mean


def tokens(value: Any, _base: Path) -> tuple[Token, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ValueError("write one [[tokens]] table with name, sha256 and roles for each token")
    found = tuple(_token(entry) for entry in value)
    if len({token.name for token in found}) < len(found):
        raise ValueError("two tokens have the same name")
    return found


def _token(entry: Mapping[str, Any]) -> Token:
    refuse_unknown(entry, ("name", "sha256", "roles", "folders", "tags", "expires"))
    name, digest, roles = (
        parsers.text(entry.get("name", "")),
        str(entry.get("sha256", "")),
        parsers.texts(entry.get("roles", ())),
    )
    if not re.fullmatch(r"[0-9a-f]{64}", digest.lower()):
        raise ValueError(f'token "{name}": sha256 is the hex digest of the token (printf %s "$TOKEN" | sha256sum)')
    weak = weak_digests.why_weak(digest.lower())
    if weak is not None:
        raise ValueError(f'token "{name}": {weak}; paste what `chronos-gitops token create --name {name}` prints')
    known = (*ROLES, *NARROW_ROLES)
    unknown = next((role for role in roles if role not in known), None)
    if unknown is not None or not roles:
        raise ValueError(f'token "{name}": roles are some of {", ".join(known)}; got {unknown or "none"}')
    try:
        tags, folders = tags_of(entry), some(entry, "folders")
        if tags and not folders:
            hint = "every author of a file writes its tags; add the folders that the token reaches"
            raise ValueError(f'tags do not limit a token by themselves ({hint}: folders = ["jobs/..."])')
    except ValueError as error:
        raise ValueError(f'token "{name}": {error}') from error
    return Token(
        name, digest.lower(), frozenset(roles), tags, _expires(name, entry), tuple(map(parsers.folder, folders))
    )


def tags_of(entry: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Tags that a job must have, all of them; () where none are given."""
    tags = entry.get("tags", {})
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise ValueError('tags is a table of texts, like { team = "backend" }')
    if "tags" in entry and not tags:
        raise ValueError("tags is empty; leave it out to mean every job")
    return tuple(sorted(tags.items()))


def _expires(name: str, entry: Mapping[str, Any]) -> datetime | None:
    """A time of TOML, or a day, at whose beginning (UTC) it ends; a time without an offset is UTC."""
    expires = entry.get("expires")
    if expires is None:
        return None
    if isinstance(expires, date) and not isinstance(expires, datetime):
        expires = datetime.combine(expires, time())
    if not isinstance(expires, datetime):
        raise ValueError(f'token "{name}": expires is a time without quotes, like 2027-02-23T17:50:00Z')
    return (expires if expires.tzinfo else expires.replace(tzinfo=UTC)).astimezone(UTC)


_HOST = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|[0-9a-f:.]+")


def hosts(value: Any, base: Path) -> Mapping[str, HostTls]:
    if not isinstance(value, dict) or not all(isinstance(entry, dict) for entry in value.values()):
        raise ValueError('write one [egress.hosts."HOST"] table with ca_file, cert_file and key_file for each host')
    return MappingProxyType({_host(name): _host_tls(name, entry, base) for name, entry in value.items()})


def _host(name: str) -> str:
    plain = name.lower().rstrip(".").removeprefix("[").removesuffix("]")
    if not _HOST.fullmatch(plain):
        raise ValueError(f'"{name}" is no host; write a name without port, an address, or one like *.example.com')
    return plain


def _host_tls(name: str, entry: Mapping[str, Any], base: Path) -> HostTls:
    refuse_unknown(entry, ("ca_file", "cert_file", "key_file"))
    files = {key: parsers.path(file, base) for key, file in entry.items()}
    if "key_file" in files and "cert_file" not in files:
        raise ValueError(f'"{name}": a key_file belongs to a cert_file')
    return HostTls(**files)


class EntryError(ValueError):
    """An invalid entry of a table; ``entry`` is its name."""

    def __init__(self, entry: str, message: str) -> None:
        super().__init__(message)
        self.entry = entry


def bindings(value: Any, _base: Path) -> Mapping[str, SecretBinding]:
    if not isinstance(value, dict) or not all(isinstance(entry, dict) for entry in value.values()):
        raise ValueError("write one [secrets.bind.NAME] table with folders and origins for each secret")
    return MappingProxyType({name: _binding(name, entry) for name, entry in value.items()})


def audiences(value: Any, _base: Path) -> Mapping[str, AudienceBinding]:
    if not isinstance(value, dict) or not all(isinstance(entry, dict) for entry in value.values()):
        raise ValueError('write one [identity.audiences."NAME"] table with folders and origins')
    return MappingProxyType({name: _audience(name, entry) for name, entry in value.items()})


def _audience(name: str, entry: Mapping[str, Any]) -> AudienceBinding:
    try:
        refuse_unknown(entry, ("folders", "origins"))
        folders, origins = (parsers.texts(entry.get(key, ())) for key in ("folders", "origins"))
        if not folders or not origins:
            raise ValueError("write both: folders of job files, and origins that the token may be sent to")
        return AudienceBinding(tuple(map(parsers.folder, folders)), tuple(map(OriginPattern.parse, origins)))
    except ValueError as error:
        raise EntryError(name, str(error)) from error


def egress_folders(value: Any, _base: Path) -> Mapping[str, FolderEgress]:
    if not isinstance(value, dict) or not all(isinstance(entry, dict) for entry in value.values()):
        raise ValueError('write one [egress.folders."jobs/billing"] table with level, allow or responses')
    return MappingProxyType({parsers.folder(folder): _folder_egress(folder, entry) for folder, entry in value.items()})


def _folder_egress(folder: str, entry: Mapping[str, Any]) -> FolderEgress:
    try:
        refuse_unknown(entry, ("level", "allow", "responses"))
        if not entry:
            raise ValueError("the table is empty; write level, allow or responses")
        level, responses = (
            None if key not in entry else parsers.choice(*words)(entry[key], Path())
            for key, words in (("level", ("public", "internal", "any")), ("responses", ("excerpt", "none")))
        )
        allow = parsers.texts(entry["allow"]) if "allow" in entry else None
        return FolderEgress(cast("EgressLevel | None", level), allow, cast("Responses | None", responses))
    except ValueError as error:
        raise EntryError(folder, str(error)) from error


def _binding(name: str, entry: Mapping[str, Any]) -> SecretBinding:
    if not is_secret_name(name):
        raise ValueError(f'"{name}" is not the name of a secret; write one like backup-token')
    try:
        if "hosts" in entry:
            shown = (
                ", ".join(f'"https://{host}"' for host in parsers.texts(entry["hosts"])) or '"https://api.example.com"'
            )
            raise ValueError(f'"hosts" is now "origins"; write origins = [{shown}]')
        refuse_unknown(entry, ("folders", "origins"))
        if not entry:
            raise ValueError("the binding is empty; write folders, origins or both")
        folders, origins = (some(entry, key) for key in ("folders", "origins"))
        return SecretBinding(tuple(map(parsers.folder, folders)), tuple(map(OriginPattern.parse, origins)))
    except ValueError as error:
        raise EntryError(name, str(error)) from error


def some(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Texts of a key that is left out, or has at least one."""
    found = parsers.texts(entry.get(key, ()))
    if key in entry and not found:
        raise ValueError(f"{key} is empty; leave it out to mean any")
    return found


def refuse_unknown(entry: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in entry:
        if key not in known:
            raise ValueError(f'there is no "{key}"; {one_of(key, known)}')


def one_of(word: str, known: Sequence[str]) -> str:
    return did_you_mean(word, known) or f"known ones: {', '.join(known)}"
