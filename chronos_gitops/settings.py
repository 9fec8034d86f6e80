"""The operator's settings: flags over ``CHRONOS_*`` over ``chronos.toml``; the only reader of the environment."""

import hashlib
import ipaddress
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import platformdirs

from chronos_gitops import failpoints, values
from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.suggest import did_you_mean
from chronos_gitops.jobs.template import is_secret_name

Follow = Literal["worktree", "branch"]
OnInvalid = Literal["quarantine", "reject"]
EgressLevel = Literal["public", "internal", "any"]
LogFormat = Literal["auto", "plain", "json"]

ROLES = ("read", "operate", "rollback")
DEFAULT_SERVER = "http://127.0.0.1:8080"
_SECRET_PREFIX = "CHRONOS_SECRET_"
_SCP = re.compile(r"(?:[^/\s:@]+@)?[^/\s:@]{2,}:(?!//)\S+")


class SettingsError(UsageError):
    """A setting that cannot mean anything; the message begins with where it was found."""

    kind = "settings"


@dataclass(frozen=True, slots=True)
class Token:
    """A caller of the API. ``sha256`` is the lower-case hex digest of the bearer token, which is written nowhere."""

    name: str
    sha256: str = field(repr=False)
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Egress:
    """Which addresses webhooks may reach (CONTRACT 5). ``allow`` holds ``host:port``, ``address:port`` and networks;
    ``ca_file`` (PEM) is trusted beside the system's authorities."""

    level: EgressLevel = "internal"
    allow: tuple[str, ...] = ()
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class SecretBinding:
    """Where a secret may be used: in jobs below these folders, towards these hosts or ``*.example.com``; () is all."""

    folders: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """One runner's settings. ``repo`` is an absolute path or a URL; ``port`` 0 takes a free one."""

    repo: str = field(repr=False)  # a URL may carry a password
    data: Path
    jobs_folder: str = "jobs"
    follow: Follow | None = None
    branch: str | None = None
    interval: timedelta = timedelta(seconds=60)
    host: str = "127.0.0.1"
    port: int = 8080
    on_invalid: OnInvalid = "quarantine"
    egress: Egress = Egress()
    engine: str = field(default="sqlite", repr=False)  # a database URL may carry a password
    secrets_folder: Path | None = None
    secret_values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    secret_bindings: Mapping[str, SecretBinding] = field(default_factory=lambda: MappingProxyType({}))
    tokens: tuple[Token, ...] = ()
    github_hook_secrets: tuple[str, ...] = field(default=(), repr=False)
    gitlab_hook_secrets: tuple[str, ...] = field(default=(), repr=False)
    gitea_hook_secrets: tuple[str, ...] = field(default=(), repr=False)
    verify_commits: Path | None = None  # allowed signers (ssh-keygen(1)); what they did not sign does not run
    signing_key: Path | None = None
    max_in_flight: int = 200
    max_in_flight_per_host: int = 50
    rate_per_host: int = 0  # requests a second; 0: no limit
    breaker_after: int = 10  # failures in a row until a host is left alone; 0: never
    retention_days: int = 100
    retention_rows: int = 10_000
    failpoint: str = ""
    drain: timedelta = timedelta(seconds=25)
    log_format: LogFormat = "auto"
    log_level: str = "info"

    @property
    def listens_on_loopback(self) -> bool:
        return _is_loopback(self.host)


def load(flags: Mapping[str, Any], environ: Mapping[str, str], config: Path | None) -> Settings:
    """Settings out of the three sources; a flag that is None was not given.

    ``chronos.toml`` is read only where ``config`` or CHRONOS_CONFIG points: what lies in the current folder may well
    be the jobs repository, and its authors are not the operator.
    """
    if config is None and environ.get("CHRONOS_CONFIG"):
        config = Path(environ["CHRONOS_CONFIG"])
    given = dict(_from_file(config)) if config else {}
    given.update(_from_environment(environ))
    given.update(_from_flags(flags))
    found = {row.field: _parsed(row, given[row.key]) for row in _TABLE if row.key in given}
    found["host"], found["port"] = found.pop("listen", ("127.0.0.1", 8080))
    found["egress"] = Egress(
        found.pop("egress_level", "internal"), found.pop("egress_allow", ()), found.pop("egress_ca", None)
    )
    repo = found.pop("repo", None) or str(Path.cwd())
    data = found.pop("data", None) or default_data(repo)
    settings = Settings(repo, data, secret_values=_secret_values(environ), **found)
    _refuse_an_open_door(settings)
    return settings


def client(flags: Mapping[str, str | None], environ: Mapping[str, str]) -> tuple[str, str | None]:
    """The runner that a command speaks to: its address without a trailing slash, and the token if there is one."""
    place = "--server" if flags.get("server") else "CHRONOS_SERVER"
    server = flags.get("server") or environ.get("CHRONOS_SERVER") or DEFAULT_SERVER
    address = urlsplit(server if "://" in server else f"http://{server}")
    if address.scheme not in ("http", "https") or not address.hostname:
        raise SettingsError(f'{place}: "{server}" is no address of a runner', hint=f"write one like {DEFAULT_SERVER}")
    return address.geturl().rstrip("/"), flags.get("token") or environ.get("CHRONOS_TOKEN") or None


