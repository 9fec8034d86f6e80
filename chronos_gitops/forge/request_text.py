"""Title and body of a review request: the plan, and the commit's message as it is. Pure."""

import re
from typing import Final

from chronos_gitops.plans import markdown
from chronos_gitops.rollback.publish import Proposal

_LONGEST_TITLE: Final = 200
_LONGEST_MESSAGE: Final = 4_000
"""Characters; with the plan, which has a bound of its own, no more than every forge takes."""
_RUNS: Final = re.compile(r"`+")


def title(proposal: Proposal) -> str:
    """The first line of the commit's message."""
    line = proposal.message.partition("\n")[0]
    return line if len(line) <= _LONGEST_TITLE else f"{line[: _LONGEST_TITLE - 3]}..."


def body(proposal: Proposal) -> str:
    """Markdown. Reasons and names are in the message, whose fence is longer than any in it."""
    message = proposal.message.strip("\n")
    shown = message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}\n..."
    fence = "`" * max(3, 1 + max(map(len, _RUNS.findall(shown)), default=0))
    return f"{markdown.render(proposal.plan)}\nThe commit's message:\n\n{fence}text\n{shown}\n{fence}\n"
