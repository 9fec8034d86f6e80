"""The operator's settings: flags over ``CHRONOS_*`` over ``chronos.toml``; the only reader of the environment."""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import platformdirs

from chronos_gitops.config import forge
from chronos_gitops.config.callers.issuers import PROXY
from chronos_gitops.config.groups import GitAccess
from chronos_gitops.config.model import SettingsError
from chronos_gitops.config.repository_url import is_address
from chronos_gitops.config.server_profiles import profile, profiles_file
from chronos_gitops.config.setting import Setting, values
from chronos_gitops.config.settings import TABLE, Settings
from chronos_gitops.config.toml_tables import EntryError, one_of
from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.folders import is_path_in
from chronos_gitops.jobs.templates.templates import is_secret_name

__all__ = ["DEFAULT_SERVER", "client", "config_file", "default_data", "errors", "load", "sources", "unread_file"]

DEFAULT_SERVER = "http://127.0.0.1:8080"
_FILE_NAME = "chronos.toml"
_SECRET_PREFIX = "CHRONOS_SECRET_"


def load(flags: Mapping[str, Any], environ: Mapping[str, str], config: Path | None) -> Settings:
    """Settings out of the three sources; a flag that is None was not given.

    ``chronos.toml`` is read only where ``config`` or CHRONOS_CONFIG points: what lies in the current folder may well
    be the jobs repository, and its authors are not the operator.
    """
    given = _given(flags, environ, config)
    parsed = {row.key: _parsed(row, given[row.key]) for row in TABLE if row.key in given}
    found = values(Settings, parsed)
    repo = found.pop("repo", None) or str(Path.cwd())
    data = found.pop("data", None) or default_data(repo)
    settings = Settings(repo, data, secret_values=_secret_values(environ), **found)
    _refuse_two_answers(settings.git, environ)
    _refuse_an_open_door(settings)
    bound = {name: binding.folders for name, binding in settings.secret_bindings.items()}
    named: dict[str, Mapping[str, tuple[str, ...]]] = {
        "secrets.bind": bound,
        "egress.folders": {one: (one,) for one in settings.egress.folders},
        "identity.audiences": {name: binding.folders for name, binding in settings.identity.audiences.items()},
        "tokens": {token.name: token.folders for token in settings.tokens},
        "grants": {str(at): one.grant.folders for at, one in enumerate(settings.callers.grants, 1)},
    }
    for key, folders in named.items():
        if key in given:
            _refuse_foreign_folders(settings.jobs_folder, folders, given[key].place)
    if "grants" in given:
        _refuse_grants_from_nowhere(settings, given["grants"].place)
    _refuse_half_a_way_in(settings)
    _refuse_review_of_a_checkout(settings)
    forge.refuse_half(settings.forge)
    return settings


def sources(flags: Mapping[str, Any], environ: Mapping[str, str], config: Path | None) -> Mapping[str, str]:
    """Where each setting that is given comes from, by its key: a flag, a variable, or a file and the key in it."""
    return {key: one.place for key, one in _given(flags, environ, config).items()}


def errors(flags: Mapping[str, Any], environ: Mapping[str, str], config: Path | None) -> Iterator[UsageError]:
    """All values that cannot be read, or else the first combination of values that cannot be. A file that cannot be
    read is the only error."""
    try:
        given = _given(flags, environ, config)
    except UsageError as error:
        yield error
        return
    is_broken = False
    for row in (row for row in TABLE if row.key in given):
        try:
            _parsed(row, given[row.key])
        except UsageError as error:
            is_broken = True
            yield error
    if not is_broken:
        try:
            load(flags, environ, config)
        except UsageError as error:
            yield error


def config_file(environ: Mapping[str, str], config: Path | None) -> Path | None:
    """The chronos.toml that is read."""
    return Path(environ["CHRONOS_CONFIG"]) if config is None and environ.get("CHRONOS_CONFIG") else config


def unread_file(environ: Mapping[str, str], config: Path | None) -> Path | None:
    """A chronos.toml in the current folder that ``load`` leaves alone, because nothing names it."""
    path = Path(_FILE_NAME)
    return path if config is None and not environ.get("CHRONOS_CONFIG") and path.is_file() else None


def client(flags: Mapping[str, str | None], environ: Mapping[str, str]) -> tuple[str, str | None]:
    """The runner that a command speaks to: its address without a trailing slash, and the token if there is one. A
    profile's own token comes before CHRONOS_TOKEN, which may be another runner's."""
    place = "--server" if flags.get("server") else "CHRONOS_SERVER"
    given = flags.get("server") or environ.get("CHRONOS_SERVER") or None
    named = profile(given)
    if named is not None:
        place, given = str(profiles_file()), named.url
    server = given or DEFAULT_SERVER
    address = urlsplit(server if "://" in server else f"http://{server}")
    if address.scheme not in ("http", "https") or not address.hostname:
        raise SettingsError(f'{place}: "{server}" is no address of a runner', hint=f"write one like {DEFAULT_SERVER}")
    token = flags.get("token") or (named.token() if named else None) or environ.get("CHRONOS_TOKEN") or None
    return address.geturl().rstrip("/"), token


