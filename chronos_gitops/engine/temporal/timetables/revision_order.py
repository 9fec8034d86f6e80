"""Which of two runners is behind: by the first-parent chain where git tells, else by who applied last. Never by the
clock of a commit, which its author sets."""

import asyncio
import enum
import functools
from collections.abc import Callable
from typing import Final

from temporalio.client import Client

from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.connection.namespace_mark import NamespaceMark
from chronos_gitops.errors import ChronosError

_MARK: Final = NamespaceMark(names.APPLIED_REVISION, "identity/applied-revision")


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
    """The revision that was applied last in the namespace is kept there for all of its runners."""

    def __init__(self, client: Client, ancestry: Ancestry) -> None:
        self._client = client
        self._ancestry = ancestry

    async def place(self, revision: str | None) -> Place:
        """Of this revision beside the one that was applied last. SAME where no runner has noted one yet, and BEHIND
        where git does not tell, as after a forced push."""
        last = await _MARK.read(self._client)
        if last is None or last == (revision or ""):
            return Place.SAME
        return Place.AHEAD if await self._ancestry.leads(last, revision) else Place.BEHIND

    async def note(self, revision: str | None) -> None:
        """To be called before the first change that makes it so: until then, the others mend."""
        if await _MARK.read(self._client) == (revision or ""):
            return
        await _MARK.write(self._client, revision or "")
