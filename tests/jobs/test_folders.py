"""Files that lie in a folder, by path and not by text."""

import pytest

from chronos_gitops.jobs.folders import is_path_in


@pytest.mark.parametrize(
    ("path", "folder", "inside"),
    [
        ("jobs/a/x.yaml", "jobs/a", True),
        ("jobs/a/x.yaml", "jobs/a/", True),
        ("jobs/a/b/x.yaml", "jobs", True),
        ("jobs/ab/x.yaml", "jobs/a", False),
        ("other/x.yaml", "jobs", False),
        ("jobs/a/../b/x.yaml", "jobs/a", False),
        ("../jobs/a/x.yaml", "jobs", False),
        (None, "jobs", False),
    ],
)
def test_path_pattern(path: str | None, folder: str, inside: bool) -> None:
    assert is_path_in(path, folder) is inside
