"""No input makes work grow faster than its size: patterns, rules, masking, diffs, comments, cron, importers.

One file of 16 KiB took 5.5 s and stopped every thread of the runner, for a regular expression never lets go of the
interpreter.
"""

import importlib
import inspect
import pkgutil
import re
import re._parser as sre  # type: ignore[import-not-found]  # the standard library's own parser, without stubs
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.machine.growth import assert_linear, seconds

import chronos_gitops
from chronos_gitops.cli.importers import chronos, convert, crontab, kubernetes
from chronos_gitops.jobs.files.job_files import IgnoreRules
from chronos_gitops.jobs.planning import text_diff
from chronos_gitops.jobs.secrets import masking
from chronos_gitops.jobs.validation.validate import validate_file
from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.schedule import Schedule
from chronos_gitops.server.web.blame import annotate

BUDGET = 1.0
"""Seconds for judging a file of 256 KiB (TEAMS section 10)."""
LARGEST = 256 * 1024
HEAD = "name: a\nschedule: '@daily'\nenabled: true\nwebhook:\n  url: https://a.example.com/\n"
FRAGMENTS = (
    *("token:${", "token:{{", "?a=", "${secret:", "{{.", "eyJ-", "://a:", '"token":"', "'token':'", "Bearer ", "a: "),
    *("- ", "[", "{", '"', "\\", "x ", "\t", "-----BEGIN ", "é", "&a ", "!!x ", "${secret:A}", "{{.X}}", "sk-", "a=a"),
    *("session=", "token", "hooks.slack.com/services/", "a.", "%", "# chronos: ignore[x,y,z] why ", "key: "),
)