def default_data(repo: str) -> Path:
    """The state folder of one repository: the same for every spelling of its credentials."""
    address = urlsplit(repo) if "://" in repo else None
    plain = urlunsplit(address._replace(netloc=address.netloc.rpartition("@")[2])) if address else repo
    name = PurePosixPath(plain.rpartition(":")[2]).name.removesuffix(".git").lower()
    stem = re.sub(r"[^a-z0-9]+", "-", name).strip("-") or "repository"
    return platformdirs.user_state_path("chronos-gitops") / f"{stem}-{hashlib.sha256(plain.encode()).hexdigest()[:10]}"


def is_url(repo: str) -> bool:
    """``https://...`` and ssh's ``[user@]host:path``, as git itself tells them from a folder."""
    return "://" in repo or (_SCP.fullmatch(repo) is not None and not Path(repo).exists())


class _Given(NamedTuple):
    """A raw value, the place that an error names, and the folder that a relative path starts from."""

    place: str
    value: Any
    base: Path


class _Row(NamedTuple):
    """One setting: its key in chronos.toml, its field, how it is read, and whether flags and environment know it."""

    key: str
    field: str
    parse: Callable[[Any, Path], Any]
    flag: str = ""
    variable: str = ""


def _from_file(path: Path) -> Iterator[tuple[str, _Given]]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{path} cannot be read: {reason}", hint="see --config and CHRONOS_CONFIG") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}", hint="the file is TOML: name = value") from error
    known = [row.key for row in _TABLE]
    for key, value in _flat(document):
        if key not in known:
            raise SettingsError(f'{path}: there is no setting "{key}"', hint=_did_you_mean(key, known))
        yield key, _Given(f"{path}: {key}", value, path.absolute().parent)


def _flat(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """``[egress]`` with ``level`` inside becomes ``egress.level``; tables that are values stay whole."""
    tables = {row.key.partition(".")[0] for row in _TABLE if "." in row.key}
    for name, value in document.items():
        if name in tables and isinstance(value, dict):
            yield from ((f"{name}.{inner}", one) for inner, one in value.items())
        else:
            yield name, value


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, _Given]]:
    # Unknown CHRONOS_* names pass: Kubernetes sets CHRONOS_PORT and the like beside a service named "chronos".
    for row in _TABLE:
        if row.variable and environ.get(row.variable):
            yield row.key, _Given(row.variable, environ[row.variable], Path.cwd())


def _from_flags(flags: Mapping[str, Any]) -> Iterator[tuple[str, _Given]]:
    for row in _TABLE:
        if row.flag and flags.get(row.flag) is not None:
            place = "REPO" if row.flag == "repo" else f"--{row.flag.replace('_', '-')}"
            yield row.key, _Given(place, flags[row.flag], Path.cwd())


def _parsed(row: _Row, given: _Given) -> Any:
    try:
        return row.parse(given.value, given.base)
    except ValueError as error:
        raise SettingsError(f"{given.place}: {error}") from error


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    return did_you_mean(word, known) or f"known ones: {', '.join(known)}"


def _repo(value: Any, base: Path) -> str:
    return value if is_url(values.text(value)) else str(values.path(value, base))


def _engine(value: Any, _base: Path) -> str:
    if value == "sqlite" or str(value).startswith(("postgresql://", "temporal://")):
        return str(value)
    raise ValueError(f'"{str(value).partition("://")[0]}" is none of sqlite, postgresql://..., temporal://...')


def _failpoint(value: Any, _base: Path) -> str:
    failpoints.parse(values.text(value))
    return str(value)


