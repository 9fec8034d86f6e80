"""Problems as a compiler prints them: the place, the line, a caret under what is meant, a hint."""

from collections.abc import Sequence
from unicodedata import category, east_asian_width

from chronos_gitops.cli.reports.problems import summary
from chronos_gitops.jobs.problem import Problem, Severity

_WIDEST = 120
_BEFORE_CARET = 60
_TAB = "    "
_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.NOTE: "36"}


def render(problems: Sequence[Problem], files: int, *, colour: bool = False) -> str:
    blocks = [block(problem, colour=colour) for problem in problems]
    return "\n".join([*blocks, summary.line(problems, files) + "\n"])


def block(problem: Problem, *, colour: bool = False) -> str:
    """One problem in some lines, each ended by a line break."""
    paint = _paint if colour else _plain
    strong = f"1;{_COLOURS[problem.severity]}"
    place = paint(f"{problem.file}:{problem.line}:{problem.column}:", "1")
    head = f"{place} {paint(f'{problem.severity}[{problem.rule}]', strong)}: {problem.statement}\n"
    margin = " " * len(str(problem.line))
    hint = f"{margin} = help: {problem.hint}\n" if problem.hint else ""
    if not problem.excerpt.strip():
        return head + hint
    shown, caret = _pointed(problem)
    bar = paint("|", "2")
    quoted = f"{margin} {bar}\n{problem.line} {bar} {shown}\n{margin} {bar} {paint(caret, strong)}\n"
    return head + quoted + hint


def _pointed(problem: Problem) -> tuple[str, str]:
    """The source line as a terminal shows it, cut around the place, and the carets below it."""
    cells = [_cell(character) for character in problem.excerpt]
    start = min(problem.column - 1, len(cells))
    end = min(max(problem.end_column - 1, start + 1), len(cells))
    first, last = _window(cells, start)
    shown = "".join(text for text, _ in cells[first:last])
    left = "..." if first else ""
    right = "..." if last < len(cells) else ""
    offset = len(left) + _width(cells[first:start])
    caret = "^" * max(1, _width(cells[start : min(end, last)]))
    return left + shown + right, " " * offset + caret


def _cell(character: str) -> tuple[str, int]:
    """The printable form of a character, and its width in columns."""
    if character == "\t":
        return _TAB, len(_TAB)
    if category(character) in ("Mn", "Me"):
        return character, 0
    if not character.isprintable():
        return "\N{REPLACEMENT CHARACTER}", 1
    return character, 2 if east_asian_width(character) in "WF" else 1


def _window(cells: Sequence[tuple[str, int]], start: int) -> tuple[int, int]:
    """Which cells to show of a line that is too wide: at most 120 columns, the place among them."""
    if _width(cells) <= _WIDEST:
        return 0, len(cells)
    first = start
    while first and _width(cells[first - 1 : start]) <= _BEFORE_CARET:
        first -= 1
    last = first
    while last < len(cells) and _width(cells[first : last + 1]) <= _WIDEST:
        last += 1
    return first, last


def _width(cells: Sequence[tuple[str, int]]) -> int:
    return sum(width for _, width in cells)


def _plain(text: str, _code: str) -> str:
    return text


def _paint(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m"
