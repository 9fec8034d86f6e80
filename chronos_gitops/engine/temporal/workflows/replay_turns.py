"""The items of a replay in the timetable of their job: one at a time, and only when nothing else of the job is under
way. Workflow code: the commands that it makes must stay as they are for histories that have them."""

from collections.abc import Awaitable, Callable, Sequence

from temporalio import workflow
from temporalio.exceptions import FailureError

from chronos_gitops.engine.drafts import provenance
from chronos_gitops.engine.milliseconds import instant, to_ms
from chronos_gitops.engine.model import Execution, Status, Trigger
from chronos_gitops.engine.operations.replays import item_id
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.workflows import messages
from chronos_gitops.engine.temporal.workflows.messages import Applied, Order, TimetableState
from chronos_gitops.engine.temporal.workflows.replay_messages import (
    ASK_AT,
    News,
    ReplayBatch,
    ReplayNews,
    ReplayTurn,
)


class ReplayTurns:
    """``offer`` and ``end`` only note what a replay has sent; ``take_turn`` deals with it, under the timetable's lock.
    ``claim`` records orders; ``on_end`` hears when the timetable is free of a replay."""

    def __init__(
        self,
        state: TimetableState,
        claim: Callable[[Sequence[Order]], Awaitable[object]],
        *,
        on_end: Callable[[], None],
    ) -> None:
        self._state = state
        self._claim = claim
        self._on_end = on_end
        self._sent: list[ReplayBatch | str] = []

    def offer(self, batch: ReplayBatch) -> None:
        self._sent.append(batch)

    def end(self, replay: str) -> None:
        self._sent.append(replay)

    @property
    def is_idle(self) -> bool:
        """Nothing of a replay is left to do, so that the timetable may end."""
        return self._state.replay is None and not self._sent

    @property
    def is_heard(self) -> bool:
        """Everything that was sent stands in the state."""
        return not self._sent

    def next_at(self) -> int | None:
        """When the next item may begin, if nothing but time holds it up."""
        held = self._state.replay
        return held.next_at if held is not None and held.items and self._is_free() else None

    def drop(self) -> None:
        """The job was removed: no item begins any more."""
        if self._state.replay is not None:
            self._state.replay.is_cancelled = True

    async def take_turn(self) -> None:
        while self._sent:
            sent = self._sent.pop(0)
            await (self._ended(sent) if isinstance(sent, str) else self._take(sent))
        held, applied = self._state.replay, self._state.applied
        if held is None:
            return
        if held.is_cancelled or applied is None:
            await self._let_go(held, News.CANCELLED)
        elif held.begun >= held.total and self._state.item is None:
            await self._let_go(held, News.DONE)
        elif held.items and held.next_at <= self._now() and self._is_free():
            await self._begin(held, applied)

    def _is_free(self) -> bool:
        return not self._state.running and not self._state.waiting

    async def _begin(self, held: ReplayTurn, applied: Applied) -> None:
        now, item = self._now(), held.items[0]
        execution = Execution(
            item_id(held.replay, held.begun),
            self._state.job,
            instant(item.at),
            Trigger.REPLAY,
            Status.PENDING,
            created_at=instant(now),
            path=applied.path,
            replay=held.replay,
            replay_of=item.of,
            idempotency_key=item.key,
            **provenance(applied.version, applied.commit, draft=applied.draft),
        )
        del held.items[0]
        held.begun += 1
        held.next_at = now + held.pace
        self._state.item = execution.id
        await self._claim([Order(messages.row(execution), applied.document)])
        is_last = held.begun + len(held.items) >= held.total
        if len(held.items) <= ASK_AT and not is_last and not held.has_asked:
            held.has_asked = True
            if not await self._tell(held.replay, News.WANTED, held.begun):
                self._state.replay = None  # its workflow was ended

    async def _take(self, batch: ReplayBatch) -> None:
        held = self._state.replay
        if held is not None and held.replay != batch.replay:
            if await self._tell(held.replay, News.ADMITTED, held.begun):
                await self._tell(batch.replay, News.REFUSED)
                return
            held = None
        if self._state.applied is None:
            await self._tell(batch.replay, News.CANCELLED)
            return
        if held is None:
            held = ReplayTurn(batch.replay, batch.first, batch.total, batch.pace)
            self._state.replay = held
            await self._tell(batch.replay, News.ADMITTED, held.begun)
        held.begun = max(held.begun, batch.first)
        held.items = batch.items[held.begun - batch.first :]
        held.has_asked = False

    async def _ended(self, replay: str) -> None:
        held = self._state.replay
        if held is not None and held.replay == replay:
            await self._let_go(held, News.CANCELLED)
        else:
            await self._tell(replay, News.CANCELLED)

    async def _let_go(self, held: ReplayTurn, news: News) -> None:
        self._state.replay = None
        await self._tell(held.replay, news, held.begun)
        self._on_end()

    async def _tell(self, replay: str, news: News, begun: int | None = None) -> bool:
        """False when there is no such workflow any more."""
        handle = workflow.get_external_workflow_handle(names.replay_workflow_id(replay))
        try:
            await handle.signal(names.REPLAY_NEWS, ReplayNews(news.value, begun))
        except FailureError:
            return False
        return True

    def _now(self) -> int:
        return to_ms(workflow.now())
