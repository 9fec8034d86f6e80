"""Commands of a shell: their words, and calls of curl and wget as webhooks."""

from typing import Any

from chronos_gitops.cli.importers.commands import curl, wget
from chronos_gitops.cli.importers.commands.shell_words import Command
from chronos_gitops.cli.importers.model import Unconvertible


def webhook(command: Command) -> tuple[dict[str, Any], list[str]]:
    """The fields of a job that this command makes (webhook, timeout, retry_policy), and what of it was lost.

    Unconvertible when it is no call of curl or wget, or does what a webhook cannot.
    """
    if not command.words:
        raise Unconvertible("there is no command")
    program = command.words[0].rpartition("/")[2]
    if program == "curl":
        made, lost = curl.webhook(command.words[1:], command.stdin)
    elif program == "wget":
        made, lost = wget.webhook(command.words[1:])
    else:
        raise Unconvertible("it is not a call of curl or wget")
    return made, list(dict.fromkeys([*lost, *command.lost]))
