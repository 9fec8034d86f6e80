"""Where a commit is on the forge's own pages: by ``[forge]``, else by the repository's address."""

from typing import Any

import pytest

from chronos_gitops.config.forge import ForgeSettings
from chronos_gitops.forge.commit_links import commit_links

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"type": "github"}, "https://github.com/acme/jobs/commit/"),
        ({"type": "github", "url": "https://ghe.example.com/api/v3"}, "https://ghe.example.com/acme/jobs/commit/"),
        ({"type": "gitlab"}, "https://gitlab.com/acme/jobs/-/commit/"),
        ({"type": "gitlab", "url": "https://git.example.com/lab"}, "https://git.example.com/lab/acme/jobs/-/commit/"),
        ({"type": "gitea", "url": "https://git.example.com"}, "https://git.example.com/acme/jobs/commit/"),
    ],
)
def test_the_settings_name_the_forge(given: dict[str, Any], url: str) -> None:
    found = commit_links(ForgeSettings(repository="acme/jobs", **given), "/srv/jobs.git")
    assert found is not None
    assert found.prefix == url
    assert found.host == url.split("/")[2]


@pytest.mark.parametrize(
    ("repository", "url"),
    [
        ("https://github.com/acme/jobs.git", "https://github.com/acme/jobs/commit/"),
        ("https://robot:secret@GitHub.com/acme/jobs", "https://github.com/acme/jobs/commit/"),
        ("git@gitlab.com:acme/ops/jobs.git", "https://gitlab.com/acme/ops/jobs/-/commit/"),
        ("ssh://git@codeberg.org:22/acme/jobs/", "https://codeberg.org/acme/jobs/commit/"),
        ("bitbucket.org:acme/jobs", "https://bitbucket.org/acme/jobs/commits/"),
    ],
)
def test_hosted_forges_are_known_by_the_address(repository: str, url: str) -> None:
    found = commit_links(ForgeSettings(), repository)
    assert found is not None
    assert found.prefix == url


@pytest.mark.parametrize(
    "repository",
    [
        "/srv/github.com/acme/jobs",
        "github.com",
        "https://git.example.com/acme/jobs",
        "https://github.com.example.com/acme/jobs",
        "https://github.com/",
        "https://github.com/acme",
        'https://github.com/acme/"onclick=',
        "file:///srv/github.com/jobs",
    ],
)
def test_everything_else_has_no_link(repository: str) -> None:
    assert commit_links(ForgeSettings(), repository) is None
