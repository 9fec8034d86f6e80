"""An edited value of a layer and what it does, as a plan shows it."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Final, Protocol

from chronos_gitops.jobs.layers.variables import VARIABLES
from chronos_gitops.jobs.planning.layers.layer_values import TIMING, LayerValue
from chronos_gitops.jobs.planning.review_flags import FlagKind, ReviewFlag
from chronos_gitops.process.lazy_dataclass import dataclass

_SWITCHES: Final = frozenset({"enabled", "start", "end"})
_TARGET: Final = frozenset({"webhook.url", "webhook.auth", VARIABLES})
_CAUSES: Final[Mapping[FlagKind, frozenset[str]]] = {
    FlagKind.ENABLED: _SWITCHES,
    FlagKind.DISABLED: _SWITCHES,
    FlagKind.NEVER_FIRES: TIMING,
    FlagKind.AT_PAST: TIMING,
    FlagKind.ENDED: TIMING,
    FlagKind.GAP: TIMING,
    FlagKind.OVERLAP: TIMING | {"timeout", "webhook.timeout", "concurrency"},
    FlagKind.NEW_HOST: _TARGET,
}
"""The fields whose change can be the reason of a flag; for others, any."""


@dataclass(frozen=True, slots=True)
class LayerEffect:
    """Names of jobs, sorted. ``moved_runs`` are enabled before and after and run at other times; ``invalid`` have an
    error now that stands at the value."""

    changed: tuple[str, ...] = ()
    moved_runs: tuple[str, ...] = ()
    enabled: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()
    new_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LayerChange:
    """``overridden`` are the jobs that say the value themselves or get it from a nearer layer, everywhere.
    ``effects`` are by environment, None where none are declared."""

    value: LayerValue
    overridden: tuple[str, ...]
    effects: Mapping[str | None, LayerEffect]

    @property
    def everywhere(self) -> LayerEffect:
        """In any environment."""
        return LayerEffect(*(self._in_any(one.name) for one in fields(LayerEffect)))

    def _in_any(self, name: str) -> tuple[str, ...]:
        return tuple(sorted({one for effect in self.effects.values() for one in getattr(effect, name)}))


class Flagged(Protocol):
    """A change of a job."""

    @property
    def flags(self) -> tuple[ReviewFlag, ...]: ...


def flags_of(value: LayerValue, change: Flagged) -> tuple[ReviewFlag, ...]:
    """Of the flags of a job that the value reaches, those that it can be the reason of."""
    fields = {str(value.path[0]), ".".join(map(str, value.path[:2]))}
    return tuple(flag for flag in change.flags if fields & _CAUSES.get(flag.kind, fields))
