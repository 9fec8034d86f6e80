"""User-facing texts keep to the glossary: a short list of words that have a plainer equivalent."""

import ast
import json
import re
from pathlib import Path

import pytest

from chronos_gitops.jobs.validation.rule_texts.registry import RULES

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
FORBIDDEN = {
    "whoever": "the person or program by its role",
    "nobody": "a noun or a number",
    "somebody": "the person or program by its role",
    "anybody": "the person or program by its role",
    "upside down": "reversed",
    "sign of life": "heartbeat",
    "receiver": "target",
    "veiled": "redacted",
    "timetable": "schedule",
    "mend": "fix",
    "mended": "fixed",
    "anew": "again",
}
_WORDS = re.compile(rf"\b({'|'.join(FORBIDDEN)})s?\b", re.IGNORECASE)
_QUESTION = re.compile(r"(?:What|Whether|How|Who|Where|When|Which|Why)\b")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def found(text: str) -> list[str]:
    return [f"{match[0]}: write {FORBIDDEN[match[1].lower()]}" for match in _WORDS.finditer(_CODE.sub("", text))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages(page: Path) -> None:
    """The tutorial's local target is called receiver, as in the demo; ``--help`` is in docs/reference/commands.md."""
    words = found(page.read_text())
    allowed = ("receiver",) if page.name in ("tutorial.md", "commands.md") else ()
    assert [word for word in words if not word.startswith(allowed)] == []


def test_rules() -> None:
    texts = {name: f"{rule.summary} {rule.explanation}" for name, rule in RULES.items()}
    assert {name: words for name, text in texts.items() if (words := found(text))} == {}


@pytest.mark.parametrize("file", ["docs/reference/openapi.json", "schemas/source.json"])
def test_descriptions_of_the_api_and_of_the_job_file(file: str) -> None:
    """Editors show those of the job file beside a field."""
    told = re.findall(r'"(?:description|summary|title)": ("(?:[^"\\]|\\.)*")', (ROOT / file).read_text())
    texts = [json.loads(text) for text in told]
    assert len(texts) > 50
    assert [text for text in texts if found(text) or _QUESTION.match(text)] == []


@pytest.mark.parametrize("file", ["deploy/monitoring/alerts.yaml", "deploy/monitoring/dashboard.json", "action.yml"])
def test_texts_of_alerts_and_of_the_action(file: str) -> None:
    """An operator reads those of an alert at night, without the documentation."""
    texts = re.findall(r'"?(?:summary|description|title)"?: (\S.*)', (ROOT / file).read_text())
    assert len(texts) > 10
    assert [text for text in texts if found(text) or re.search(r"\bticks?\b", text, re.IGNORECASE)] == []


def test_settings_and_options_begin_with_a_noun_or_a_verb() -> None:
    pages = ("docs/reference/settings.md", "docs/reference/commands.md")
    lines = [line for page in pages for line in (ROOT / page).read_text().splitlines()]
    cells = [cell.strip() for line in lines for cell in re.split(r" \| | {2,}", line)]
    assert len(cells) > 500
    assert [cell for cell in cells if _QUESTION.match(cell)] == []


def test_the_list_finds_what_it_is_for() -> None:
    assert found("Nobody calls the receivers. `nobody`") == [
        "Nobody: write a noun or a number",
        "receivers: write target",
    ]


def test_docstrings_begin_with_a_noun_or_a_verb() -> None:
    """As a reader of the tree looks for it; no question. Strings below fields and constants count, too."""
    questions = {"What", "Whether", "How", "Who", "Nobody", "Somebody"}
    files = [path for room in ("chronos_gitops", "tests", "bench", "fuzz") for path in (ROOT / room).rglob("*.py")]
    found = [(path, text) for path in files for text in _docstrings(path)]
    assert len(found) > 5000
    assert [(str(path), text) for path, text in found if text.split(" ", 1)[0].rstrip(",:") in questions] == []


def _docstrings(path: Path) -> list[str]:
    nodes = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Expr))
    values = (node.value.value for node in nodes if isinstance(node.value, ast.Constant))
    return [value for value in values if isinstance(value, str)]
