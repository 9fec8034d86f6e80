"""Commands of a shell: their words, and calls of curl and wget as webhooks."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from chronos_gitops.cli.importers.commands import curl, wget, wrappers
from chronos_gitops.cli.importers.commands.shell_words import Command
from chronos_gitops.cli.importers.model import Unconvertible

_SETTINGS: Final = ("CURL_HOME", "WGETRC", "SYSTEM_WGETRC")
_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy")
_AUTHORITIES: Final = ("CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


def webhook(command: Command) -> tuple[dict[str, Any], list[str]]:
    """The fields of a job that this command makes (webhook, timeout, retry_policy, concurrency), and what of it was
    lost.

    Unconvertible when it is no call of curl or wget, or does what a webhook cannot.
    """
    unwrapped = wrappers.unwrap(command)
    command = unwrapped.command
    settings = next((name for name in _SETTINGS if command.variables.get(name)), None)
    if settings is not None:
        raise Unconvertible(f"the variable {settings} names a file with further options")
    if not command.words:
        raise Unconvertible("there is no command")
    program = command.words[0].rpartition("/")[2]
    if program == "curl":
        made, lost = curl.webhook(command.words[1:], command.stdin)
    elif program == "wget":
        made, lost = wget.webhook(command.words[1:])
    else:
        raise Unconvertible("it is not a call of curl or wget")
    made |= {name: value for name, value in unwrapped.fields.items() if name != "timeout"}
    lost += _limit(made, unwrapped.fields.get("timeout"))
    return made, list(dict.fromkeys([*lost, *_environment(command.variables), *command.lost]))


def _limit(made: dict[str, Any], limit: float | None) -> list[str]:
    """Sets the job's timeout: ``timeout 5 curl -m 10`` ends after 5 seconds. What is lost: with retries, it ends all of
    them."""
    if limit is None:
        return []
    own = made.get("timeout")
    if own is None or limit < float(own.removesuffix("s")):
        made["timeout"] = f"{limit:g}s"
    is_retried = made.get("retry_policy", {}).get("max_attempts", 1) > 1
    return ["timeout: it ends each attempt, and not all of them together"] if is_retried else []


def _environment(variables: Mapping[str, str]) -> Iterator[str]:
    """Variables that curl and wget obey. Their values may hold credentials, and are not shown."""
    for name, value in variables.items():
        if value and name.lower() in _PROXIES:
            yield f"{name}: the request is sent without this proxy"
        elif value and name in _AUTHORITIES:
            yield f"{name}: certificates are verified by the runner's own authorities"
