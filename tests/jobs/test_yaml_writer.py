"""Any text that is written is read back unchanged."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_gitops.jobs.validation import document as validation_document
from chronos_gitops.jobs.yaml_writer import yaml_of

ODD = (
    *("", "on", "1e3", "0x10", "0755", "12:30", "null", "~", "a: b", "a #b", "@daily", "* * * * *", "a\nb", "a\n\nb\n"),
    *("- a", "10s", "1_000", ".5", "{{.JobName}}", "${secret:a}", "a\u2028b", "a\r\nb", " a\nb", "a\n b\n", "no", "a,"),
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(ODD)
KEYS = TEXTS.filter(lambda key: key != "<<")
VALUES = (
    TEXTS
    | st.booleans()
    | st.integers(-999, 999)
    | st.dictionaries(KEYS, TEXTS, max_size=3)
    | st.lists(TEXTS | st.integers(0, 9), max_size=3)
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)


@given(DOCUMENTS)
def test_what_is_written_is_read_back(document: dict[str, Any]) -> None:
    text = yaml_of(document)
    read = validation_document.read("a.yaml", text.encode())
    assert read.problems == (), text
    assert dict(read.value) == document


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"a": "plain words"}, "a: plain words\n"),
        ({"a": "0 2 * * *"}, 'a: "0 2 * * *"\n'),
        ({"a": {"b": "https://a.example.com/x"}, "c": 30}, "a:\n  b: https://a.example.com/x\nc: 30\n"),
        ({"a": "30s", "b": "1h30m"}, "a: 30s\nb: 1h30m\n"),
        ({"a": '{\n  "b": 1\n}'}, 'a: |-\n  {\n    "b": 1\n  }\n'),
        ({"a": {}, "b": [], "c": [200, "300-399"]}, 'a: {}\nb: []\nc: [200, "300-399"]\n'),
    ],
)
def test_it_reads_as_a_person_would_write_it(document: dict[str, Any], text: str) -> None:
    assert yaml_of(document) == text
