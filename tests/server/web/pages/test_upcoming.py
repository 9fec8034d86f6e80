import pytest

from chronos_gitops.server.web.pages.upcoming import _shade


@pytest.mark.parametrize(
    ("count", "most", "shade"),
    [(0, 0, 0), (0, 6061, 0), (6060, 6061, 5), (6061, 6061, 5), (1, 6061, 1), (3000, 6061, 3), (1, 1, 5), (1, 5, 1)],
)
def test_shades_are_in_proportion_to_the_count_from_zero(count: int, most: int, shade: int) -> None:
    assert _shade(count, most) == shade


def test_a_shade_never_falls_where_the_count_rises() -> None:
    shades = [_shade(count, 97) for count in range(98)]
    assert shades == sorted(shades)
    assert set(shades) == set(range(6))
