"""The targets of docs/how-to/verify-requests.md, run as they stand there: in Python, JavaScript and Go."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from harness.programs.identity import golang
from harness.programs.tools import await_port

_PAGE = (Path(__file__).parents[4] / "docs/how-to/verify-requests.md").read_text()
BLOCKS: Final = {
    name: text for text, name in re.findall(r"^```\w+\n((?:#|//) (\S+)\n.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL)
}
"""Each block of the page that begins with the name of its file."""
LANGUAGES: Final = ("python", "javascript", "go")
_NODE_MODULES = Path(sys.prefix) / "node" / "node_modules"
_FILES = {"python": "target.py", "javascript": "target.mjs", "go": "target.go"}


def prepare(language: str, folder: Path) -> Sequence[str]:
    """The words that start the target. A program in Go is compiled."""
    source = folder / _FILES[language]
    source.write_text(BLOCKS[source.name])
    if language == "go":
        return (str(golang.build(source, folder / "target")),)
    if language == "javascript":
        (folder / "node_modules").symlink_to(_NODE_MODULES)
    return ({"python": sys.executable, "javascript": "node"}[language], str(source))


@contextmanager
def started(words: Sequence[str], *, issuer: str, audience: str, port: int) -> Iterator[None]:
    """The target, once it listens on the port; it begins without keys."""
    environ = {**os.environ, "ISSUER": issuer, "AUDIENCE": audience, "PORT": str(port)}
    process = subprocess.Popen(words, env=environ, stderr=subprocess.DEVNULL, text=True)
    try:
        await_port(port, process, lambda: f"{words} ended")
        yield
    finally:
        process.terminate()
        process.wait(10)
