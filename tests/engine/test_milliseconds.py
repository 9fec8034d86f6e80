"""Every engine keeps instants, and the gate of an execution, in one form."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_gitops.engine.milliseconds import MILLISECOND, instant, maybe_ms_up, to_ms, whole
from chronos_gitops.engine.model import Execution, Gate, Status, Trigger
from chronos_gitops.engine.requires import gate_document
from chronos_gitops.engine.temporal.workflows import messages

INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(INSTANTS)
def test_an_instant_comes_back_as_its_whole_millisecond(at: datetime) -> None:
    assert instant(to_ms(at)) == whole(at)
    assert at - MILLISECOND < whole(at) <= at


@given(INSTANTS)
def test_rounding_up_gives_the_first_millisecond_that_is_not_before(at: datetime) -> None:
    up = maybe_ms_up(at)
    assert up is not None
    assert instant(up) - MILLISECOND < at <= instant(up)


@pytest.mark.parametrize("execution", [None, "7c9e6679-7425-40de-944b-e07fc1f90ae7"])
def test_a_gate_of_either_engine_is_read_by_the_other(execution: str | None) -> None:
    since = datetime(2027, 3, 1, 4, tzinfo=UTC)
    gate = Gate("daily-backup", since, since + timedelta(hours=1), execution is not None, execution)
    run = Execution("id", "report", since, Trigger.SCHEDULE, Status.PENDING, requires=gate)
    in_workflow = messages.row(run)
    in_column = json.dumps(gate_document.document(gate))
    assert json.loads(in_column) == in_workflow["requires"]
    assert gate_document.of_document(json.loads(in_column)) == messages.execution(in_workflow).requires == gate
