"""The role of a file by its path."""

import pytest

from chronos_gitops.jobs.layers.file_roles import FilePlace, FileRole, place_of, reserved_message

PLACES = {
    "a.yaml": FilePlace(FileRole.JOB),
    "a/b/c.yml": FilePlace(FileRole.JOB, "a/b"),
    "a_b/c_d.yaml": FilePlace(FileRole.JOB, "a_b"),
    "_defaults.yaml": FilePlace(FileRole.DEFAULTS),
    "a/b/_defaults.yaml": FilePlace(FileRole.DEFAULTS, "a/b"),
    "_environments/staging.yaml": FilePlace(FileRole.ENVIRONMENT, "", "staging"),
    "_policies/pay-rules.yaml": FilePlace(FileRole.POLICY, "", "pay-rules"),
    "_calendars/fr.yaml": FilePlace(FileRole.CALENDAR, "", "fr"),
}
RESERVED = {
    "_old/x.yaml": "rename it, or let .chronosignore exclude it",
    "_default.yaml": 'did you mean "_defaults.yaml"?',
    "_defaults.yml": 'did you mean "_defaults.yaml"?',
    "_environment/staging.yaml": 'did you mean "_environments"?',
    "_environments/staging.yml": "rename it to staging.yaml",
    "_environments/Staging.yaml": "write letters, digits and hyphens, at most 63 characters",
    f"_environments/{'x' * 64}.yaml": "write letters, digits and hyphens, at most 63 characters",
    "_environments/a/staging.yaml": "files stand directly in _environments/",
    "a/_environments/staging.yaml": "_environments/ stands at the top of the jobs folder only",
    "a/_old/_defaults.yaml": "rename it, or let .chronosignore exclude it",
    "a/_x.yaml": "rename it, or let .chronosignore exclude it",
}


@pytest.mark.parametrize("path", PLACES)
def test_known_names(path: str) -> None:
    assert place_of(path) == PLACES[path]


@pytest.mark.parametrize("path", RESERVED)
def test_reserved_names_say_what_was_meant(path: str) -> None:
    assert place_of(path).role is FileRole.RESERVED
    message, hint = reserved_message(path)
    assert message
    assert hint == RESERVED[path]
