"""Shell completion: the scripts, and what they get for words that a user has typed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chronos_gitops.cli.completion import SHELLS
from chronos_gitops.cli.main import COMMANDS, main

NAMES = {name for section in COMMANDS.values() for name in section}


def answered(shell: str, *words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setenv("_CHRONOS_GITOPS_COMPLETE", f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(["chronos-gitops", *words]))
    monkeypatch.setenv("COMP_CWORD", words[-1] if shell == "fish" else str(len(words)))
    assert main([]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_options_and_values_are_completed(
    shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def words(*typed: str) -> str:
        return answered(shell, *typed, monkeypatch=monkeypatch, capsys=capsys)

    assert all(name in words("") for name in NAMES)
    assert "executions" in words("exec")
    assert "--listen" in words("run", "--li")
    assert "failed" in words("executions", "--status", "fa")
    assert "check" in words("config", "ch")
    assert "bash" in words("completion", "b")


def test_a_question_that_no_shell_asks_is_answered_with_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_CHRONOS_GITOPS_COMPLETE", "tcsh_complete")
    assert main([]) == 1
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_CHRONOS_GITOPS_COMPLETE" in capsys.readouterr().out


def test_bash_completes_with_the_script(tmp_path: Path) -> None:
    program = tmp_path / "chronos-gitops"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m chronos_gitops "$@"\n')
    program.chmod(0o755)
    shell = """
    eval "$(chronos-gitops completion bash)"
    COMP_WORDS=(chronos-gitops exec); COMP_CWORD=1
    $(complete -p chronos-gitops | sed 's/.*-F \\([^ ]*\\).*/\\1/') chronos-gitops
    echo "${COMPREPLY[@]}"
    """
    seen = subprocess.run(
        ["bash", "--norc", "-c", shell],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (seen.stdout, seen.stderr) == ("executions\n", "")
