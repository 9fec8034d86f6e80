"""The reader of plain files reads nothing that the parser reads otherwise, places included, and reads most files."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chronos_gitops.jobs.validation.yaml import decoding, fast_path
from chronos_gitops.jobs.validation.yaml.event_reader import Reader, libyaml_events

ROOT = Path(__file__).parents[4]
EXAMPLES = sorted((ROOT / "jobs.example").rglob("*.yaml"))
FILES = [*EXAMPLES, *sorted((ROOT / "tests/jobs/validation/cases").rglob("*.yaml"))]
WHOLE = EXAMPLES[1].read_bytes()

LINE_PIECES = st.sampled_from(
    [
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
)


def same(content: bytes) -> bool | None:
    """Whether both read the same; None when the plain reader leaves it to the parser."""
    try:
        decoded = decoding.decode(content)
    except decoding.TextError:
        return None
    lines = decoding.lines(decoded)
    quick = fast_path.read(lines)
    if quick is None:
        return None
    reader = Reader(libyaml_events(decoded), lines)
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
