"""The runners that a user has named: ``servers.toml`` in the user's configuration folder, for ``--server NAME``."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import platformdirs

from chronos_gitops.config import parsers
from chronos_gitops.config.model import SettingsError
from chronos_gitops.config.toml_tables import refuse_unknown
from chronos_gitops.process.small_files import read_secret, read_small_file

_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z", re.ASCII)
_HINT: Final = 'write [NAME] tables with url, and token_file if wanted; default = "NAME" names one'


class ServerProfile(NamedTuple):
    """One runner. ``token_file`` is absolute."""

    url: str
    token_file: Path | None = None

    def token(self) -> str | None:
        """SettingsError for a file that cannot be read, or is empty."""
        if self.token_file is None:
            return None
        try:
            token = read_secret(self.token_file).decode("ascii")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not ASCII"
            raise SettingsError(f"{self.token_file} cannot be read: {reason}", hint=f"see {profiles_file()}") from error
        if not token:
            raise SettingsError(f"{self.token_file} is empty", hint="chronos-gitops token create prints a token")
        return token


def profiles_file() -> Path:
    return platformdirs.user_config_path("chronos-gitops") / "servers.toml"


def profile(name: str | None) -> ServerProfile | None:
    """The profile of this name, without one the default; None where the file has none. SettingsError for a file that
    is wrong."""
    path = profiles_file()
    if name is not None and not _NAME.match(name):
        return None
    if not path.exists():
        return None
    try:
        document = tomllib.loads(read_small_file(path).decode("utf-8"))
        default, found = document.pop("default", None), {}
        for key, table in document.items():
            found[key] = _profile(key, table, path.parent)
        if default is not None and default not in found:
            raise ValueError(f'default = "{default}" names no table')
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}", hint=_HINT) from error
    except ValueError as error:
        raise SettingsError(f"{path}: {error}", hint=_HINT) from error
    return found.get(default if name is None else name)


def _profile(name: str, table: Any, base: Path) -> ServerProfile:
    if not _NAME.match(name) or not isinstance(table, Mapping):
        raise ValueError(f'"{name}" is no profile; names are kebab-case, like production')
    try:
        refuse_unknown(table, ("url", "token_file"))
        if "url" not in table:
            raise ValueError("url is missing")
        url = parsers.text(table["url"])
        file = parsers.path(table["token_file"], base) if "token_file" in table else None
    except ValueError as error:
        raise ValueError(f"[{name}]: {error}") from error
    return ServerProfile(url, file)
