from hypothesis import given
from hypothesis import strategies as st

from chronos_gitops.server.web.side_by_side import LinePair, rows

LINES = st.lists(st.sampled_from("abc"), max_size=12)


def test_changed_lines_stand_beside_each_other() -> None:
    assert list(rows(["name: a", "x: 1", "end"], ["name: a", "x: 2", "y: 3", "end"])) == [
        LinePair("name: a", "name: a", 1, 1),
        LinePair("x: 1", "x: 2", 2, 2),
        LinePair(None, "y: 3", None, 3),
        LinePair("end", "end", 3, 4),
    ]


@given(LINES, LINES)
def test_each_side_has_every_line_once_and_in_order(before: list[str], after: list[str]) -> None:
    found = list(rows(before, after))
    assert [row.left for row in found if row.left is not None] == before
    assert [row.right for row in found if row.right is not None] == after
    assert [row.left_number for row in found if row.left_number] == list(range(1, len(before) + 1))
    assert [row.right_number for row in found if row.right_number] == list(range(1, len(after) + 1))
