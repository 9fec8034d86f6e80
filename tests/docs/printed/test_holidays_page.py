"""docs/how-to/skip-holidays.md: its files are valid together, and its commands print what it shows."""

from pathlib import Path

import pytest
from docs.printed.page_commands import printed_commands, ran, save_files
from harness.repositories.repository import Repository

PAGE = "skip-holidays"
HOLIDAYS = """\
BEGIN:VCALENDAR
BEGIN:VEVENT
DTSTART;VALUE=DATE:20270714
SUMMARY:Bastille Day
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A branch with the files of the page, beside a branch main without them."""
    found = Repository.init(tmp_path / "checkout")
    found.commit("Nothing yet")
    found.git("checkout", "--quiet", "-b", "holidays")
    assert len(save_files(PAGE, found.root)) == 6
    found.commit("Skip holidays")
    (found.root / "holidays.ics").write_text(HOLIDAYS)
    return found.root


def test_files_have_no_warning(checkout: Path) -> None:
    done = ran("chronos-gitops validate --strict --as-of 2026-12-01", checkout)
    assert done.returncode == 0, done.stdout + done.stderr


def test_commands_print_what_the_page_shows(checkout: Path) -> None:
    commands = list(printed_commands(PAGE))
    assert len(commands) == 8
    for command in commands:
        done = ran(command.line, checkout)
        assert done.returncode == 0, f"{command.line}\n{done.stdout}{done.stderr}"
        if command.output:
            assert tuple(done.stdout.splitlines()) == command.output, command.line
    assert "Bastille Day" in (checkout / "jobs/_calendars/public-holidays.yaml").read_text()
