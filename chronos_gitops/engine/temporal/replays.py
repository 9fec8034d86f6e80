"""Replays need the SQL engines for now: on Temporal every question about one is refused with a sentence."""

from datetime import datetime
from typing import NoReturn

from chronos_gitops.engine.operations.replays import Replay, ReplaysUnsupported


class WithoutReplays:
    """The part of the Engine protocol that is about replays."""

    def replay(self, replay: Replay) -> NoReturn:  # noqa: ARG002 - the protocol's signature
        raise _unsupported()

    def replay_of_id(self, replay_id: str) -> NoReturn:  # noqa: ARG002 - the protocol's signature
        raise _unsupported()

    def cancel_replay(self, replay_id: str) -> NoReturn:  # noqa: ARG002 - the protocol's signature
        raise _unsupported()

    def tick_id(self, name: str, tick: datetime) -> NoReturn:  # noqa: ARG002 - the protocol's signature
        raise _unsupported()


def _unsupported() -> ReplaysUnsupported:
    return ReplaysUnsupported(
        "Replays are not available on the Temporal engine.", hint="Trigger the job, or use SQLite or PostgreSQL."
    )