def _repeated(text: str, size: int) -> str:
    return (text * (size // len(text) + 1))[:size]


def _lines(head: str, line: Callable[[int], str], size: int) -> str:
    """Whole lines, up to the size."""
    text, number = [HEAD + head], 0
    left = size - len(text[0])
    while len(following := line(number)) <= left:
        text.append(following)
        left -= len(following)
        number += 1
    return "".join(text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''").replace("\n", " ") + "'"


def _long(text: str, size: int) -> str:
    """A quoted scalar that is whole, in a file of that size."""
    quoted = _quoted(text)
    return _quoted(text * ((size - len(HEAD) - 100) // (len(quoted) - 2)))


PLACES: dict[str, Callable[[str, int], str]] = {
    "body": lambda text, size: f"{HEAD}  body: {_long(text, size)}\n",
    "block": lambda text, size: _lines("  body: |\n", lambda _: f"    {text}\n", size),
    "header": lambda text, size: f"{HEAD}  headers: {{Authorization: {_long(text, size)}}}\n",
    "headers": lambda text, size: _lines("  headers:\n", lambda n: f"    H{n}: {_quoted(text)}\n", size),
    "auth": lambda text, size: f"{HEAD}  auth: {{type: bearer, token: {_long(text, size)}}}\n",
    "url": lambda text, size: HEAD.replace("example.com/", f"example.com/{_repeated(text, size - len(HEAD))}"),
    "name": lambda text, size: HEAD.replace("name: a", f"name: {_long(text, size)}"),
    "schedule": lambda text, size: HEAD.replace("'@daily'", _long(text, size)),
    "tags": lambda text, size: _lines("tags:\n", lambda n: f"  k{n}: {_quoted(text)}\n", size),
    "keys": lambda text, size: _lines("", lambda n: f"k{n}: {_quoted(text)}\n", size),
    "comments": lambda text, size: _lines("  headers:\n", lambda n: f"    H{n}: x # {text}\n", size),
    "comment lines": lambda text, size: _lines("", lambda _: f"# {text}\n", size),
    "raw": _repeated,
}


@pytest.mark.parametrize("place", PLACES)
def test_judging_a_file_takes_time_linear_in_its_size(place: str) -> None:
    for fragment in FRAGMENTS:
        worst = assert_linear(
            lambda content: validate_file("jobs/a.yaml", content),
            lambda size, text=fragment: PLACES[place](text, size).encode(),  # type: ignore[misc]  # bound now
            LARGEST // 16,
        )
        assert worst < BUDGET, fragment


@pytest.mark.parametrize("place", PLACES)
def test_the_largest_file_is_judged_within_its_budget(place: str) -> None:
    for fragment in ("token:${", "token:{{", "[", "# chronos: ignore[x,y,z] why ", "a.", "${secret:A}"):
        content = PLACES[place](fragment, LARGEST).encode()
        assert LARGEST * 0.99 < len(content) <= LARGEST
        assert seconds(lambda: validate_file("jobs/a.yaml", content), tries=2) < BUDGET, fragment  # noqa: B023 - called at once


WORDS = " ".join(f"w{number:06d}" for number in range(40_000))
MASKED: dict[str, Callable[[int], str]] = {
    "40,000 different words": lambda size: f"{HEAD}  headers:\n    Authorization: '{WORDS[:size]}'\n",
    "many sensitive headers": lambda size: _lines("  headers:\n", lambda n: f"    X{n}-Token: hunter{n}\n", size),
    "one word": lambda size: f"{HEAD}  auth: {{type: bearer, token: '{_repeated('ab', size)}'}}\n",
    "a folded block": lambda size: _lines(
        "  auth:\n    type: hmac\n    secret: >-\n", lambda n: f"      word{n}\n", size
    ),
}


@pytest.mark.parametrize("kind", MASKED)
def test_masking_a_file_takes_time_linear_in_its_size(kind: str) -> None:
    def mask(text: str) -> None:
        masking.masked_file(text, validate_file("jobs/a.yaml", text.encode()).job)

    assert assert_linear(mask, MASKED[kind], 16_000) < BUDGET
    masked = masking.masked_file(MASKED[kind](60_000), validate_file("jobs/a.yaml", MASKED[kind](60_000).encode()).job)
    assert not re.search(r"w00\d{4}|hunter\d|abab|word\d", masked)


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_masking_any_text_takes_time_linear_in_its_size(fragment: str) -> None:
    for hide in (
        masking.masked_text,
        masking.mask_line,
        lambda text: masking.masked_file(text, None),
        masking.literals,
    ):
        assert_linear(hide, lambda size: _repeated(fragment, size), 16 * 1024)


SIDES: dict[str, Callable[[int], tuple[list[str], list[str]]]] = {
    "one line again and again": lambda n: (["x"] * n, ["x"] * (n // 2) + ["y", "x"]),
    "every other line": lambda n: (
        [f"a{i}" if i % 2 else "x" for i in range(n)],
        [f"b{i}" if i % 3 else "x" for i in range(n)],
    ),
    "upside down": lambda n: ([f"l{i}" for i in range(n)], [f"l{i}" for i in range(n)][::-1]),
    "a hundred lines shuffled": lambda n: ([f"l{i % 100}" for i in range(n)], [f"l{i * 7 % 101}" for i in range(n)]),
    "pairs and triples": lambda n: ([f"l{i // 2}" for i in range(n)], [f"l{i // 3}" for i in range(n)]),
}


@pytest.mark.parametrize("kind", SIDES)
def test_diffs_and_blame_take_time_linear_in_the_lines(kind: str) -> None:
    def compare(sides: tuple[list[str], list[str]]) -> None:
        text_diff.unified(*sides, before="a", after="b")
        annotate([(number, "\n".join(side)) for number, side in enumerate((*sides, *sides), start=1)])

    compare(SIDES[kind](1000))
    # 8,000 lines fit a processor's cache beside another test; quadratic work would take seconds there, too.
    assert assert_linear(compare, SIDES[kind], 2_000) < BUDGET


def test_a_long_diff_is_cut_and_says_so() -> None:
    old, new = [f"a{n}" for n in range(6000)], [f"b{n}" for n in range(6000)]
    found = text_diff.unified(old, new, before="a", after="b")
    assert found.truncated
    assert found.text.count("\n") == text_diff.MAX_LINES
    assert not text_diff.unified(old[:9], new[:9], before="a", after="b").truncated


IGNORES = ("*a", "a*", "**/", "[a", "?", "\\", "a/", "!a\n", "*/", "[!a-z]", "a*b?")


@pytest.mark.parametrize("fragment", IGNORES)
def test_chronosignore_takes_time_linear_in_its_size(fragment: str) -> None:
    path = "/".join(["aaaaaaaaab"] * 20) + "/c.yaml"

    def ask(content: bytes) -> None:
        IgnoreRules.parse(content).ignores(path)

    line = _repeated(fragment, 900) + "\n"
    assert assert_linear(ask, lambda size: (line * size).encode(), 30) < 2 * BUDGET


CRON = ("1,", "1-2,", "*/2,", "L ", "@", "MON,", "H/", "1-", "#", "* ", "0", "a", "1W,", "@every 1h", "?")


@pytest.mark.parametrize("fragment", CRON)
def test_cron_takes_time_linear_in_its_size(fragment: str) -> None:
    def ask(text: str) -> None:
        try:
            Schedule.parse(text, "UTC")
        except ScheduleError:
            return

    for fields in ("{} * * * *", "{0} {0} {0} {0} {0}", "* * * * {}", "@every {}"):
        assert_linear(ask, lambda size: fields.format(_repeated(fragment, size)), 50_000)  # noqa: B023 - asked at once


IMPORTED: dict[str, Callable[[int], tuple[Any, str]]] = {
    "crontab lines": lambda n: (crontab, "0 2 * * * curl https://a.example.com/x\n" * n),
    "crontab variables": lambda n: (crontab, "".join(f"A{i}=$A{i}\n" for i in range(n)) + "* * * * * curl $A1\n"),
    "one crontab line": lambda n: (crontab, "0 2 * * * curl " + "-H a:b " * n + "https://a.example.com/\n"),
    "quotes": lambda n: (crontab, "0 2 * * * curl " + '\'"a" ' * n),
    "no command": lambda n: (crontab, "a " * n),
    "kubernetes": lambda n: (kubernetes, "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\n" * n),
    "chronos": lambda n: (chronos, "[" + '{"name": "a", "schedule": "@daily"},' * n + "{}]"),
}


@pytest.mark.parametrize("kind", IMPORTED)
def test_importers_take_time_linear_in_the_size(kind: str) -> None:
    def read(given: tuple[Any, str]) -> None:
        module, text = given
        convert.finish(module.read(text.encode(), timezone="UTC", is_enabled=False))

    assert_linear(read, IMPORTED[kind], 100)


def _modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(chronos_gitops.__path__, "chronos_gitops."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def _patterns() -> Iterator[tuple[str, "re.Pattern[Any]", bool]]:
    """Every pattern of the program, and whether it is only ever matched at the beginning of a text."""
    for module in _modules():
        source = Path(module.__file__).read_text()
        for name, value in vars(module).items():
            if type(value).__name__ == "_lru_cache_wrapper" and not inspect.signature(value).parameters:
                value = value()
            if isinstance(value, re.Pattern):
                searched = re.search(
                    rf"\b{name}(?:\(\))?\.(?:search|sub|subn|finditer|findall|split|pattern)\b", source
                )
                yield f"{module.__name__}.{name}", value, searched is None


def _fragments(pattern: "re.Pattern[Any]") -> list[str]:
    """Beginnings of what the pattern matches, taken from its own syntax tree."""
    found: set[str] = set()

    def one(op: Any, value: Any) -> str:
        if op is sre.LITERAL:
            return chr(value)
        if op is sre.IN:
            first, inner = value[0]
            if first is sre.LITERAL:
                return chr(inner)
            if first is sre.RANGE:
                return chr(inner[0])
            return {"CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " "}.get(str(inner), "a")
        return "a"

    def walk(items: Any) -> str:
        text = ""
        for op, value in items:
            if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
                text += walk(value[2]) * max(1, min(value[0], 40))
            elif op is sre.SUBPATTERN:
                text += walk(value[3])
            elif op is sre.ATOMIC_GROUP:
                text += walk(value)
            elif op is sre.BRANCH:
                branches = [walk(branch) for branch in value[1]]
                found.update(text + branch for branch in branches[:20])
                text += branches[0] if branches else ""
            elif op in (sre.ASSERT, sre.ASSERT_NOT):
                found.add(walk(value[1]))
            elif op is not sre.AT:
                text += one(op, value)
            found.add(text)
        return text

    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    walk(sre.parse(text, pattern.flags & ~re.DEBUG))
    whole = sorted((one for one in found if 0 < len(one) < 200), key=len)[:60]
    return sorted({*whole, *(letter for text in whole for letter in text)})


TRUSTED = {
    "chronos_gitops.engine.sql.store.dialect._LOCK": "reads our own SQL statements, once each",
}


def test_every_pattern_takes_time_linear_in_the_text() -> None:
    slow, count = [], 0
    for name, pattern, is_anchored in _patterns():
        count += 1
        for fragment in [] if name in TRUSTED else _fragments(pattern):
            for end in ("", "\x00"):
                made = [_repeated(fragment, size) + end for size in (1500, 6000)]
                texts: list[Any] = (
                    made if isinstance(pattern.pattern, str) else [text.encode("latin-1", "replace") for text in made]
                )

                def run(text: Any, pattern: "re.Pattern[Any]" = pattern, is_anchored: bool = is_anchored) -> None:
                    pattern.match(text) if is_anchored else [*pattern.finditer(text)]

                took = seconds(lambda: run(texts[1]))  # noqa: B023 - called at once
                if took > 0.004 and took > 7 * seconds(lambda: run(texts[0])):  # noqa: B023 - called at once
                    slow.append((name, fragment, end, took))
    assert count > 100
    assert slow == []
