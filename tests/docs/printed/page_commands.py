"""The commands that a page prints, run as a reader would: in bash, in one folder, in order."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

HOW_TO = Path(__file__).parents[3] / "docs/how-to"
_BLOCK = re.compile(r"^( *)```console\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^( *)```yaml\n *# (\S+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


class PrintedCommand(NamedTuple):
    """``output`` are the lines that the page shows below it."""

    line: str
    output: tuple[str, ...]


def printed_commands(page: str) -> Iterator[PrintedCommand]:
    """Lines with ``$`` begin one, and those with ``>`` continue it."""
    for indent, block in _BLOCK.findall((HOW_TO / f"{page}.md").read_text("utf-8")):
        lines = [line.removeprefix(indent) for line in block.splitlines()]
        for part in re.split(r"^\$ ", "\n".join(lines), flags=re.MULTILINE)[1:]:
            first, *others = part.splitlines()
            continued = [line.removeprefix("> ") for line in others if line.startswith("> ")]
            yield PrintedCommand("\n".join([first, *continued]), tuple(others[len(continued) :]))


def save_files(page: str, folder: Path) -> list[str]:
    """The YAML blocks of a page that begin with a path, saved there as a reader does; their paths."""
    found = _FILE.findall((HOW_TO / f"{page}.md").read_text("utf-8"))
    for indent, path, text in found:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("".join(line.removeprefix(indent) for line in text.splitlines(keepends=True)))
    return [path for _, path, _ in found]


def ran(
    command: str, folder: Path, stubs: Mapping[str, str] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """``stubs`` are scripts of sh by name, in place of programs that this machine does not have."""
    programs = folder.parent / "programs"
    programs.mkdir(exist_ok=True)
    for name, script in (stubs or {}).items():
        (programs / name).write_text(f"#!/bin/sh\n{script}")
        (programs / name).chmod(0o755)
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=os.environ | {"PATH": path} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
