"""The overlap rule of one timetable, while what was replaced has not ended yet."""

from chronos_gitops.engine.temporal.workflows import turns
from chronos_gitops.engine.temporal.workflows.messages import Applied, Order, TimetableState


def test_what_was_replaced_behind_a_replay_does_not_count_until_it_has_ended() -> None:
    """Before, on a slow server, each tick after the tenth replaced the one before it, for the ten still counted."""
    state = TimetableState("a", Applied({"concurrency": "replace"}, "digest"), running=["item"], item="item")
    ended: dict[int, list[int]] = {}
    for second in range(1, 25):
        row = {"id": f"{second}", "scheduled_time": second * 1000, "status": "pending", "trigger": "schedule"}
        replaced = turns.claim(state, Order(row), second * 1000, lambda: True)
        state.waiting = [waiting for waiting in state.waiting if waiting not in replaced]
        if replaced:
            ended[second] = [int(one) for one in replaced]
    assert ended == {11: [*range(1, 11)], 21: [*range(11, 21)]}
