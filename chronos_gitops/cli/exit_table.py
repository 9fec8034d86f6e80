"""The meaning of exit codes 1 and 3 for each command; codes that mean the same everywhere are in ``EVERYWHERE``."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from chronos_gitops.exit_codes import ExitCode


class Ends(NamedTuple):
    """Empty for a code that the command does not end with."""

    failed: str = ""
    nothing: str = ""


EVERYWHERE: Final[Mapping[ExitCode, str]] = {
    ExitCode.FINE: "Success, without findings.",
    ExitCode.FAILED: "Findings, or the command failed.",
    ExitCode.USAGE: "Usage error: an argument, an option, a setting or the machine.",
    ExitCode.NOTHING: "Nothing to check or to do.",
    ExitCode.INTERNAL: "Internal error, a bug in this program. Please report it.",
    ExitCode.INTERRUPTED: "Interrupted by Ctrl-C.",
}
_REFUSED: Final = "The runner does not respond, or refuses the call"
_NO_REPOSITORY: Final = "The folder is not a repository"
_NO_JOB: Final = f"{_NO_REPOSITORY}, or has no such job or version"

TABLE: Final[Mapping[str, Ends]] = {
    "init": Ends(),
    "validate": Ends("Errors were found", "No job file was found"),
    "next": Ends(_NO_JOB),
    "explain": Ends(),
    "import": Ends("An entry cannot be converted, or a file exists already"),
    "layers extract": Ends("The job files have errors", "No fields can be shared"),
    "schema": Ends(),
    "plan": Ends("With --exit-code: there are changes, or jobs become invalid"),
    "secrets": Ends("Executions would fail for a secret", "No job uses a secret"),
    "history": Ends(_NO_JOB),
    "show": Ends(_NO_JOB),
    "rollback": Ends(f"{_NO_JOB}, the file has changes, or the version is invalid today"),
    "undo": Ends(f"{_NO_REPOSITORY}, or the commit cannot be reverted"),
    "run": Ends("The data folder is in use, or the engine cannot be used"),
    "token create": Ends(),
    "identity documents": Ends(),
    "identity key": Ends(),
    "notify test": Ends("A notification was not accepted"),
    "demo": Ends("The demonstration failed"),
    "config check": Ends("A runner with these settings would not start"),
    "config show": Ends(),
    "doctor": Ends("A check failed; warnings do not count"),
    "backup": Ends("The ledger is damaged, or cannot be copied"),
    "restore": Ends("The backup is damaged, or of a newer version, or the data folder is in use"),
    "completion": Ends(),
    "help": Ends(),
    "status": Ends(f"{_REFUSED}, new commits cannot be applied, or executions cannot start"),
    "jobs": Ends(_REFUSED),
    "executions": Ends(_REFUSED),
    "mcp": Ends(),
    "preflight": Ends(f"{_REFUSED}, or a check failed or was not run", "No job is due"),
    "trigger": Ends(f"{_REFUSED}. With --wait: the execution did not succeed", "No job matches"),
    "logs": Ends(f"{_REFUSED}, or the execution did not succeed"),
    "events": Ends(_REFUSED),
    "sync": Ends(f"{_REFUSED}, or the newest commit is not applied"),
    "approve": Ends(f"{_REFUSED}", "Nothing is held"),
    "replay": Ends(_REFUSED, "No scheduled time in the range can be replayed"),
    "cancel": Ends(_REFUSED),
    "pause": Ends(f"{_REFUSED}, or a job was not paused", "No job matches"),
    "resume": Ends(f"{_REFUSED}, or a job was not resumed", "No job matches"),
    "sessions end": Ends(f"{_REFUSED}, or there is no such session"),
    "sessions list": Ends(_REFUSED),
}
