"""Of the runners of a namespace, those with the newest release of the time zone database decide what is due; the others
ask them, because the same scheduled time may have two instants otherwise."""

import contextlib
import logging
import uuid
from datetime import timedelta
from typing import Final

from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError

from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.connection.namespace_mark import NamespaceMark
from chronos_gitops.engine.temporal.workflows.messages import Situation, TimetableOrders
from chronos_gitops.schedule.zones.timezones import release_order, rules_version

log = logging.getLogger(__name__)

_MARK: Final = NamespaceMark(names.NEWEST_ZONE_DATA, "identity/newest-zone-data")
_ANSWERS_WITHIN: Final = timedelta(seconds=5)
"""Less than a local activity has, and far less than what makes a scheduled time late."""


class ZoneReleases:
    """The newest release is kept in the namespace. A runner with that release writes it again whenever it finds an
    older one there, so a runner that hears no answer may replace it by its own."""

    def __init__(self, release: str | None = None) -> None:
        self.release = rules_version() if release is None else release
        self._client: Client | None = None
        self._newer: str | None = None

    async def look(self, client: Client) -> None:
        """RPCError when the server does not answer."""
        self._client = client
        newest = await _MARK.read(client)
        if newest is None or release_order(newest) < release_order(self.release):
            await _MARK.write(client, self.release)
        newer = newest if newest and release_order(newest) > release_order(self.release) else None
        if newer != self._newer:
            log.warning("time_zone_release", extra={"release": self.release, "newer": newer})
        self._newer = newer

    async def ask(self, question: str, situation: Situation) -> TimetableOrders | None:
        """The verdict of a runner with a newer release; None where there is none, so that this one decides."""
        client, newer = self._client, self._newer
        if client is None or newer is None:
            return None
        try:
            verdict: TimetableOrders = await client.execute_workflow(
                names.DECISION,
                args=[question, situation],
                id=f"decision/{uuid.uuid4()}",
                task_queue=names.decisions(newer),
                result_type=TimetableOrders,
                execution_timeout=_ANSWERS_WITHIN,
            )
            return verdict
        except (WorkflowFailureError, RPCError) as error:
            log.warning("no runner with the time zone release %s responds: %s", newer, error)
        if self._newer == newer:
            self._newer = None
            with contextlib.suppress(RPCError):
                await _MARK.write(client, self.release)
        return None
