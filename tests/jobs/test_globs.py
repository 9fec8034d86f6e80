"""Globs: what they match, and that no pattern and no text makes them slow."""

import fnmatch

import pytest
from harness.machine.growth import assert_linear
from hypothesis import given
from hypothesis import strategies as st

from chronos_gitops.jobs import globs


@pytest.mark.parametrize(
    ("glob", "text", "is_match"),
    [
        ("https://*", "https://api.example.com/a/b", True),
        ("https://*", "http://api.example.com", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("*", "", True),
        ("", "", True),
        ("", "a", False),
        ("[a]", "[a]", True),
        ("[a]", "a", False),
        ("a*b*c", "a\nb/c", True),
        ("a*b*c", "acb", False),
        ("P*", "post", False),
    ],
)
def test_glob_is_the_whole_text(glob: str, text: str, is_match: bool) -> None:
    assert globs.matches(glob, text) is is_match


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_globs_agree_with_fnmatch(glob: str, text: str) -> None:
    assert globs.matches(glob, text) == fnmatch.fnmatchcase(text, glob)


@pytest.mark.parametrize("glob", ["*a" * 500, "*?a" * 300 + "b", "*" * 1_000 + "b"])
def test_hostile_globs_take_linear_time(glob: str) -> None:
    assert_linear(lambda text: [globs.matches(glob, text) for _ in range(100)], lambda size: "a" * size, 4_000)


def test_long_part_takes_time_as_pattern_and_text_are_long_together() -> None:
    def hostile(size: int) -> tuple[str, str]:
        return f"*{'a' * (size // 20)}b*", "a" * size

    assert_linear(lambda given: [globs.matches(*given) for _ in range(100)], hostile, 4_000)


@pytest.mark.parametrize("glob", ["a*", "*a", "*?", "a?*a", "*a*", ""])
def test_text_beyond_the_limit_matches_only_a_star(glob: str) -> None:
    text = "a" * globs.LONGEST_TEXT
    assert globs.matches(glob, text) is bool(glob)
    assert not globs.matches(glob, text + "a")
    assert globs.matches("*", text + "a")
