"""Title and body of a review request: the plan, and the commit's message as it is. Pure."""

import re
from typing import Final

from chronos_gitops.jobs.validation.quoting import cut
from chronos_gitops.plans import markdown
from chronos_gitops.rollback.publish import Proposal

_LONGEST_TITLE: Final = 200
_LONGEST_MESSAGE: Final = 4_000
"""Characters; with the plan, which has a bound of its own, no more than every forge takes."""
_RUNS: Final = re.compile(r"`+")


def title(proposal: Proposal) -> str:
    """The first line of the commit's message."""
    return cut(proposal.message.partition("\n")[0], _LONGEST_TITLE)


def body(proposal: Proposal) -> str:
    """Markdown. Reasons and names are in the message, whose fence is longer than any in it."""
    shown = cut(proposal.message.strip("\n"), _LONGEST_MESSAGE)
    fence = "`" * max(3, 1 + max(map(len, _RUNS.findall(shown)), default=0))
    return f"{markdown.render(proposal.plan)}\nThe commit's message:\n\n{fence}text\n{shown}\n{fence}\n"
