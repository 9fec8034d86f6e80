"""The only attempt of a plain success, which is a part of its execution's row."""

from chronos_gitops.engine.milliseconds import instant
from chronos_gitops.engine.model import Attempt
from chronos_gitops.engine.sql.store.row_mapping import Row
from chronos_gitops.engine.sql.store.shared import contexts
from chronos_gitops.webhooks.transport.timings import PhaseTimes


def read(row: Row) -> Attempt:
    """Of a row of ``PLAIN_ATTEMPT``."""
    offset, duration, *spent = row["times"].split(",")
    phases = [float(each) if each else None for each in spent]
    return Attempt(
        number=row["attempts"],
        started_at=instant(row["started_at"] + int(offset or 0)),
        duration_ms=int(duration),
        status_code=row["status_code"],
        response=row["response"],
        phases=PhaseTimes(*phases) if phases else None,
        observed=None if row["document"] is None else contexts.joined(row["document"], row["response_headers"]),
    )


def times(offset: int, attempt: Attempt) -> str:
    """The column ``times``: values that are absent are empty, and left out at the end."""
    phases = attempt.phases
    spent = () if phases is None else (phases.dns, phases.connect, phases.tls, phases.first_byte, phases.read)
    texts = [
        "" if each is None else str(each).removesuffix(".0") for each in (offset or None, attempt.duration_ms, *spent)
    ]
    return ",".join(texts).rstrip(",")
