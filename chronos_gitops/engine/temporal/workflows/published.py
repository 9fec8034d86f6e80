"""The parts of its state that a timetable publishes, in its memo and in its search attributes. Pure."""

from temporalio.common import SearchAttributeUpdate

from chronos_gitops.engine.temporal.visibility import search_attributes
from chronos_gitops.engine.temporal.workflows.messages import PauseRecord, PublishedSchedule, TimetableState
from chronos_gitops.schedule.timing import definition_of


def plan(state: TimetableState, *, is_awake: bool) -> PublishedSchedule | None:
    """None for a job that was removed."""
    if state.applied is None:
        return None
    document = state.applied.document
    return PublishedSchedule(definition_of(document), document["timezone"], state.mark, is_awake, state.moves)


def pauses(state: TimetableState) -> list[PauseRecord]:
    """Those that have ended, and the one that holds last."""
    return [*state.ended_pauses, *([state.pause] if state.pause else [])]


def attributes(state: TimetableState) -> list[SearchAttributeUpdate[str]]:
    digest = search_attributes.REMOVED_STATUS if state.applied is None else state.applied.digest
    return [search_attributes.STATUS.value_set(_status(state)), search_attributes.DIGEST.value_set(digest)]


def _status(state: TimetableState) -> str:
    if state.pause is not None:
        return search_attributes.PAUSED_STATUS
    if state.applied is None:
        return search_attributes.REMOVED_STATUS
    return search_attributes.SCHEDULED_STATUS if state.mark is not None else search_attributes.DISABLED_STATUS