def default_data(repo: str) -> Path:
    """The state folder of one repository: the same for every spelling of its credentials."""
    address = urlsplit(repo) if "://" in repo else None
    plain = urlunsplit(address._replace(netloc=address.netloc.rpartition("@")[2])) if address else repo
    name = PurePosixPath(plain.rpartition(":")[2]).name.removesuffix(".git").lower()
    stem = re.sub(r"[^a-z0-9]+", "-", name).strip("-") or "repository"
    return platformdirs.user_state_path("chronos-gitops") / f"{stem}-{hashlib.sha256(plain.encode()).hexdigest()[:10]}"


class _Given(NamedTuple):
    """A raw value, the place that an error names, and the folder that a relative path starts from."""

    place: str
    value: Any
    base: Path


def _given(flags: Mapping[str, Any], environ: Mapping[str, str], config: Path | None) -> dict[str, _Given]:
    file = config_file(environ, config)
    given = dict(_from_file(file)) if file else {}
    given.update(_from_environment(environ))
    given.update(_from_flags(flags))
    return given


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
        # The file that a Secret of Kubernetes was made of often ends with a line break.
        if value := environ.get(row.variable, "").rstrip("\r\n"):
            yield row.key, _Given(row.variable, value, Path.cwd())


def _from_flags(flags: Mapping[str, Any]) -> Iterator[tuple[str, _Given]]:
    for row in TABLE:
        if row.flag and flags.get(row.flag) is not None:
            yield row.key, _Given(row.place, flags[row.flag], Path.cwd())


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


def _refuse_foreign_folders(jobs_folder: str, folders: Mapping[str, tuple[str, ...]], place: str) -> None:
    """A folder is a path from the repository root, so one that no job file can lie in is a mistake."""
    for name, named in folders.items():
        for folder in named:
            if not is_path_in(folder, jobs_folder):
                meant = PurePosixPath(jobs_folder) / folder
                raise SettingsError(f'{place}.{name}: "{folder}" is not below {jobs_folder}; write "{meant}"')


def _refuse_review_of_a_checkout(settings: Settings) -> None:
    """A branch for review is pushed, so there has to be somewhere to push to."""
    commits = settings.commits
    named = "approval.rollback" if commits.needs_review else "rollback.push_ref" if commits.push_ref else ""
    if named and not (is_address(settings.repo) and settings.follow != "worktree"):
        hint = "follow a branch of a remote: chronos-gitops run https://git.example.com/jobs.git --branch main"
        raise SettingsError(f'{named} needs a remote repository and follow = "branch"', hint=hint)


def _refuse_half_a_way_in(settings: Settings) -> None:
    """A login needs an address to come back to; a proxy's header is worth what proves it."""
    login = next((one.name for one in settings.callers.issuers if one.login is not None), None)
    if login is not None and not settings.public_url:
        hint = 'browsers come back to it after the login: public_url = "https://ops.example.com"'
        raise SettingsError(f'the login with "{login}" needs public_url', hint=hint)
    proxy = settings.proxy
    named = next((name for name in ("user_header", "groups_header") if getattr(proxy, name)), None)
    missing = next((name for name in ("trusted", "secret_file", "user_header") if not getattr(proxy, name)), None)
    if named is not None and missing is not None:
        hint = "an address alone proves nothing: name the proxy's networks and the secret that it sends"
        raise SettingsError(f"proxy.{named} needs proxy.{missing}", hint=hint)


def _refuse_grants_from_nowhere(settings: Settings, place: str) -> None:
    known = [issuer.name for issuer in settings.callers.issuers] + ([PROXY] if settings.proxy.user_header else [])
    for number, one in enumerate(settings.callers.grants, 1):
        if one.origin not in known:
            hint = one_of(one.origin, known) if known else "add an [[issuers]] table with this name"
            raise SettingsError(f'{place}.{number}: there is no issuer "{one.origin}"', hint=hint)


def _refuse_an_open_door(settings: Settings) -> None:
    if settings.has_callers or settings.listens_on_loopback:
        return
    raise SettingsError(
        f"without tokens the runner listens on loopback only, not on {settings.host}",
        hint="add [[tokens]] to chronos.toml, or listen on 127.0.0.1 and put a proxy in front of it",
    )
