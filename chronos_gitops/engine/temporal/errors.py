"""Errors between a runner and its Temporal server, in words."""

import re

from temporalio.service import RPCError

from chronos_gitops.engine.temporal.connection.connection import TemporalConnection
from chronos_gitops.errors import ChronosError

_OF_THE_SYSTEM = re.compile(r'message: "([^"]+)"')


class Unavailable(ChronosError):
    """The server does not answer, or cannot do it now; nothing was acknowledged."""

    kind = "unavailable"


def unavailable(access: TemporalConnection, told: str) -> Unavailable:
    return Unavailable(f"{access}: {told}", hint="the runner goes on trying")


def told(error: BaseException) -> str:
    """The sentence inside: the SDK passes on what its Rust libraries print."""
    if isinstance(error, ChronosError):
        return str(error)
    text = error.message if isinstance(error, RPCError) else str(error) or type(error).__name__
    inner = _OF_THE_SYSTEM.search(text)
    if inner is not None or "transport" in text or "connect" in text.lower():
        return f"no connection ({inner[1] if inner else text.rpartition(': ')[2].strip(chr(34))})"
    return text
