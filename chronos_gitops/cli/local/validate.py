"""``validate``: what is wrong in job files, with file, line and column."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chronos_gitops.cli.checkout.environments import check_environment, environment_option
from chronos_gitops.cli.options import read_instant
from chronos_gitops.cli.output import standard_input
from chronos_gitops.cli.reports.problems import summary
from chronos_gitops.errors import UsageError
from chronos_gitops.exit_codes import ExitCode
from chronos_gitops.jobs.problem import Problem, Severity, counts_in, is_error, ordered
from chronos_gitops.jobs.validation.quoting import printable
from chronos_gitops.jobs.validation.suggestions import did_you_mean
from chronos_gitops.jobs.validation.yaml.decoding import MAX_BYTES
from chronos_gitops.plurals import plural

if TYPE_CHECKING:
    from chronos_gitops.cli.reports.problems.formats import Render
    from chronos_gitops.jobs.validation.validate import TreeResult

FORMATS = ("full", "concise", "json", "jsonl", "github", "gitlab", "junit", "sarif")
_WITH_COUNT = ("full", "concise")


@click.command("validate")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option("--format", "style", type=click.Choice(FORMATS), default="full", show_default=True)
@click.option("--output", "outputs", metavar="FORMAT=FILE", multiple=True, help="Also write a report to a file.")
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
@click.option("--jobs", metavar="FOLDER", default="jobs", show_default=True, help="The jobs folder of the checkout.")
@click.option(
    "--changed-since", metavar="REF", help="Report only files that changed since REF; all files are still read."
)
@click.option("--secrets", metavar="FILE|FOLDER|NAMES", multiple=True, help="Known secret names, comma-separated.")
@click.option(
    "--private-hosts",
    metavar="HOST|*.SUFFIX",
    multiple=True,
    envvar="CHRONOS_PRIVATE_HOSTS",
    help="Private hosts that get no note, such as *.svc.cluster.local; repeatable.  [env var: CHRONOS_PRIVATE_HOSTS]",
)
@environment_option
@click.option("--as-of", metavar="TIME", callback=read_instant, help="Judge dates as of this time.  [default: now]")
@click.option("--fix", is_flag=True, help="Apply safe fixes before reporting; comments and layout are kept.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if there are errors.")
@click.option(
    "--stdin-filename",
    metavar="FILE",
    default="<stdin>",
    help="File name of standard input. In a jobs folder, it is validated in place of that file, with its layers.",
)
@click.option(
    "--color",
    "coloured",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    callback=lambda _context, _option, color: _is_coloured(color),
)
def command(
    paths: Sequence[str],
    style: str,
    outputs: Sequence[str],
    strict: bool,
    jobs: str,
    changed_since: str | None,
    secrets: Sequence[str],
    private_hosts: Sequence[str],
    environment: str | None,
    as_of: datetime | None,
    fix: bool,
    exit_zero: bool,
    stdin_filename: str,
    coloured: bool,
) -> int:
    """Validate job files. PATH is a file, a folder, or - for standard input (default: the jobs folder).

    All paths are validated together, as one tree. Exits with 0 if there are no errors, 1 if there are, 2 for a usage
    error, and 3 if no file was found. Files listed in the jobs folder's .chronosignore are ignored. A comment "#
    chronos: ignore[rule] reason" suppresses a warning or a note.

    \b
    Examples:
      chronos-gitops validate jobs/billing --strict --fix
      chronos-gitops validate --changed-since origin/main --format github
      chronos-gitops validate --secrets backup-token,mail-key --output sarif=chronos.sarif
    """
    from chronos_gitops.cli.checkout.validate_scope import known_secrets
    from chronos_gitops.cli.checkout.validate_scope import private_hosts as read_private_hosts

    targets = _targets(outputs)
    if fix:
        _mend(paths, jobs, changed_since)
    today, known = as_of or datetime.now(UTC), known_secrets(secrets)
    number, problems = _judged(paths, jobs, stdin_filename, changed_since, known, environment, today)
    problems = read_private_hosts(private_hosts).without_notes(problems)
    problems = tuple(map(_promoted, problems)) if strict else problems
    for target, render in targets.items():
        _write(target, render(problems, number))
    _print(problems, number, style, coloured)
    _offer(problems, is_file="-" not in paths)
    if not number and changed_since is None:
        click.echo(nothing_found(paths, jobs), err=True)
        return ExitCode.NOTHING
    return ExitCode.FAILED if any(map(is_error, problems)) and not exit_zero else ExitCode.FINE


def nothing_found(paths: Sequence[str], jobs: str) -> str:
    """The sentence for a question that matches no job file, with the way out."""
    bare = next((path for path in paths or (".",) if _is_bare(Path(path))), None)
    if bare is not None:
        shown = "This folder" if bare == "." else printable(bare)
        return f"{shown} is a bare git repository, which has no files on disk. Clone it, and validate the clone."
    place = ", ".join(map(printable, paths)) or f'the jobs folder "{printable(jobs)}"'
    if not paths and not Path(jobs).is_dir():
        place += ", which is not a folder" if os.path.lexists(jobs) else ", which does not exist"
    return (
        f"There is no job file in {place}. chronos-gitops init writes a first one; name another folder as PATH, "
        "or with --jobs."
    )


def _is_bare(path: Path) -> bool:
    from chronos_gitops.git.discovery import discover
    from chronos_gitops.git.errors import NotARepository

    try:
        return path.is_dir() and discover(path.absolute()).root is None
    except NotARepository:
        return False


def _offer(problems: Sequence[Problem], *, is_file: bool) -> None:
    fixable = sum(1 for problem in problems if problem.fix)
    if fixable and is_file:
        click.echo(f"{plural(fixable, 'problem')} can be fixed with --fix.", err=True)


def _mend(paths: Sequence[str], jobs: str, changed_since: str | None) -> None:
    """Writes back what can be mended, and tells of each problem."""
    from chronos_gitops.cli.checkout.autofix_files import mend_files
    from chronos_gitops.cli.checkout.validate_scope import scope

    if "-" in paths:
        raise UsageError("--fix writes files, and standard input is none")
    seen = scope(paths, jobs, changed_since)
    for problem in mend_files(seen.files, seen.asked):
        click.echo(f"fixed {problem.file}:{problem.line}: {problem.message}", err=True)


def _judged(
    paths: Sequence[str],
    jobs: str,
    stdin_filename: str,
    changed_since: str | None,
    secrets: frozenset[str] | None,
    environment: str | None,
    today: datetime,
) -> tuple[int, tuple[Problem, ...]]:
    """Number of files validated, and the problems found in them."""
    from chronos_gitops.cli.checkout.local_files import shown
    from chronos_gitops.cli.checkout.name_owners import OwnersAtHead
    from chronos_gitops.cli.checkout.validate_scope import scope, scope_of_text
    from chronos_gitops.cli.progress_bar import progress
    from chronos_gitops.jobs.validation.parallel import validate_in_parallel
    from chronos_gitops.jobs.validation.validate import validate_file

    if "-" in paths:
        if len(paths) > 1 or changed_since is not None:
            raise UsageError("- stands alone: standard input is one file")
        content = standard_input(MAX_BYTES + 1)
        in_tree = scope_of_text(stdin_filename, content, jobs)
        if in_tree is None:
            return 1, validate_file(shown(stdin_filename), content, today=today, secrets=secrets).problems
        seen = in_tree
    else:
        seen = scope(paths, jobs, changed_since)
    with progress(len(seen.files.entries), sys.stderr) as step:
        incumbents = OwnersAtHead(seen.files, jobs)
        loaded = validate_in_parallel(
            seen.edited or seen.files,
            today=today,
            secrets=secrets,
            incumbents=incumbents,
            day=lambda: incumbents.day() or today.date(),
            from_root=incumbents.from_root,
            on_file=step,
        )
    check_environment(environment, loaded.layers.environments, is_required=False)
    return len(seen.asked), tuple(
        one for one in _asked_for(loaded, seen.asked, seen.below_removed) if counts_in(one, environment)
    )


def _asked_for(loaded: "TreeResult", names: Set[str], below_removed: Set[str]) -> tuple[Problem, ...]:
    """The problems of these files, of jobs that do not hold to one of these policies, of another file that takes a name
    of theirs, and of those in layers above them what is about these files. Of jobs below a layer among them, or below
    one that is gone, the errors."""
    from chronos_gitops.jobs.validation.layers.findings import fold_findings

    jobs = {parsed.path: parsed.name for parsed in loaded.files}
    taken = {jobs.get(path) for path in names} - {None}
    policies = {file.place.name for file in loaded.layers.policies.files if file.path in names}
    above = {layer.path for path in names & jobs.keys() for layer in loaded.layers.of(path)} - names
    below = below_removed | {path for path in jobs if any(layer.path in names for layer in loaded.layers.of(path))}

    def is_named(problem: Problem) -> bool:
        return problem.file in names or problem.policy.partition("/")[0] in policies

    def is_asked(problem: Problem) -> bool:
        is_below = problem.file in below and is_error(problem)
        return is_named(problem) or is_below or (problem.rule == "duplicate-name" and jobs[problem.file] in taken)

    found = [problem for problem in loaded.problems if problem.file not in above and is_asked(problem)]
    if above:
        folded = fold_findings(loaded.files, loaded.layers, lambda file, one: file.path in names or is_named(one))
        found += (problem for problem in folded if problem.file in above)
    return ordered(found)


def _promoted(problem: Problem) -> Problem:
    return replace(problem, severity=Severity.ERROR) if problem.severity is Severity.WARNING else problem


def _targets(outputs: Iterable[str]) -> "Mapping[Path, Render]":
    from chronos_gitops.cli.reports.problems.formats import FORMATS as RENDERERS

    targets = {}
    for output in outputs:
        name, equals, file = output.partition("=")
        if not equals or not file:
            raise UsageError(f'--output "{output}" is not FORMAT=FILE', hint="for example --output sarif=chronos.sarif")
        if name not in RENDERERS:
            hint = did_you_mean(name, RENDERERS) or f"the formats are {', '.join(RENDERERS)}"
            raise UsageError(f'there is no format "{name}"', hint=hint)
        targets[Path(file)] = RENDERERS[name]
    return targets


def _write(target: Path, text: str) -> None:
    try:
        target.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from error


def _print(problems: Sequence[Problem], number: int, style: str, coloured: bool) -> None:
    from chronos_gitops.cli.reports.problems.formats import FORMATS as RENDERERS

    if style == "full":
        from chronos_gitops.cli.reports.problems import full

        text = full.render(problems, number, colour=coloured)
    else:
        text = RENDERERS[style](problems, number)
    click.echo(text, nl=False, color=coloured)
    if style not in _WITH_COUNT:
        click.echo(summary.line(problems, number), err=True)


def _is_coloured(color: str) -> bool:
    """--color, then NO_COLOR (https://no-color.org), then FORCE_COLOR, then whether a terminal looks at it."""
    if color != "auto":
        return color == "always"
    return not os.environ.get("NO_COLOR") and (bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty())
