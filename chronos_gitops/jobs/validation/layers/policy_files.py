"""The policies of a tree, read and judged for their form; and what each of them is about."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from chronos_gitops.jobs.layers.file_roles import FilePlace
from chronos_gitops.jobs.layers.tree import Layers
from chronos_gitops.jobs.policies.policy import MOST_RULES, MOST_SCHEMA_VALUES, Policies, Policy, PolicyFile
from chronos_gitops.jobs.problem import Problem, is_error
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.document import Document, SourceSpan
from chronos_gitops.jobs.validation.file_result import FileResult
from chronos_gitops.jobs.validation.files import TreeEntry, refusal
from chronos_gitops.jobs.validation.quoting import short
from chronos_gitops.jobs.validation.suggestions import did_you_mean
from chronos_gitops.jobs.validation.yaml import file_nouns
from chronos_gitops.jobs.validation.yaml.positions import MAX_FINDINGS

_HOW_TO_FILL: Final = "write rules, or remove the file"
_MOST_SUGGESTIONS: Final = 20


def read_policies(
    entries: Sequence[TreeEntry],
    places: Mapping[str, FilePlace],
    contents: Mapping[str, bytes],
    declared: Sequence[str],
    known: Mapping[str, PolicyFile],
) -> Policies:
    """``declared`` are the environments that there are, ``known`` the files that need not be read, by path."""
    read = [known.get(one.path) or _policy(one, places[one.path], contents, declared) for one in entries]
    return Policies(_within_limits(read))


def _within_limits(files: Sequence[PolicyFile]) -> list[PolicyFile]:
    """Without the policies that make rules or schema values of all files too many; readable files come first."""
    rules = values = 0
    refused: dict[str, str] = {}
    for file in sorted(files, key=lambda one: bool(one.errors)):
        if file.policy is None:
            continue
        more_rules, more_values = rules + len(file.policy.rules), values + file.policy.schema_values
        if more_rules > MOST_RULES:
            refused[file.path] = f"all policies together have more than {MOST_RULES:,} rules"
        elif more_values > MOST_SCHEMA_VALUES:
            refused[file.path] = f"the schemas of all policies together have more than {MOST_SCHEMA_VALUES:,} values"
        else:
            rules, values = more_rules, more_values
    return [_refused(file, refused[file.path]) if file.path in refused else file for file in files]


def _refused(file: PolicyFile, message: str) -> PolicyFile:
    error = file.spot.problem("range", message, "remove rules that are not needed")
    return replace(file, policy=None, errors=file.errors or (error,), problems=())


def read_policy(name: str, read: Document) -> tuple[Policy | None, tuple[Problem, ...]]:
    """The policy of one file, None where it cannot be read; and what is wrong with it."""
    if not read.complete or any(map(is_error, read.problems)):
        about_text = (replace(one, hint=_HOW_TO_FILL) if one.rule == "empty-file" else one for one in read.problems)
        return None, tuple(about_text)
    from chronos_gitops.jobs.policies.parser import parse

    policy, about_form = parse(name, read)
    return policy, (*read.problems, *about_form)


def _policy(entry: TreeEntry, place: FilePlace, contents: Mapping[str, bytes], declared: Sequence[str]) -> PolicyFile:
    top = SourceSpan(entry.path, 1, 1, 2, "")
    refused = refusal(entry)
    if refused is not None or entry.path not in contents:
        rule = refused or ("unreadable", "the file could not be read", "check that it is still there")
        return PolicyFile(entry.path, place, entry.blob, top, None, (top.problem(*rule),))
    read = document.read(entry.path, contents[entry.path], file_nouns.POLICY)
    policy, problems = read_policy(place.name, read)
    if policy is None:
        return PolicyFile(entry.path, place, entry.blob, top, None, problems)
    unknown = _undeclared(read, policy, declared)
    return PolicyFile(entry.path, place, entry.blob, read.key_spot(("rules",)), policy, (), (*problems, *unknown))


def _undeclared(read: Document, policy: Policy, declared: Sequence[str]) -> Iterator[Problem]:
    written = enumerate(read.get("select", "environments") or ())
    chosen = policy.select.environments.difference(declared)
    unknown = ((name, read.spot(("select", "environments", at))) for at, name in written if name in chosen)
    for name, spot, suggestion in _with_suggestions(unknown, declared):
        hint = suggestion or f"a file _environments/{short(name)}.yaml declares it"
        yield spot.problem("unknown-environment", f'no file declares the environment "{short(name)}"', hint)


def _with_suggestions(
    unknown: Iterable[tuple[str, SourceSpan]], known: Collection[str]
) -> Iterator[tuple[str, SourceSpan, str]]:
    """At most 100 of the unknown names, the first 20 with a suggestion: each one compares with all known names."""
    for number, (name, spot) in enumerate(islice(unknown, MAX_FINDINGS)):
        yield name, spot, did_you_mean(name, known) if number < _MOST_SUGGESTIONS else ""


def about_policies(files: Sequence[FileResult], layers: Layers) -> Iterator[Problem]:
    """Problems of the policies themselves: invalid ones, and policies and exceptions without effect."""
    policies = layers.policies
    if not policies.files:
        return
    chosen = {name for parsed in files for name in parsed.policies}
    broken = [parsed.path for parsed in files if parsed.problems and any(map(is_error, parsed.problems))]
    for file in policies.files:
        yield from (*file.errors, *file.problems)
        policy = file.policy
        if policy is None or file.errors:
            continue
        if policy.name not in chosen and not policies.chooses_any(file, broken):
            yield file.spot.problem("no-effect", f"the policy {policy.name} selects no job", "see its select")
    yield from _unknown_exceptions(policies, {parsed.name for parsed in files if parsed.name})


def _unknown_exceptions(policies: Policies, names: Collection[str]) -> Iterator[Problem]:
    readable = (file.policy for file in policies.files if file.policy is not None and not file.errors)
    exceptions = (one for policy in readable for rule in policy.rules for one in rule.except_jobs.items())
    unknown = ((job, spot) for job, spot in exceptions if job not in names)
    for job, spot, suggestion in _with_suggestions(unknown, names):
        yield spot.problem("no-effect", f'there is no job "{short(job)}"', suggestion or "remove it")


def limited(entries: Sequence[TreeEntry], most: int, what: str) -> tuple[Sequence[TreeEntry], tuple[Problem, ...]]:
    """The first of them, and problems about those beyond the limit."""
    spots = (SourceSpan(entry.path, 1, 1, 2, "") for entry in entries[most:])
    return entries[:most], tuple(spot.problem("range", f"more than {most} {what}", "remove one") for spot in spots)


def with_last_readable(policies: Policies, known: Mapping[str, tuple[Policy, str]]) -> Policies:
    """``known`` are the last readable policies and their blobs, by the paths of files that cannot be read now."""
    files = [
        replace(file, policy=known[file.path][0], blob=known[file.path][1])
        if file.errors and file.path in known
        else file
        for file in policies.files
    ]
    return Policies(_within_limits(files), policies.day)
