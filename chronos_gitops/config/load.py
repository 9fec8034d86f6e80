"""The operator's settings: flags over ``CHRONOS_*`` over ``chronos.toml``; the only reader of the environment."""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import platformdirs

from chronos_gitops.config.channels import Heartbeat
from chronos_gitops.config.model import (
    Egress,
    GitAccess,
    Series,
    Settings,
    SettingsError,
    TemporalAccess,
)
from chronos_gitops.config.settings import TABLE, Setting
from chronos_gitops.config.tables import EntryError, one_of
from chronos_gitops.jobs.secret_bindings import is_path_in
from chronos_gitops.jobs.templates import is_secret_name

__all__ = ["DEFAULT_SERVER", "client", "default_data", "load"]

DEFAULT_SERVER = "http://127.0.0.1:8080"
_SECRET_PREFIX = "CHRONOS_SECRET_"


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
    found = {row.field: _parsed(row, given[row.key]) for row in TABLE if row.key in given}
    found["host"], found["port"] = found.pop("listen", ("127.0.0.1", 8080))
    found["egress"] = Egress(
        found.pop("egress_level", "internal"),
        found.pop("egress_allow", ()),
        found.pop("egress_ca", None),
        found.pop("egress_only", ()),
        found.pop("egress_hosts", MappingProxyType({})),
    )
    found["temporal"] = TemporalAccess(**_gathered(found, "temporal", TemporalAccess))
    found["git"] = GitAccess(**_gathered(found, "git", GitAccess))
    found["metrics"] = Series(**_gathered(found, "metrics", Series))
    found["heartbeat"] = _heartbeat(found)
    repo = found.pop("repo", None) or str(Path.cwd())
    data = found.pop("data", None) or default_data(repo)
    settings = Settings(repo, data, secret_values=_secret_values(environ), **found)
    _refuse_two_answers(settings.git, environ)
    _refuse_an_open_door(settings)
    if "secrets.bind" in given:
        _refuse_foreign_folders(settings, given["secrets.bind"].place)
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


def _gathered(found: dict[str, Any], prefix: str, kind: type) -> dict[str, Any]:
    """Takes the fields of one dataclass out of what was found under its prefix."""
    named = ((one.name, f"{prefix}_{one.name}") for one in fields(kind))
    return {name: found.pop(key) for name, key in named if key in found}


class _Given(NamedTuple):
    """A raw value, the place that an error names, and the folder that a relative path starts from."""

    place: str
    value: Any
    base: Path


def _from_file(path: Path) -> Iterator[tuple[str, _Given]]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{path} cannot be read: {reason}", hint="see --config and CHRONOS_CONFIG") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}", hint="the file is TOML: name = value") from error
    known = [row.key for row in TABLE]
    for key, value in _flat(document):
        if key not in known:
            raise SettingsError(f'{path}: there is no setting "{key}"', hint=one_of(key, known))
        yield key, _Given(f"{path}: {key}", value, path.absolute().parent)


def _flat(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """``[egress]`` with ``level`` inside becomes ``egress.level``; tables that are values stay whole."""
    tables = {row.key.partition(".")[0] for row in TABLE if "." in row.key}
    for name, value in document.items():
        if name in tables and isinstance(value, dict):
            yield from ((f"{name}.{inner}", one) for inner, one in value.items())
        else:
            yield name, value


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, _Given]]:
    # Unknown CHRONOS_* names pass: Kubernetes sets CHRONOS_PORT and the like beside a service named "chronos".
    for row in TABLE:
        if row.variable and environ.get(row.variable):
            yield row.key, _Given(row.variable, environ[row.variable], Path.cwd())


def _from_flags(flags: Mapping[str, Any]) -> Iterator[tuple[str, _Given]]:
    for row in TABLE:
        if row.flag and flags.get(row.flag) is not None:
            place = "REPO" if row.flag == "repo" else f"--{row.flag.replace('_', '-')}"
            yield row.key, _Given(place, flags[row.flag], Path.cwd())


def _heartbeat(found: dict[str, Any]) -> Heartbeat:
    """Takes what belongs to it out of ``found``."""
    url, file = found.pop("heartbeat_url", None), found.pop("heartbeat_file", None)
    if url is not None and file is not None:
        raise SettingsError("heartbeat.url and heartbeat.url_file are two answers", hint="leave one of them out")
    return Heartbeat(url or file, found.pop("heartbeat_interval", Heartbeat().interval))


def _parsed(row: Setting, given: _Given) -> Any:
    try:
        return row.parse(given.value, given.base)
    except EntryError as error:
        raise SettingsError(f"{given.place}.{error.entry}: {error}") from error
    except ValueError as error:
        raise SettingsError(f"{given.place}: {error}") from error


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


def _refuse_two_answers(git: GitAccess, environ: Mapping[str, str]) -> None:
    """Of git's variables and our settings one would be dropped in silence."""
    mine = next((name for name in ("ssh_key_file", "known_hosts_file") if getattr(git, name) is not None), None)
    theirs = next((name for name in ("GIT_SSH_COMMAND", "GIT_SSH") if environ.get(name)), None)
    if mine is not None and theirs is not None:
        raise SettingsError(f"git.{mine} and {theirs} are two answers", hint=f"unset {theirs}, or leave git.{mine} out")
    if (git.cert_file is None) != (git.key_file is None):
        raise SettingsError("git.cert_file and git.key_file go together", hint="give both, or leave both out")


def _refuse_foreign_folders(settings: Settings, place: str) -> None:
    """A folder is a path from the repository root, so one that no job file can lie in is a mistake."""
    for name, binding in settings.secret_bindings.items():
        for folder in binding.folders:
            if not is_path_in(folder, settings.jobs_folder):
                meant = PurePosixPath(settings.jobs_folder) / folder
                raise SettingsError(f'{place}.{name}: "{folder}" is not below {settings.jobs_folder}; write "{meant}"')


def _refuse_an_open_door(settings: Settings) -> None:
    if settings.tokens or settings.listens_on_loopback:
        return
    raise SettingsError(
        f"without tokens the runner listens on loopback only, not on {settings.host}",
        hint="add [[tokens]] to chronos.toml, or listen on 127.0.0.1 and put a proxy in front of it",
    )
