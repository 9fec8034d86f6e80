"""The command line: a table of commands that are loaded when asked for, and the one place that ends a program."""

import errno
import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import click

from chronos_gitops import __version__
from chronos_gitops.cli import taken_options
from chronos_gitops.errors import ChronosError, UsageError
from chronos_gitops.exit_codes import ExitCode
from chronos_gitops.jobs.validation.suggestions import did_you_mean

_CANNOT_WRITE = (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EDQUOT, errno.EFBIG)
_COMPLETES = "_CHRONOS_GITOPS_COMPLETE"
_ABOUT = """\
Scheduled webhooks whose definitions live in git: a version is a commit, a rollback is a commit.

\b
Examples:
  chronos-gitops validate jobs
  chronos-gitops next daily-backup --count 3
  chronos-gitops run . --listen 127.0.0.1:8080
"""


class CommandEntry(NamedTuple):
    """Where a command is: its module in this package, which names it ``command``, and what ``--help`` says of it."""

    module: str
    help: str


COMMANDS: Mapping[str, Mapping[str, CommandEntry]] = {
    "Write jobs (offline, on a checkout)": {
        "init": CommandEntry("local.init", "Create a first job and its CI checks."),
        "validate": CommandEntry(
            "local.validate", "Validate job files and report file, line and column of each problem."
        ),
        "next": CommandEntry("local.next", "Show the next runs of a job or a schedule."),
        "explain": CommandEntry("local.explain", "Explain a validation rule."),
        "import": CommandEntry("local.import_", "Convert crontabs, CronJobs and jobs of other schedulers."),
        "layers": CommandEntry("local.layers", "Move fields that jobs share to _defaults.yaml files."),
        "schema": CommandEntry("local.schema", "Print the JSON schema of a job file, or of a layer."),
    },
    "Review and roll back (offline, on a checkout)": {
        "plan": CommandEntry("local.plan", "Show the effect of a change on jobs and their next runs."),
        "secrets": CommandEntry("local.secrets", "List the secrets that jobs use, with their state and bindings."),
        "history": CommandEntry("local.history", "List the versions of a job."),
        "show": CommandEntry("local.show", "Show a job as it was at a version."),
        "rollback": CommandEntry("local.rollback", "Restore a version of a job with a new commit."),
        "undo": CommandEntry("local.undo", "Revert a commit with a new commit."),
    },
    "Run": {
        "run": CommandEntry("serve.run", "Follow a repository and run its jobs, with the REST API and the page."),
        "token": CommandEntry("serve.token", "Create tokens for the API and the page."),
        "identity": CommandEntry(
            "serve.identity", "Create keys for identity tokens, and write their public documents."
        ),
        "notify": CommandEntry("serve.notify", "Send test notifications."),
        "backup": CommandEntry("serve.backup", "Back up the state of a runner on SQLite to one file."),
        "restore": CommandEntry("serve.restore", "Restore a backup to an empty data folder."),
        "demo": CommandEntry("serve.demo", "Demonstrate the product on this machine, with a live table."),
    },
    "Set up": {
        "config": CommandEntry("setup.config", "Check and show the settings of a runner."),
        "doctor": CommandEntry("setup.doctor", "Check this installation for problems."),
        "completion": CommandEntry("setup.completion", "Print the completion script of a shell."),
        "help": CommandEntry("local.help", "Show the help of a command."),
    },
    "Ask a runner": {
        "status": CommandEntry("remote.status", "Show runner and sync status."),
        "jobs": CommandEntry("remote.jobs", "List jobs, with their state and next run."),
        "executions": CommandEntry("remote.executions", "List executions, newest first."),
        "mcp": CommandEntry("agents.mcp", "Serve read-only tools to AI agents (Model Context Protocol)."),
        "preflight": CommandEntry("remote.preflight", "Check upcoming executions without sending their requests."),
        "trigger": CommandEntry("remote.trigger", "Trigger jobs now."),
        "logs": CommandEntry("remote.logs", "Show the requests and responses of an execution."),
        "events": CommandEntry("remote.events", "List events, newest first, or follow them."),
        "sync": CommandEntry("remote.sync", "Fetch and apply the newest commit now."),
        "approve": CommandEntry("remote.approve", "Approve held deletions."),
        "replay": CommandEntry("remote.replay", "Run scheduled times of a job again."),
        "cancel": CommandEntry("remote.cancel", "Cancel a running or waiting execution."),
        "pause": CommandEntry("remote.pause", "Pause jobs, with a reason."),
        "resume": CommandEntry("remote.resume", "End pauses."),
        "sessions": CommandEntry("remote.sessions", "List and end browser sessions."),
    },
}

