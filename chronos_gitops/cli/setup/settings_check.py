"""Findings about the settings of a runner: values, the files that they name, and who can read them."""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from chronos_gitops.cli.setup.finding import Finding, failed, of_error, ok, warning
from chronos_gitops.config import load, setting
from chronos_gitops.config.settings import Settings
from chronos_gitops.errors import UsageError
from chronos_gitops.plurals import plural

_SUBJECT = "settings"


def check(flags: Mapping[str, Any], environ: Mapping[str, str], config: Path | None) -> Iterator[Finding]:
    """All errors; where there is none, the files that settings name."""
    unread = load.unread_file(environ, config)
    if unread is not None:
        way = f"name it with --config {unread} or CHRONOS_CONFIG, or rename it"
        yield warning(_SUBJECT, f"{unread} in the current folder is not read", way)
    errors = list(load.errors(flags, environ, config))
    yield from (_of(error) for error in errors)
    if errors:
        return
    settings, sources = load.load(flags, environ, config), load.sources(flags, environ, config)
    where = load.config_file(environ, config)
    yield ok(_SUBJECT, f"{plural(len(sources), 'setting')} given, {'no file' if where is None else where} read")
    yield from _files(settings)
    if where is not None:
        yield from _openness(where, settings, sources)


def _of(error: UsageError) -> Finding:
    return of_error(_SUBJECT, error, "see docs/reference/settings.md for its values")


def _files(settings: Settings) -> Iterator[Finding]:
    for row, value in setting.chosen(settings):
        if row.key in ("data", "repo"):  # made at the start; judged for itself
            continue
        for path in _paths(value):
            reason = _unreadable(path)
            if reason:
                yield failed(_SUBJECT, f"{row.key}: {path} {reason}", "create it, correct the path, or leave it out")


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _paths(one)
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _paths(one)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _paths(getattr(value, field.name))


def _unreadable(path: Path) -> str:
    """Empty for a file or folder that this user can read."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    wanted = os.R_OK | os.X_OK if stat.S_ISDIR(mode) else os.R_OK
    return "" if os.access(path, wanted) else "cannot be read by this user"


def _openness(file: Path, settings: Settings, sources: Mapping[str, str]) -> Iterator[Finding]:
    """A secret in a file that every user of the machine can read."""
    if not file.stat().st_mode & stat.S_IROTH:
        return
    keys = [
        row.key
        for row, value in setting.chosen(settings)
        if value and setting.is_secret(Settings, row) and sources.get(row.key, "").startswith(f"{file}:")
    ]
    if secret := [key for key in keys if key not in ("repo", "engine")]:
        yield warning(_SUBJECT, f"every user of this machine can read {file} with {secret[0]}", f"chmod o-r {file}")
