"""The errors that travel between rooms; errors of one room live beside the code that raises them."""

from typing import ClassVar

from chronos_gitops.exit_codes import ExitCode


class ChronosError(Exception):
    """Something a person is told in one sentence, with a way out; never shown as a traceback.

    ``kind`` is the typed reason that status pages and problem documents carry (CONTRACT 3 and 6), ``hint`` says what
    to do next, ``exit_code`` is what a command ends with (CONTRACT 7). ``command_hint`` is the hint in commands and
    flags, where ``hint`` names calls of the API.
    """

    kind: ClassVar[str] = "error"
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str = "", command_hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.command_hint = command_hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(ChronosError):
    """The question was wrong: an option, a setting or an argument that cannot mean anything."""

    kind = "usage"
    exit_code = ExitCode.USAGE


class NotFoundError(ChronosError):
    """There is no such job, version or execution."""

    kind = "not-found"


class ConflictError(ChronosError):
    """The state of things does not allow it now: a lost race, a dirty file, a held lock."""

    kind = "conflict"
