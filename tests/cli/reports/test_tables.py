import pytest

from chronos_gitops.cli.reports.tables import cut


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
def test_what_is_cut_ends_with_an_ellipsis(text: str, shown: str) -> None:
    assert cut(text, 10) == shown
