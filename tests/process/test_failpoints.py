"""Failpoints strike at their pass, once, and only when they are armed."""

from collections.abc import Iterator

import pytest

from chronos_gitops.process import failpoints


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    failpoints.arm("")


def test_an_unarmed_point_does_nothing() -> None:
    for point in failpoints.POINTS:
        failpoints.reach(point)


def test_an_armed_point_strikes_at_its_pass_and_never_again() -> None:
    failpoints.arm("after-claim:fail@2, in-drain:kill@99")
    failpoints.reach("after-claim")
    with pytest.raises(failpoints.Failed, match="after-claim"):
        failpoints.reach("after-claim")
    failpoints.reach("after-claim")
    failpoints.reach("in-drain")


@pytest.mark.parametrize(
    "text", ["nowhere:kill", "after-claim", "after-claim:explode", "after-claim:kill@0", "in-drain:stop@x"]
)
def test_what_is_no_failpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no failpoint"):
        failpoints.parse(text)
