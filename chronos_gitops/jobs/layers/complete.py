"""The effective job as one file that needs no layer: every field, with the variables that it uses."""

from collections.abc import Mapping
from typing import Any

from chronos_gitops.jobs.layers import variables
from chronos_gitops.jobs.layers.effective import EffectiveJob


def complete_document(job: EffectiveJob, defaults_filled_in: Mapping[str, Any]) -> dict[str, Any]:
    """Values as they are written, else the built-in ones; a field without any is left out.

    ``defaults_filled_in`` is the document of the job. References to variables stay, so that each value keeps its place.
    """
    value = _completed(job.merged, defaults_filled_in)
    used = job.used_variables
    return {**value, variables.VARIABLES: used} if used else value


def _completed(written: Mapping[str, Any], filled: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, built_in in filled.items():
        own = written.get(key)
        if isinstance(built_in, Mapping) and (own is None or isinstance(own, Mapping)):
            found[key] = _completed(own or {}, built_in)
        elif own is not None or built_in is not None:
            found[key] = built_in if own is None else own
    return found