# Not the builtin `next` in here: importing the command of that name binds it to its module.
_ENTRIES = {name: entry for section in COMMANDS.values() for name, entry in section.items()}


class LazyGroup(click.Group):
    """Knows its commands by the table; imports a command's module when it runs, or shows its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_ENTRIES)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if name not in _ENTRIES:
            return None
        command: click.Command = importlib.import_module(f"chronos_gitops.cli.{_ENTRIES[name].module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _ENTRIES and not args[0].startswith("-"):
            raise UsageError(f'there is no command "{args[0]}"', hint=self._hint(ctx, args[0]))
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            taken_options.refuse(command, ctx, rest)
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry.help) for name, entry in section.items()], col_max=14)

    def _hint(self, ctx: click.Context, name: str) -> str:
        return did_you_mean(name, _ENTRIES) or f"{ctx.command_path} --help lists them"


@click.group(cls=LazyGroup, help=_ABOUT, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, envvar="CHRONOS_DEBUG", help="Show tracebacks.  [env var: CHRONOS_DEBUG]")
@click.version_option(__version__, "-V", "--version", prog_name="chronos-gitops", message="%(prog)s %(version)s")
def group(debug: bool) -> None:
    """``debug`` is read by ``main``; there is nothing else to do before a command."""


def main(argv: Sequence[str] | None = None, commands: click.Group = group) -> int:
    """Runs one command and answers its exit code (``ExitCode``)."""
    _occupy_closed_descriptors()
    _speak_everywhere()
    if _COMPLETES in os.environ:
        return _complete(commands)
    context: click.Context | None = None
    try:
        if sys.stdout is None:
            raise UsageError("standard output is closed", hint="send it somewhere, to /dev/null for example")
        with commands.make_context("chronos-gitops", list(sys.argv[1:] if argv is None else argv)) as context:
            code = commands.invoke(context)
        sys.stdout.flush()
        return code if isinstance(code, int) else ExitCode.FINE
    except click.exceptions.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, click.Abort):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return _reader_left()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return UsageError.exit_code
    except click.ClickException as error:
        return _refuse(error.format_message(), _usage(error), error.exit_code)
    except ChronosError as error:
        return _refuse(error.message, error.command_hint or error.hint, error.exit_code)
    except Exception as error:
        if isinstance(error, OSError) and (refused := _of_the_machine(error)):
            return _refuse(*refused, ExitCode.USAGE)
        if context is not None and context.params["debug"]:
            raise
        return _our_bug(error)


def _complete(commands: click.Group) -> int:
    """Answer a shell's completion request. Prints no error, because it would disturb the line that the user types."""
    from chronos_gitops.cli import completion

    try:
        words = completion.answer(commands)
    except Exception:
        words = None
    if words is not None:
        click.echo(words)
    return ExitCode.FINE if words is not None else ExitCode.FAILED


def _speak_everywhere() -> None:
    """A terminal that cannot show a letter gets its code instead: an excerpt in Japanese must not end a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _refuse(message: str, hint: str, code: int) -> int:
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
    if hint:
        click.echo(f"{click.style('hint:', fg='cyan')} {hint}", err=True)
    return code


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path} --help shows its options" if context is not None else ""


def _reader_left() -> int:
    """``... | head`` has read enough."""
    _discard_output()
    return ExitCode.FINE


def _discard_output() -> None:
    """The interpreter must not complain when it flushes stdout at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _of_the_machine(error: OSError) -> tuple[str, str] | None:
    """Message and hint for an error of the operating system; None for one without a known cause."""
    if not _has_current_folder():
        return "the current folder does not exist any more", "change into another one, with cd"
    if error.filename is None and error.errno in _CANNOT_WRITE:
        _discard_output()
        return f"the output cannot be written: {error.strerror}", "send it somewhere with room"
    if error.filename is not None:
        return f"{error.filename}: {error.strerror}", ""
    return None


def _has_current_folder() -> bool:
    try:
        return bool(os.getcwd())  # noqa: PTH109 - Path.cwd() is the same call
    except OSError:
        return False


def _occupy_closed_descriptors() -> None:
    """Else the next file that is opened becomes standard output, and a child writes into it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number


def _our_bug(error: Exception) -> int:
    detail = " ".join(str(error).split())[:300]
    return _refuse(
        f"this is a bug in chronos-gitops {__version__}: {type(error).__name__}: {detail}",
        "please report it with the output of the same command under `chronos-gitops --debug ...`",
        ExitCode.INTERNAL,
    )
