"""The text of a review request: nothing in it that an author wrote is Markdown."""

import re

from hypothesis import given
from hypothesis import strategies as st

from chronos_gitops.forge.request_text import body, title
from chronos_gitops.jobs.planning.plan import JobChange, Operation, Plan
from chronos_gitops.rollback.publish import Proposal

HOSTILE = "```\n# hi\n<img src=x onerror=alert(1)> @acme/all #12 [x](javascript:y)\n````` ~~~"


def proposal(message: str, *changes: JobChange) -> Proposal:
    return Proposal("chronos/rollback/x", "main", message, Plan(changes))


@given(st.text(st.sampled_from("`~\n a@#<"), max_size=60))
def test_a_message_never_ends_its_fence(text: str) -> None:
    found = body(proposal(f"Roll back\n\nChronos-Reason: {text}"))
    (opening,) = re.findall(r"^(`{3,})text$", found, re.MULTILINE)
    inside = found.partition(f"{opening}text\n")[2].rpartition(f"\n{opening}\n")[0]
    assert opening not in inside


def test_a_plan_and_a_hostile_reason_are_shown_as_they_are() -> None:
    change = JobChange("charge", Operation.REMOVED, "jobs/@acme/<b>.yaml", None)
    found = body(proposal(f"Roll back charge to version 3\n\nChronos-Reason: {HOSTILE}", change))
    plan, _, message = found.partition("The commit's message:")
    assert "1 to remove" in plan
    assert "<b>" not in plan
    assert "@acme" not in plan
    assert message.startswith("\n\n``````text\nRoll back charge")
    assert message.endswith("\n``````\n")


def test_what_is_too_long_for_a_forge_is_cut() -> None:
    given_ = proposal(
        "x" * 100_000, *(JobChange(f"job-{n}", Operation.ADDED, None, f"jobs/{n}.yaml") for n in range(2000))
    )
    assert len(body(given_)) <= 65_536
    assert len(title(given_)) == 200
