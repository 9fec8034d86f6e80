"""Did you mean: the candidate closest to what was written."""

from collections.abc import Iterable

_LONGEST_WORD = 80
_SURE, _FAR, _NEAR = 0.8, 0.1, 0.6


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like the word, without regard to case, ``-`` and ``_``; None when nothing is near."""
    if len(word) > _LONGEST_WORD:
        return None
    import difflib

    by_shape = {_shape(candidate): candidate for candidate in sorted(candidates, reverse=True)}
    found = difflib.get_close_matches(_shape(word), by_shape, n=1)
    return by_shape[found[0]] if found else None


def only_one(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that the word is a slip of the pen of: the only one that is near, or very like it and no other one
    nearly as much."""
    if len(word) > _LONGEST_WORD:
        return None
    from difflib import SequenceMatcher

    ranked = sorted((SequenceMatcher(None, _shape(word), _shape(one)).ratio(), one) for one in candidates)
    (second, _), (best, found) = [(0.0, ""), (0.0, ""), *ranked][-2:]
    is_only = second < _NEAR <= best
    return found if is_only or (best >= _SURE and best - second >= _FAR) else None


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """A hint, or "" when nothing is near."""
    found = closest(word, candidates)
    return f'did you mean "{found}"?' if found else ""


def _shape(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "").replace(" ", "")
