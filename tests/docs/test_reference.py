"""The pages that are made of what the program knows say what it knows now."""

import re
from pathlib import Path

import pytest
from harness.reference import PAGES, ROOT

from chronos_gitops.cli.main import COMMANDS
from chronos_gitops.jobs.schemas.schemas import load_schema
from chronos_gitops.server.api.app import url_map
from chronos_gitops.server.api.openapi.generator import specification


@pytest.mark.parametrize("name", PAGES)
def test_a_written_page_is_not_stale(name: str) -> None:
    assert (ROOT / name).read_text("utf-8") == PAGES[name](), f"{name} is stale; run: make docs"


WRITTEN_BY_HAND = ("api-versions", "behaviour", "git-advisories", "guarantees", "page", "performance")


def test_every_other_page_of_the_reference_is_written_by_make_docs() -> None:
    pages = {name for name in PAGES if name.startswith("docs/reference/")}
    by_hand = {f"docs/reference/{name}.md" for name in WRITTEN_BY_HAND}
    assert {str(path.relative_to(ROOT)) for path in (ROOT / "docs/reference").iterdir()} == pages | by_hand


def test_what_there_is_stands_on_its_page() -> None:
    def page(name: str) -> str:
        return (ROOT / f"docs/reference/{name}.md").read_text("utf-8")

    for name in (name for section in COMMANDS.values() for name in section):
        assert f"\n## chronos-gitops {name}\n" in page("commands")
    for name in load_schema()["properties"]:
        assert f"| `{name}` |" in page("job")
    for path in specification(url_map())["paths"]:
        assert re.search(rf"^### [A-Z]+ {re.escape(path)}$", page("api"), re.MULTILINE)
    for series in ("chronos_executions_total", "chronos_job_next_run_timestamp_seconds", "chronos_build_info"):
        assert f"| `{series}` |" in page("metrics")


def test_no_page_knows_the_machine_that_wrote_it() -> None:
    for name in PAGES:
        text = (ROOT / name).read_text("utf-8")
        assert str(Path.home()) not in text
        assert str(ROOT) not in text