def _tokens(value: Any, _base: Path) -> tuple[Token, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ValueError("write one [[tokens]] table with name, sha256 and roles for each token")
    tokens = tuple(_token(entry) for entry in value)
    if len({token.name for token in tokens}) < len(tokens):
        raise ValueError("two tokens have the same name")
    return tokens


def _token(entry: Mapping[str, Any]) -> Token:
    _refuse_unknown(entry, ("name", "sha256", "roles"))
    name, digest, roles = (
        values.text(entry.get("name", "")),
        str(entry.get("sha256", "")),
        values.texts(entry.get("roles", ())),
    )
    if not re.fullmatch(r"[0-9a-f]{64}", digest.lower()):
        raise ValueError(f'token "{name}": sha256 is the hex digest of the token (printf %s "$TOKEN" | sha256sum)')
    unknown = next((role for role in roles if role not in ROLES), None)
    if unknown is not None or not roles:
        raise ValueError(f'token "{name}": roles are some of {", ".join(ROLES)}; got {unknown or "none"}')
    return Token(name, digest.lower(), frozenset(roles))


def _bindings(value: Any, _base: Path) -> Mapping[str, SecretBinding]:
    if not isinstance(value, dict) or not all(isinstance(entry, dict) for entry in value.values()):
        raise ValueError("write one [secrets.bind.NAME] table with folders and hosts for each secret")
    return MappingProxyType({name: _binding(name, entry) for name, entry in value.items()})


def _binding(name: str, entry: Mapping[str, Any]) -> SecretBinding:
    if not is_secret_name(name):
        raise ValueError(f'"{name}" is not the name of a secret; write one like backup-token')
    _refuse_unknown(entry, ("folders", "hosts"))
    return SecretBinding(values.texts(entry.get("folders", ())), values.texts(entry.get("hosts", ())))


def _refuse_unknown(entry: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in entry:
        if key not in known:
            raise ValueError(f'there is no "{key}"; {_did_you_mean(key, known)}')


def _secret_values(environ: Mapping[str, str]) -> Mapping[str, str]:
    """``CHRONOS_SECRET_BACKUP_TOKEN`` is the value of ``${secret:backup-token}``."""
    found = {}
    for variable, value in environ.items():
        if not variable.startswith(_SECRET_PREFIX):
            continue
        name = variable.removeprefix(_SECRET_PREFIX).lower().replace("_", "-")
        if not is_secret_name(name):
            raise SettingsError(f"{variable}: no secret can have this name", hint="write CHRONOS_SECRET_BACKUP_TOKEN")
        found[name] = value
    return MappingProxyType(found)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refuse_an_open_door(settings: Settings) -> None:
    if settings.tokens or settings.listens_on_loopback:
        return
    raise SettingsError(
        f"without tokens the runner listens on loopback only, not on {settings.host}",
        hint="add [[tokens]] to chronos.toml, or listen on 127.0.0.1 and put a proxy in front of it",
    )


_SECOND = timedelta(seconds=1)
_TABLE = (
    _Row("repo", "repo", _repo, "repo", "CHRONOS_REPO"),
    _Row("jobs", "jobs_folder", values.folder, "jobs", "CHRONOS_JOBS"),
    _Row("follow", "follow", values.choice("worktree", "branch"), "follow", "CHRONOS_FOLLOW"),
    _Row("branch", "branch", values.text, "branch", "CHRONOS_BRANCH"),
    _Row("interval", "interval", values.duration(_SECOND), "interval", "CHRONOS_INTERVAL"),
    _Row("listen", "listen", values.listen, "listen", "CHRONOS_LISTEN"),
    _Row("data", "data", values.path, "data", "CHRONOS_DATA"),
    _Row("on_invalid", "on_invalid", values.choice("quarantine", "reject"), "on_invalid", "CHRONOS_ON_INVALID"),
    _Row("engine", "engine", _engine, "engine", "CHRONOS_ENGINE"),
    _Row("drain", "drain", values.duration(timedelta()), "drain", "CHRONOS_DRAIN"),
    _Row("egress.level", "egress_level", values.choice("public", "internal", "any"), "egress", "CHRONOS_EGRESS"),
    _Row("egress.allow", "egress_allow", values.texts, "", "CHRONOS_EGRESS_ALLOW"),
    _Row("egress.ca_file", "egress_ca", values.path, "", "CHRONOS_EGRESS_CA_FILE"),
    _Row("secrets.folder", "secrets_folder", values.path, "", "CHRONOS_SECRETS_FOLDER"),
    _Row("secrets.bind", "secret_bindings", _bindings),
    _Row("tokens", "tokens", _tokens),
    _Row("hooks.github_secrets", "github_hook_secrets", values.secrets, "", "CHRONOS_HOOK_SECRET_GITHUB"),
    _Row("hooks.gitlab_secrets", "gitlab_hook_secrets", values.secrets, "", "CHRONOS_HOOK_SECRET_GITLAB"),
    _Row("hooks.gitea_secrets", "gitea_hook_secrets", values.secrets, "", "CHRONOS_HOOK_SECRET_GITEA"),
    _Row("verify_commits", "verify_commits", values.path, "verify_commits", "CHRONOS_VERIFY_COMMITS"),
    _Row("signing_key", "signing_key", values.path, "signing_key", "CHRONOS_SIGNING_KEY"),
    _Row("limits.in_flight", "max_in_flight", values.at_least(1), "", "CHRONOS_MAX_IN_FLIGHT"),
    _Row(
        "limits.in_flight_per_host", "max_in_flight_per_host", values.at_least(1), "", "CHRONOS_MAX_IN_FLIGHT_PER_HOST"
    ),
    _Row("limits.rate_per_host", "rate_per_host", values.at_least(0), "", "CHRONOS_RATE_PER_HOST"),
    _Row("limits.breaker_after", "breaker_after", values.at_least(0), "", "CHRONOS_BREAKER_AFTER"),
    _Row("retention.days", "retention_days", values.at_least(1), "", "CHRONOS_RETENTION_DAYS"),
    _Row("retention.rows", "retention_rows", values.at_least(1), "", "CHRONOS_RETENTION_ROWS"),
    _Row("failpoint", "failpoint", _failpoint, "", "CHRONOS_FAILPOINT"),
    _Row("log.format", "log_format", values.choice("auto", "plain", "json"), "log_format", "CHRONOS_LOG_FORMAT"),
    _Row(
        "log.level", "log_level", values.choice("debug", "info", "warning", "error"), "log_level", "CHRONOS_LOG_LEVEL"
    ),
)
