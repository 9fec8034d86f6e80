"""Callers that an issuer lets in: ``[[issuers]]`` sign their tokens, ``[[grants]]`` say what their claims may do."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from chronos_gitops.config import parsers, toml_tables
from chronos_gitops.config.model import ROLES, Grant
from chronos_gitops.config.setting import setting
from chronos_gitops.process.lazy_dataclass import dataclass

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
_TAKEN: Final = ("token", "session", "proxy", "none")
PROXY: Final = "proxy"
"""The value of `from` in a grant for callers that a trusted proxy names."""
_SPECIFIC: Final = ("sub", "repository", "repository_id", "project_id", "groups", "email", "user")
"""A match without one of these lets in everybody whom the issuer knows."""


@dataclass(frozen=True, slots=True)
class Login:
    """Browsers log in with the issuer; without a ``client_secret_file`` the runner is a public client."""

    client_secret_file: Path | None = None
    scopes: tuple[str, ...] = ("openid", "email")


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """``issuer`` is compared exactly with the claim ``iss``; ``user`` is the claim that audit and commits show. Keys
    are in ``jwks_file``, else found by discovery (OpenID Connect Discovery 1.0, section 4). With ``login`` its tokens
    count only as the end of a login, and ``audience`` is the client id and ``label`` is its name on the login page."""

    name: str
    issuer: str
    audience: str
    user: str = "sub"
    jwks_file: Path | None = None
    login: Login | None = None
    label: str = ""

    def name_of(self, claims: Mapping[str, Any]) -> str:
        """The name on pages, in the audit log and in commits: the claim ``user``, or ``sub`` if that is an unverified
        address."""
        is_unproven = self.user == "email" and _is_unproven(claims)
        return str(claims["sub"] if is_unproven else claims.get(self.user, claims["sub"]))


@dataclass(frozen=True, slots=True)
class ClaimGrant:
    """The rights of callers from the issuer ``origin`` whose claims have all of these values. A list claim matches if
    one of its values does."""

    origin: str
    match: tuple[tuple[str, tuple[str, ...]], ...]
    grant: Grant

    def holds(self, claims: Mapping[str, Any]) -> bool:
        return all(_has(claims, name, wanted) for name, wanted in self.match)


def _has(claims: Mapping[str, Any], name: str, wanted: tuple[str, ...]) -> bool:
    """True if the claim is one of the values, or a list that holds one. An unverified email address never matches."""
    if name == "email" and _is_unproven(claims):
        return False
    value = claims.get(name)
    return any(one in wanted for one in (value if isinstance(value, list) else [value]) if isinstance(one, str))


def _is_unproven(claims: Mapping[str, Any]) -> bool:
    """True if the issuer says anything but true about the address. Some send texts (Apple: "A string or Boolean")."""
    said = claims.get("email_verified", True)
    return said is not True and str(said).lower() != "true"


def issuers(value: Any, base: Path) -> tuple[TokenIssuer, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ValueError("write one [[issuers]] table with name, issuer and audience for each issuer")
    found = tuple(_issuer(entry, base) for entry in value)
    for key in ("name", "issuer"):
        if len({getattr(one, key) for one in found}) < len(found):
            raise ValueError(f"two issuers have the same {key}")
    return found


def _issuer(entry: Mapping[str, Any], base: Path) -> TokenIssuer:
    name = parsers.text(entry.get("name", ""))
    try:
        toml_tables.refuse_unknown(entry, ("name", "label", "issuer", "audience", "user", "jwks_file", "login"))
        if not _NAME.match(name) or name in _TAKEN:
            raise ValueError("name is kebab-case, like sso or github, and no other way in: " + ", ".join(_TAKEN))
        issuer, audience = (parsers.text(entry.get(key, "")) for key in ("issuer", "audience"))
        if not audience:
            raise ValueError("audience is missing; tokens of other systems would be taken")
        file = parsers.path(entry["jwks_file"], base) if "jwks_file" in entry else None
        if file is None and not issuer.startswith("https://"):
            raise ValueError(f'issuer "{issuer}" is no https address; keys are found below it, or in jwks_file')
        login = _login(entry["login"], base) if "login" in entry else None
        if login is not None and not issuer.startswith("https://"):
            raise ValueError(f'issuer "{issuer}" is no https address, and login asks it for the way there')
        user, label = parsers.text(entry.get("user", "sub")), parsers.text(entry.get("label", name))
        return TokenIssuer(name, issuer, audience, user, file, login, label)
    except ValueError as error:
        raise toml_tables.EntryError(name or "(without a name)", str(error)) from error


def _login(value: Any, base: Path) -> Login:
    if not isinstance(value, dict):
        raise ValueError('login is a table, like { client_secret_file = "/run/secrets/oidc", scopes = ["openid"] }')
    toml_tables.refuse_unknown(value, ("client_secret_file", "scopes"))
    file = parsers.path(value["client_secret_file"], base) if "client_secret_file" in value else None
    scopes = parsers.texts(value.get("scopes", ("openid", "email")))
    if "openid" not in scopes:
        raise ValueError('scopes lacks "openid", so the issuer would not say who logged in')
    return Login(file, scopes)


def grants(value: Any, _base: Path) -> tuple[ClaimGrant, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ValueError("write one [[grants]] table with from, match, roles and folders for each grant")
    return tuple(_grant(number, entry) for number, entry in enumerate(value, 1))


def _grant(number: int, entry: Mapping[str, Any]) -> ClaimGrant:
    try:
        toml_tables.refuse_unknown(entry, ("from", "match", "roles", "folders", "tags"))
        origin, roles = parsers.text(entry.get("from", "")), parsers.texts(entry.get("roles", ()))
        if unknown := next((role for role in roles if role not in ROLES), "" if roles else "none"):
            raise ValueError(f"roles are some of {', '.join(ROLES)}; got {unknown}")
        tags, folders = toml_tables.tags_of(entry), toml_tables.some(entry, "folders")
        if tags and not folders:
            raise ValueError('tags do not limit a grant by themselves; add folders = ["jobs/..."]')
        match = _match(entry.get("match"))
        return ClaimGrant(origin, match, Grant(frozenset(roles), tuple(map(parsers.folder, folders)), tags))
    except ValueError as error:
        raise toml_tables.EntryError(str(number), str(error)) from error


def _match(value: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(value, dict) or not value:
        raise ValueError('match is a table of claims, like { groups = "billing-dev" }')
    found = tuple((name, (one,) if isinstance(one, str) else parsers.texts(one)) for name, one in value.items())
    if not all(wanted for _, wanted in found):
        raise ValueError("a claim of match has no value")
    if not any(name in _SPECIFIC for name, _ in found):
        raise ValueError(f"match names none of {', '.join(_SPECIFIC)}: all users of the issuer would pass")
    return found


@dataclass(frozen=True, slots=True)
class Callers:
    """Callers beside those of ``[[tokens]]``."""

    issuers: tuple[TokenIssuer, ...] = setting(
        "issuers",
        issuers,
        "`[[issuers]]` with `name`, `issuer`, `audience` and, optionally, `label`, `user`, `jwks_file`, `login`: an "
        "issuer whose tokens (JWT) authenticate callers, or an OpenID provider at which users log in.",
        default=(),
    )
    grants: tuple[ClaimGrant, ...] = setting(
        "grants",
        grants,
        "`[[grants]]` with `from`, `match`, `roles` and, optionally, `folders`, `tags`: the roles of callers "
        "whose claims match.",
        default=(),
    )
