"""Calls a forge: the token is read at each call and shown nowhere; errors say what the forge answered."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from chronos_gitops.config.settings import Settings
from chronos_gitops.errors import ChronosError
from chronos_gitops.forge.calls import CommitStatus, Dialect, ForgeCall
from chronos_gitops.forge.gitea import Gitea
from chronos_gitops.forge.github import GitHub
from chronos_gitops.forge.gitlab import GitLab
from chronos_gitops.jobs.secrets.masking import MASK
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.process.small_files import read_secret
from chronos_gitops.rollback.publish import Proposal, ReviewRequest
from chronos_gitops.webhooks.outcome import parse_retry_after, phrase
from chronos_gitops.webhooks.redaction.redaction import printable_lines, scrub
from chronos_gitops.webhooks.transport.http_response import HttpResponse
from chronos_gitops.webhooks.transport.operator_client import OperatorClient

_DIALECTS: Final[Mapping[str, Callable[[str], Dialect]]] = {"github": GitHub, "gitlab": GitLab, "gitea": Gitea}
_LONGEST_REASON: Final = 200
_NOT_FOUND: Final = 404
_TAKEN: Final = (409, 422)
"""There is such a request already: another runner, or an earlier call whose answer was lost, has opened it."""
_LIMITED: Final = (403, 429)
_LIMIT_REST: Final = timedelta(minutes=1)
"""GitHub's rule for a rate limit that names no time."""


Found = TypeVar("Found")


class ForgeError(ChronosError):
    """The forge did not do it. ``retry_after`` is what it asked for; the message holds no secret."""

    kind = "forge"

    def __init__(self, message: str, *, hint: str = "", status: int = 0, retry_after: timedelta | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class ForgeClient:
    """Safe from any thread; each call has a connection of its own."""

    dialect: Dialect
    address: str
    token_file: Path
    client: OperatorClient
    now: Callable[[], datetime]

    def post_status(self, status: CommitStatus) -> None:
        """ForgeError."""
        answer = self._answer(self.dialect.status(status))
        if not self.dialect.is_kept(status, answer.status, answer.body):
            self._accept(answer)

    def open_request(self, proposal: Proposal) -> ReviewRequest:
        """The open request of these two branches, a new one where there is none. ForgeError."""
        return self._found(proposal) or self._opened(proposal)

    def _found(self, proposal: Proposal) -> ReviewRequest | None:
        answer = self._answer(self.dialect.find(proposal))
        if answer.status == _NOT_FOUND:
            return None
        return self._read(answer, self.dialect.found)

    def _opened(self, proposal: Proposal) -> ReviewRequest:
        answer = self._answer(self.dialect.open(proposal))
        if answer.status in _TAKEN and (there := self._found(proposal)) is not None:
            return there
        return self._read(answer, self.dialect.opened)

    def _read(self, answer: HttpResponse, take: Callable[[Any], Found]) -> Found:
        self._accept(answer)
        try:
            return take(json.loads(answer.body))
        except (ValueError, KeyError, TypeError, IndexError):
            raise ForgeError(f"the forge answered something else than {type(self.dialect).__name__} does") from None

    def _answer(self, call: ForgeCall) -> HttpResponse:
        hidden: dict[str, str] = {}
        try:
            token = read_secret(self.token_file).decode("ascii")
            if not token or not token.isprintable():
                raise ForgeError(f"{self.token_file} holds no token", hint="see forge.token_file")
            hidden[token] = MASK
            content = (("Content-Type", "application/json"),) if call.body is not None else ()
            headers = (*self.dialect.headers(token), *content)
            answer = self.client.exchange(call.method, f"{self.address}{call.target}", headers, call.content, hidden)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not ASCII"
            raise ForgeError(f"{self.token_file} cannot be read: {reason}", hint="see forge.token_file") from None
        except ForgeError:
            raise
        except ChronosError as error:
            raise ForgeError(scrub(error.message, hidden), hint="the runner tries again") from None
        return replace(answer, body=scrub(answer.body.decode("utf-8", "replace"), hidden).encode())

    def _accept(self, answer: HttpResponse) -> None:
        code = answer.status
        if 200 <= code <= 299:
            return
        asked = parse_retry_after(answer.retry_after, self.now()) if answer.retry_after is not None else None
        wait = asked or (_LIMIT_REST if code in _LIMITED else None)
        raise ForgeError(f"the forge answered {phrase(code)}{_reason(answer)}", status=code, retry_after=wait)


def forge_client(settings: Settings, now: Callable[[], datetime]) -> ForgeClient | None:
    """None without a forge."""
    forge = settings.forge
    if forge.type is None or forge.token_file is None:
        return None
    dialect = _DIALECTS[forge.type](forge.repository)
    return ForgeClient(dialect, forge.address, forge.token_file, OperatorClient.of(settings), now)


def _reason(answer: HttpResponse) -> str:
    """The ``message`` that all of them put into an error."""
    try:
        found = json.loads(answer.body)
    except ValueError:
        return ""
    said = found.get("message") if isinstance(found, dict) else None
    if not said:
        return ""
    text = said if isinstance(said, str) else json.dumps(said)
    return f": {' '.join(printable_lines(text).split())[:_LONGEST_REASON]}"
