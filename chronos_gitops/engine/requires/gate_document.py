"""The gate of an execution as JSON: the column of a database and the row of a Temporal workflow."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from chronos_gitops.engine.milliseconds import instant, to_ms
from chronos_gitops.engine.model import Gate


def document(gate: Gate) -> dict[str, Any]:
    """Instants are whole milliseconds."""
    return asdict(gate) | {"since": to_ms(gate.since), "until": to_ms(gate.until)}


def of_document(found: Mapping[str, Any]) -> Gate:
    """The inverse of ``document``; a field that another release added is passed over."""
    since, until = instant(found["since"]), instant(found["until"])
    return Gate(found["job"], since, until, found["met"], found["execution"])
