"""Which of two runners is behind: by the first-parent chain where git tells, else by who applied last. Never by the
clock of a commit, which its author sets."""

import asyncio
import enum
import functools
from collections.abc import Callable

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from chronos_gitops.engine.temporal import names
from chronos_gitops.errors import ChronosError

_ID = "identity/applied-revision"


class Place(enum.Enum):
    BEHIND = "behind"
    SAME = "same"
    AHEAD = "ahead"


class Ancestry:
    """``continues(since, head)``: whether the first commit stands on the first-parent chain of the second one, by this
    runner's repository. No, where that does not know them."""

    def __init__(self, continues: Callable[[str, str], bool] = lambda _since, _head: False) -> None:
        self._continues = functools.lru_cache(maxsize=256)(continues)

    async def leads(self, since: str | None, head: str | None) -> bool:
        if since == head:
            return True
        if not since or not head:
            return False
        try:
            return await asyncio.to_thread(self._continues, since, head)
        except ChronosError:
            return False


class RevisionOrder:
    """A workflow which only is there names the revision that was applied last in the namespace."""

    def __init__(self, client: Client, ancestry: Ancestry) -> None:
        self._client = client
        self._ancestry = ancestry

    async def place(self, revision: str | None) -> Place:
        """Of this revision beside the one that was applied last. SAME where no runner has noted one yet, and BEHIND
        where git does not tell, as after a forced push."""
        last = await self._last()
        if last is None or last == (revision or ""):
            return Place.SAME
        return Place.AHEAD if await self._ancestry.leads(last, revision) else Place.BEHIND

    async def note(self, revision: str | None) -> None:
        """To be called before the first change that makes it so: until then, the others mend."""
        if await self._last() == (revision or ""):
            return
        await self._client.start_workflow(
            names.APPLIED_REVISION,
            id=_ID,
            task_queue=names.TURNS,
            memo={names.KEY: revision or ""},
            id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
        )

    async def _last(self) -> str | None:
        try:
            described = await self._client.get_workflow_handle(_ID).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        last: str = await described.memo_value(names.KEY)
        return last
