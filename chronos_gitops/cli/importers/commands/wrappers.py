"""Programs that start another command and change nothing of its request, such as timeout(1), env(1) and nice(1)."""

import re
from collections.abc import Callable, Sequence
from dataclasses import field, replace
from typing import Any, Final, NamedTuple

from chronos_gitops.cli.importers.commands.shell_words import Command, read, script_of, secret_or_value
from chronos_gitops.cli.importers.model import Unconvertible
from chronos_gitops.process.lazy_dataclass import dataclass

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_DURATION: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smhd]?)")
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_WAIT: Final = "flock: an execution waits for the one before it without the limit of -w"
_MOST: Final = 20
"""Wrappers around one command; a line with more was made by a program."""


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """``fields`` of the job are those that the wrappers stand for: ``timeout`` and ``concurrency``."""

    command: Command
    fields: dict[str, Any] = field(default_factory=dict)


class _Options(NamedTuple):
    """``flags`` stand alone, ``valued`` take the next word or the rest of theirs. All others are refused."""

    flags: frozenset[str]
    valued: frozenset[str]

    @classmethod
    def of(cls, flags: str = "", valued: str = "") -> "_Options":
        return cls(frozenset(flags.split()), frozenset(valued.split()))


_OPTIONS: Final = {
    "env": _Options.of(),
    "nice": _Options.of("", "-n --adjustment"),
    "ionice": _Options.of("-t --ignore", "-c -n --class --classdata"),
    "timeout": _Options.of("--foreground --preserve-status -v --verbose", "-k -s --kill-after --signal"),
    "flock": _Options.of(
        "-n --nb --nonblock -e -x --exclusive -o --close -F --no-fork",
        "-w --wait --timeout -E --conflict-exit-code",
    ),
    "nohup": _Options.of(),
    "setsid": _Options.of("-w --wait -f --fork -c --ctty", ""),
    "time": _Options.of("-p --portability", ""),
    "chronic": _Options.of("-e -v", ""),
    "cronic": _Options.of(),
    "run-one": _Options.of(),
    "sudo": _Options.of("-n -E -H --non-interactive --set-home --preserve-env", "-u -g --user --group"),
    "tini": _Options.of("-g -s -v -w", ""),
    "dumb-init": _Options.of("-c -v --single-child --verbose", ""),
    "exec": _Options.of(),
    "command": _Options.of(),
}
NAMES: Final = frozenset(_OPTIONS)


def unwrap(command: Command) -> Unwrapped:
    """The command that is started in the end. Unconvertible for options with which another request may be sent."""
    found = Unwrapped(command)
    for _ in range(_MOST):
        after = _without_one(found)
        if after is None:
            return found
        found = after
    raise Unconvertible(f"more than {_MOST} programs start each other")


def _without_one(found: Unwrapped) -> Unwrapped | None:
    """None when the first word is no wrapper."""
    words = found.command.words
    if words and _ASSIGNMENT.fullmatch(words[0]):
        return _with_variable(found, words[0], words[1:])
    script = script_of(words)
    if script is not None:
        inner = read(script, found.command.variables)
        if inner.stdin and found.command.stdin:
            raise Unconvertible("it has two standard inputs")
        inner = replace(inner, stdin=inner.stdin or found.command.stdin, lost=(*found.command.lost, *inner.lost))
        return replace(found, command=inner)
    program = words[0].rpartition("/")[2] if words else ""
    if program not in _OPTIONS:
        return None
    given, rest = _options(program, words[1:])
    effect = _EFFECTS.get(program)
    return _started(found, rest) if effect is None else effect(found, given, rest)


def _options(program: str, words: Sequence[str]) -> tuple[list[str], Sequence[str]]:
    """The options without their values, and the words after them."""
    allowed, given, at = _OPTIONS[program], [], 0
    while at < len(words) and words[at].startswith("-") and words[at] != "-":
        word = words[at]
        at += 1
        if word == "--":
            break
        name, is_joined, _ = word.partition("=") if word.startswith("--") else (word[:2], len(word) > 2, "")
        if program == "nice" and re.fullmatch(r"-{1,2}[0-9]+", word):
            continue
        letters = [f"-{letter}" for letter in word[1:]] if not word.startswith("--") else [word]
        if allowed.flags.issuperset(letters):
            given += letters
        elif name in allowed.valued:
            given.append(name)
            at += 0 if is_joined else 1
        else:
            raise Unconvertible(f"the option {word[:40]} of {program} is unknown here")
    return given, words[at:]


def _started(found: Unwrapped, words: Sequence[str], **fields: Any) -> Unwrapped:
    if not words:
        raise Unconvertible("there is no command")
    return Unwrapped(replace(found.command, words=tuple(words)), {**found.fields, **fields})


def _with_variable(found: Unwrapped, assignment: str, rest: Sequence[str]) -> Unwrapped:
    name, _, value = assignment.partition("=")
    variables = {**found.command.variables, name: secret_or_value(name, value)}
    return _started(replace(found, command=replace(found.command, variables=variables)), rest)


def _timeout(found: Unwrapped, _: Sequence[str], words: Sequence[str]) -> Unwrapped:
    match = _DURATION.fullmatch(words[0]) if words else None
    if match is None:
        raise Unconvertible("timeout names no duration")
    seconds = float(match[1]) * _SECONDS[match[2]]
    earlier = float(found.fields.get("timeout", "inf"))
    shortest = min(seconds or float("inf"), earlier)
    return _started(found, words[1:], **({} if shortest == float("inf") else {"timeout": shortest}))


def _flock(found: Unwrapped, given: Sequence[str], words: Sequence[str]) -> Unwrapped:
    """A lock that the same line alone takes keeps two runs of it apart."""
    lock, *rest = words or [""]
    if rest[:1] in (["-c"], ["--command"]):
        rest = ["sh", "-c", *rest[1:]]
    is_skipped = {"-n", "--nb", "--nonblock"} & {*given}
    lost = [f"flock: executions do not wait for other commands that hold {lock[:100]}"]
    lost += [_WAIT] if {"-w", "--wait", "--timeout"} & {*given} and not is_skipped else []
    command = replace(found.command, lost=(*found.command.lost, *lost))
    return _started(replace(found, command=command), rest, concurrency="forbid" if is_skipped else "queue")


def _run_one(found: Unwrapped, _: Sequence[str], words: Sequence[str]) -> Unwrapped:
    """A second one of the same words ends at once."""
    return _started(found, words, concurrency="forbid")


_EFFECTS: Final[dict[str, Callable[[Unwrapped, Sequence[str], Sequence[str]], Unwrapped]]] = {
    "timeout": _timeout,
    "flock": _flock,
    "run-one": _run_one,
}
