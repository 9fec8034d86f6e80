"""A job whose own file stays gets a version only by another content in some environment."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.repositories.layered_histories import BROKEN, Edits, import_commits
from harness.repositories.repository import Repository, job_text

from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import discover
from chronos_gitops.git.incomplete_clone import PresentObjects
from chronos_gitops.versions.history import History, Index
from chronos_gitops.versions.layer_history import LayerEdit
from chronos_gitops.versions.version import counting

ONE = "jobs/a/one.yaml"
TOP, NEAR = "jobs/_defaults.yaml", "jobs/a/_defaults.yaml"
PRODUCTION, STAGING = "jobs/_environments/production.yaml", "jobs/_environments/staging.yaml"
BOTH: Edits = {PRODUCTION: "# live\n", STAGING: "enabled: false\n"}
IN_BOTH, IN_STAGING = ("production", "staging"), ("staging",)
Told = list[tuple[str, tuple[str, ...] | None, bool | None]]


@pytest.fixture
def versions(tmp_path: Path) -> Iterator["Versions"]:
    found = Versions(tmp_path / "checkout")
    yield found
    found.git.close()


class Versions:
    def __init__(self, root: Path) -> None:
        self.repository = Repository.init(root)
        self.git = Git(discover(root))

    def index(self, *commits: Edits) -> Index:
        chain = import_commits(self.repository, [{ONE: job_text("one")}, *commits])
        return History(PresentObjects(self.git), "jobs").index(chain[-1])

    def told(self, *commits: Edits) -> Told:
        """Change, environments and effect of each version after the first commit, which makes the job."""
        found = self.index(*commits).versions("one")
        return [(one.change.value, one.reach.environments, one.reach.effective) for one in found[1:]]


CASES: dict[str, tuple[list[Edits], Told]] = {
    "a default": ([{TOP: "timeout: 1s\n"}], [("inherited", None, True)]),
    "a default of another folder": ([{"jobs/b/_defaults.yaml": "timeout: 1s\n"}], []),
    "a comment in a layer": (
        [{TOP: "timeout: 1s\n"}, {TOP: "# why\ntimeout: 1s\n"}],
        [("inherited", None, True)],
    ),
    "a value that the job overrides": ([{TOP: "enabled: false\nschedule: '@hourly'\n"}], []),
    "a value that a nearer layer overrides": (
        [{NEAR: "timeout: 1s\n"}, {TOP: "timeout: 2s\n"}],
        [("inherited", None, True)],
    ),
    "a variable that the job does not use": ([{TOP: "variables: {api: x}\n"}], []),
    "a policy and a calendar": (
        [{"jobs/_policies/p.yaml": "rules: []\n", "jobs/_calendars/c.yaml": "dates: []\n"}],
        [],
    ),
    "the first environments, one with another content": ([BOTH], [("inherited", IN_STAGING, True)]),
    "one more environment": ([{PRODUCTION: ""}, {STAGING: "enabled: false\n"}], []),
    "an environment that goes": ([BOTH, {STAGING: None}], [("inherited", IN_STAGING, True)]),
    "the last environments go": (
        [BOTH, dict.fromkeys(BOTH)],
        [("inherited", IN_STAGING, True), ("inherited", None, True)],
    ),
    "an edit of one environment": (
        [BOTH, {STAGING: "enabled: false\ntimeout: 1s\n"}],
        [("inherited", IN_STAGING, True), ("inherited", IN_STAGING, True)],
    ),
    "an edit that one environment overrides": (
        [{PRODUCTION: "", STAGING: "timeout: 9s\n", TOP: "timeout: 9s\n"}, {TOP: "timeout: 1s\n"}],
        [("inherited", IN_BOTH, True), ("inherited", ("production",), True)],
    ),
    "a broken layer, and its return": (
        [{TOP: "timeout: 1s\n"}, {TOP: BROKEN}, {TOP: "timeout: 1s\n"}],
        [("inherited", None, True)],
    ),
    "a broken layer that is mended differently": (
        [{TOP: "timeout: 1s\n"}, {TOP: BROKEN}, {TOP: "timeout: 2s\n"}],
        [("inherited", None, True), ("inherited", None, True)],
    ),
    "an own edit under a broken layer": (
        [{TOP: "timeout: 1s\n"}, {TOP: BROKEN}, {ONE: job_text("one", schedule="@hourly")}],
        [("inherited", None, True), ("changed", None, True)],
    ),
    "a broken layer that goes": (
        [{TOP: "timeout: 1s\n"}, {TOP: BROKEN}, {TOP: None}],
        [("inherited", None, True), ("inherited", None, True)],
    ),
    "a readable layer with a wrong value": ([{TOP: "timeout: soon\n"}], [("inherited", None, True)]),
    "a boolean where a number was": (
        [{TOP: "retry_policy: {max_attempts: 1}\n"}, {TOP: "retry_policy: {max_attempts: true}\n"}],
        [("inherited", None, True), ("inherited", None, True)],
    ),
    "a move into a folder with other defaults": (
        [
            {"jobs/b/_defaults.yaml": "timeout: 1s\n"} | BOTH,
            {ONE: None, "jobs/b/one.yaml": job_text("one")},
        ],
        [("inherited", IN_STAGING, True), ("moved", IN_BOTH, True)],
    ),
    "a move and an edit of a layer at once": (
        [BOTH, {ONE: None, "jobs/b/one.yaml": job_text("one"), STAGING: "# as live\n"}],
        [("inherited", IN_STAGING, True), ("moved", IN_STAGING, True)],
    ),
    "a comment in the job itself": (
        [BOTH, {ONE: job_text("one") + "# why\n"}],
        [("inherited", IN_STAGING, True), ("changed", (), False)],
    ),
    "a deletion and a return": (
        [BOTH, {ONE: None}, {ONE: job_text("one")}],
        [("inherited", IN_STAGING, True), ("deleted", IN_BOTH, True), ("created", IN_BOTH, True)],
    ),
    "a layer edit while the job cannot be read": (
        [{TOP: "timeout: 1s\n"}, {ONE: "name: [\n"}, {TOP: "timeout: 2s\n"}],
        [("inherited", None, True), ("changed", None, True)],
    ),
    "a layer that .chronosignore names": (
        [{"jobs/.chronosignore": "_*\na/_defaults.yaml\n"}, {NEAR: "timeout: 1s\n"}],
        [("inherited", None, True)],
    ),
    "a repository without layers": ([{ONE: job_text("one") + "# why\n"}], [("changed", None, None)]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_version_is_another_file_or_another_content(case: str, versions: Versions) -> None:
    commits, expected = CASES[case]
    assert versions.told(*commits) == expected


def test_a_link_in_place_of_a_layer_is_one_that_cannot_be_read(versions: Versions) -> None:
    versions.index({TOP: "timeout: 1s\n"})
    versions.repository.git("reset", "--quiet", "--hard", "main")
    top = versions.repository.root / TOP
    top.unlink()
    top.symlink_to("a/one.yaml")
    head = versions.repository.commit("A link")
    found = History(PresentObjects(versions.git), "jobs").index(head).versions("one")
    assert [one.change for one in found] == ["created", "inherited"]


def test_a_version_knows_the_readable_layers_of_its_commit(versions: Versions) -> None:
    index = versions.index({TOP: "timeout: 1s\n"}, {TOP: BROKEN, NEAR: "jitter: 1s\n"}, {ONE: job_text("one") + "#\n"})
    first, second, third, fourth = index.versions("one")
    blob = versions.repository.git("rev-parse", f"{second.commit}:{TOP}")
    assert first.layers.blobs == {}
    assert second.layers.blobs == {TOP: blob}
    assert second.layers.edited == (TOP,)
    assert third.layers.edited == (NEAR,)
    assert fourth.layers.blobs == third.layers.blobs == {TOP: blob, NEAR: third.layers.blobs[NEAR]}
    assert fourth.layers.edited == ()
    assert LayerEdit(TOP, blob) in index.versions("one")[-1].layers._edits


def test_a_job_of_staging_runs_the_version_that_changed_it_there(versions: Versions) -> None:
    index = versions.index(BOTH, {STAGING: "timeout: 1s\n"}, {PRODUCTION: "timeout: 2s\n"})
    found = {name: index.versions("one").newest(name) for name in IN_BOTH}
    assert {name: one and one.number for name, one in found.items()} == {"production": 4, "staging": 3}
    assert [one.number for one in counting(index.versions("one"), "staging")] == [1, 2, 3]
    assert [one.number for one in counting(index.versions("one"), "production")] == [1, 4]


def test_the_files_of_a_version_are_its_own_and_the_layers_that_changed_it(versions: Versions) -> None:
    moved: Edits = {ONE: None, "jobs/b/one.yaml": job_text("one"), TOP: "timeout: 2s\n", "jobs/c/_defaults.yaml": "#\n"}
    commented: Edits = {"jobs/b/one.yaml": job_text("one") + "#\n", STAGING: "timeout: 3s\n"}
    index = versions.index(
        {TOP: "timeout: 1s\n"}, BOTH, {STAGING: "#\n", NEAR: "jitter: 1s\n"}, {NEAR: None}, moved, commented
    )
    assert [index.files(one) for one in index.versions("one")] == [
        (ONE,),
        (TOP,),
        (STAGING,),
        (STAGING, NEAR),
        (NEAR,),
        (ONE, "jobs/b/one.yaml", TOP),
        ("jobs/b/one.yaml", STAGING),
    ]
