"""The documents are true where a program can tell: links lead somewhere, tests that they name exist."""

import re
from pathlib import Path

import pytest
from harness.reference.markdown import anchor

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_TEST = re.compile(r"`(test_\w+)`")


def anchors(page: Path) -> set[str]:
    """Of all headings."""
    titles = re.findall(r"^#+ +(.+?) *$", page.read_text(), re.MULTILINE)
    return set(map(anchor, titles))


def dead_links(page: Path) -> list[str]:
    """Relative links without a file, and links to a section that the page does not have."""
    found = []
    for link in _LINK.findall(page.read_text()):
        if "://" in link:
            continue
        path, _, section = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (section and target.suffix == ".md" and section not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert dead_links(page) == []


def test_every_test_that_a_guarantee_names_exists() -> None:
    named = set(_TEST.findall((ROOT / "docs/reference/guarantees.md").read_text()))
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    existing = set(re.findall(r"^ *(?:async )?def (test_\w+)\(", sources, re.MULTILINE))
    assert len(named) >= 25
    assert named <= existing, sorted(named - existing)


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "docs/explanation/life-of-a-commit.md"])
def test_every_module_that_a_page_names_exists(page: str) -> None:
    """Named by the end of its path: ``git/remote/mirror``, or ``remote/`` for a folder."""
    roots = ("chronos_gitops", "tests", "bench", "requirements", "docs")
    files = {path.relative_to(ROOT).with_suffix("") for root in roots for path in (ROOT / root).rglob("*")}
    known = {"/" + path.as_posix() for path in files} | {"/" + root for root in roots}
    named = re.findall(r"`([a-z_]+(?:/[a-z_]+)*/?)`", (ROOT / page).read_text())
    paths = [one.rstrip("/") for one in named if "/" in one]
    assert len(paths) > 10
    assert [one for one in paths if not any(place.endswith("/" + one) for place in known)] == []
