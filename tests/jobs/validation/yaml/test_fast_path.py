"""The reader of plain files reads nothing that the parser reads otherwise, places included, and reads most files."""

from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final

import pytest
from harness.machine.seeds import seeded
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chronos_gitops.jobs.validation.yaml import decoding, fast_path
from chronos_gitops.jobs.validation.yaml.event_reader import EventReader, libyaml_events

ROOT = Path(__file__).parents[4]
EXAMPLES = sorted((ROOT / "jobs.example").glob("[!_]*/*.yaml"))
"""Jobs and their layers: calendars and policies are few, and lists."""
FILES = [*EXAMPLES, *sorted((ROOT / "tests/jobs/validation/cases").rglob("*.yaml"))]
WHOLE = EXAMPLES[1].read_bytes()

PIECES: Final = [
    *(
        "name",
        "a",
        "b-c",
        "X-Key",
        "null",
        "true",
        "12",
        "1.5",
        "0755",
        "<<",
        "~",
        "é",
        "\u3000",
        "\xa0",
        "x y",
        "www",
    ),
    *(
        ":",
        ": ",
        " :",
        "::",
        " #",
        "#",
        " # note",
        "  ",
        " ",
        "    ",
        "-",
        "- ",
        "? ",
        "|",
        "|-",
        ">",
        "|\n    ",
        "$",
    ),
    *(
        '"',
        "'",
        '""',
        "''",
        '"a b"',
        "'c # d'",
        '"e: f"',
        "\\",
        "%",
        "@",
        "`",
        "!",
        "&",
        "*",
        "{",
        "}",
        "[",
        "]",
        ",",
    ),
    *(
        "\n",
        "\n\n",
        "\n  ",
        "\n    ",
        "\n      ",
        "\r\n",
        "\r",
        "\t",
        "---",
        "...",
        "http://x.example/?a=b#c",
        "9" * 19,
    ),
]
LINE_PIECES = st.sampled_from(PIECES)


def same(content: bytes) -> bool | None:
    """True if both read the same; None when the plain reader leaves it to the parser."""
    try:
        decoded = decoding.decode(content)
    except decoding.TextError:
        return None
    lines = decoding.lines(decoded)
    quick = fast_path.read(lines)
    if quick is None:
        return None
    reader = EventReader(libyaml_events(decoded), lines)
    has_read_all = reader.run() and not reader.findings and not reader.suspect
    # repr tells 1 from True and 1.0, and the order of keys.
    return has_read_all and repr(quick) == repr(fast_path.Plain(reader.root, reader.keys, reader.values))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_case_that_it_reads_is_read_as_the_parser_reads_it(path: Path) -> None:
    assert same(path.read_bytes()) is not False


def test_most_examples_are_plain() -> None:
    """Else the other tests here would show nothing, and loading would be slow again."""
    read = [path for path in EXAMPLES if same(path.read_bytes())]
    assert len(read) > len(EXAMPLES) * 2 / 3


@settings(max_examples=600, deadline=None)
@given(st.lists(LINE_PIECES, max_size=30).map(lambda pieces: "".join(pieces).encode()))
@example(b"a: |")
@example(b"a: | # none")
@example(b"a: |\n  x")
@example(b"a: |\n\n  x\n")
@example(b"a: |\n   \n")
@example(b"a:\n  b: 1\n c: 2\n")
@example(b"a: b\n  c: d\n")
def test_lines_of_all_kinds(content: bytes) -> None:
    assert same(content) is not False


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_a_sound_file_with_a_few_pieces_replaced(data: st.DataObject) -> None:
    content = data.draw(st.sampled_from(FILES)).read_bytes()[:3_000] if data.draw(st.booleans()) else WHOLE
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        end = min(len(content), start + data.draw(st.integers(0, 8)))
        content = content[:start] + data.draw(LINE_PIECES).encode() + content[end:]
    assert same(content) is not False


PLAIN: Final = [
    *(
        "30s",
        "0 2 * * *",
        "https://x.example/a?b=c",
        "nightly",
        "a-b",
        "x y z",
        "12",
        "1.5",
        "0755",
        "true",
        "null",
        "~",
    ),
    *(
        "'it''s'",
        '"quoted"',
        "'# no note'",
        "''",
        "on",
        "-1",
        "1e3",
        ".5",
        "0x1f",
        "é",
        "2026-11-29",
        "a:b",
        "10:30",
        "",
        " ",
    ),
]


def scalar(chance: Random) -> str:
    return chance.choice(PIECES if chance.random() < 0.05 else PLAIN)


def lines_of(chance: Random, indent: int = 0) -> list[str]:
    """A mapping as a person would write it, mostly plain, with scalars of all kinds."""
    lines = []
    for number in range(chance.randint(1, 4)):
        key = f"{' ' * indent}{chance.choice(['a', 'b', 'x-y', '1', 'yes'])}{number}:"
        match chance.randrange(8):
            case 0 if indent < 6:
                lines += [key, *lines_of(chance, indent + chance.randint(1, 3))]
            case 1:
                lines += [key, *(f"{' ' * indent}  - {scalar(chance)}" for _ in range(chance.randint(1, 3)))]
            case 2:
                lines += [
                    f"{key} |",
                    *(f"{' ' * indent}  {scalar(chance)}" for _ in range(chance.randint(1, 3))),
                ]
            case _:
                lines.append(f"{key} {scalar(chance)}{chance.choice(['', '', ' # note', ' '])}")
    return lines


def replaced(content: bytes, chance: Random) -> bytes:
    for _ in range(chance.choice([0, 0, 0, 1, 2])):
        start = chance.randint(0, len(content))
        content = content[:start] + chance.choice(PIECES).encode() + content[start + chance.randint(0, 3) :]
    return content


@pytest.mark.parametrize("part", range(4))
def test_25_000_files_of_the_day(part: int) -> None:
    """100,000 in all, others each day."""
    chance, read = seeded(4 * datetime.now(UTC).toordinal() + part), 0
    for _ in range(25_000):
        content = replaced("\n".join(lines_of(chance)).encode() + b"\n", chance)
        outcome = same(content)
        assert outcome is not False, content
        read += outcome is not None
    assert read > 4_000  # else the parser was compared with too little


@pytest.mark.parametrize("count", [999, 1_000, 1_001, 2_049, 19_998, 19_999, 20_000, 20_001])
def test_large_files_are_read_as_the_parser_reads_them(count: int) -> None:
    """Before, one of over 1,000 lines went to the parser, and each of its bytes took twice as long."""
    content = "".join(f"k{number}: x\n" for number in range(count)).encode()
    assert same(content) is (True if count < 20_000 else None)
    assert same(b"a:\n" + content.replace(b"k", b" k")) is (True if count < 19_999 else None)


@pytest.mark.parametrize(
    "content",
    [
        b"a: 1\na: 2\n",  # a duplicate key
        b"a: &x 1\n",
        b"a: *x\n",
        b"a: !!str 1\n",
        b"- a: 1\n",
        b"a: [1]\n",
        b"a: 1\n---\nb: 2\n",
        b"a: " + b"9" * 19 + b"\n",  # a number that no field can hold
        b"null: 1\n",
        b"a: b: c\n",
        b"a: b\n c\n",
        b"a:\tb\n",
        b"",
        b"# nothing\n",
        b"".join(b" " * n + b"k:\n" for n in range(30)),  # too deep
        b"a: 1\n" * 2_000,
    ],
)
def test_what_is_not_plain_is_left_to_the_parser(content: bytes) -> None:
    assert fast_path.read(decoding.lines(content.decode())) is None
