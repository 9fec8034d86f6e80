"""A whole job as a file in a folder with layers: `null` removes what it would inherit and does not have. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from chronos_gitops.jobs.layers.parts import ENVIRONMENTS
from chronos_gitops.jobs.layers.variables import VARIABLES

_HEADERS: Final = ("webhook", "headers")
_AUTH: Final = ("webhook", "auth")


def uninherited(job: Mapping[str, Any], inherited: Mapping[str, Any]) -> dict[str, Any]:
    """Merged onto ``inherited`` it is ``job`` again; variables that the job does not use change nothing."""
    return _without(job, inherited, ())


def _without(own: Mapping[str, Any], inherited: Mapping[str, Any], above: tuple[str, ...]) -> dict[str, Any]:
    found = dict(own)
    names = {key.lower() if above == _HEADERS else key for key in own}
    for key, value in inherited.items():
        path = (*above, key)
        if path in ((VARIABLES,), (ENVIRONMENTS,)):
            continue
        if (key.lower() if above == _HEADERS else key) not in names:
            found[key] = None
        elif isinstance(value, Mapping) and isinstance(own.get(key), Mapping) and path != _AUTH:
            found[key] = _without(own[key], value, path)
    return found
