import pytest

from chronos_gitops.jobs.validation.quoting import cut, short


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("a" * 10, "a" * 10),
        ("a" * 11, "a" * 9 + "…"),
        ("connection refused", "connectio…"),
        ("four wor ds it", "four wor…"),
    ],
)
def test_a_cut_text_ends_with_the_mark(text: str, shown: str) -> None:
    assert cut(text, 10, "…") == shown


@pytest.mark.parametrize("length", range(38, 48))
def test_the_mark_counts_towards_the_limit(length: int) -> None:
    text = "a" * length
    assert len(cut(text, 40)) == min(length, 40)
    assert cut(text, 40) == (text if length <= 40 else "a" * 37 + "...")
    assert short(text) == (text if length <= 43 else "a" * 40 + "...")
