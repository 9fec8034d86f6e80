"""The text of a folded job: that of its first environment with the blocks of the others, and every comment. Pure."""

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from chronos_gitops.cli.checkout.layer_extraction import MODELINE
from chronos_gitops.jobs.layers.inherited_lines import FileLines
from chronos_gitops.jobs.validation import document
from chronos_gitops.rollback.file_text import with_values

_NOTE: Final = "the comments that follow"
_NOTE_LINE: Final = re.compile(rf"^(?P<margin>[ ]*)# {_NOTE}(?P<end>\r?\n)", re.MULTILINE)


def folded_text(text: str, wanted: Mapping[str, Any], others: Iterable[str]) -> str:
    """The text that says ``wanted``. Comments of ``others``, and of lines that change, stand above what is new."""
    made = with_values(_named(text, wanted["name"]), wanted, _NOTE).text
    own = comments(text)
    missing = list((Counter(own) - Counter(comments(made))).elements())
    for other in others:
        missing += (Counter(comments(other)) - Counter(own)).elements()
    kept = list(dict.fromkeys(one for one in missing if not MODELINE.match(one)))
    if kept and not _NOTE_LINE.search(made):
        return made + "".join(f"{one}\n" for one in kept)
    return _NOTE_LINE.sub(lambda found: "".join(f"{found['margin']}{one}{found['end']}" for one in kept), made)


def comments(text: str) -> Sequence[str]:
    return FileLines(document.read("", text.encode())).comments()


def moved_text(text: str, before: str, after: str) -> str:
    """With the line for editors as it is at another place; both are paths from the jobs folder."""

    def schema(found: re.Match[str]) -> str:
        folder = posixpath.join(posixpath.dirname(before), found["folder"])
        moved = posixpath.relpath(posixpath.join(folder, "job.schema.json"), posixpath.dirname(after) or ".")
        return f"# yaml-language-server: $schema={moved}"

    return MODELINE.sub(schema, text, count=1)


def _named(text: str, name: str) -> str:
    """With another name, and what stands behind it on its line."""
    read = document.read("", text.encode())
    line, column, end, end_column = read.values.get(("name",), (0, 0, -1, 0))
    if line != end or read.value.get("name") == name:
        return text
    lines = text.splitlines(keepends=True)
    lines[line] = lines[line][:column] + name + lines[line][end_column:]
    return "".join(lines)
