"""Jobs that edited layers make others than at HEAD, found with and without what earlier looks remember."""

from collections.abc import Mapping

from harness.repositories.text_tree import Texts
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.jobs.layers.tree import Layers
from chronos_gitops.jobs.validation.layers.layer_files import read_layers
from chronos_gitops.jobs.validation.validate import validate_tree
from chronos_gitops.sync.drafts import JobsOfChangedLayers

VALUES: Mapping[str, tuple[str | None, ...]] = {
    "_defaults.yaml": (
        "enabled: true\n",
        "enabled: true\n# A comment.\n",
        "enabled: true\ntimeout: 9s\nvariables: {a: b}\n",
        "enabled: true\ntimeout: 9s\nvariables: {host: c.test}\n",
        None,
    ),
    "a/_defaults.yaml": (None, "jitter: 1s\n", "timeout: null\n"),
    "_environments/staging.yaml": ("", "variables: {host: s.test}\n"),
    "a/one.yaml": (
        "name: one-job\nschedule: '@hourly'\nenabled: true\nvariables: {host: o.test}\nwebhook: {url: 'https://${var:host}'}\n",
        "name: one-job\nschedule: '@daily'\nwebhook: {url: 'https://b.test'}\n",
    ),
    "two.yaml": ("name: two-jobs\nschedule: '@daily'\nenabled: true\nwebhook: {url: 'https://b.test'}\n",),
}
CHOSEN = st.fixed_dictionaries({path: st.integers(0, len(texts) - 1) for path, texts in VALUES.items()})


def tree(chosen: Mapping[str, int]) -> Texts:
    texts = {path: VALUES[path][at] for path, at in chosen.items()}
    return Texts({path: text for path, text in texts.items() if text is not None})


def found(finder: JobsOfChangedLayers, files: Texts, head: Layers) -> Mapping[str, tuple[str, ...]]:
    return finder.find(validate_tree(files, environment="staging"), head, files, "staging")


@settings(max_examples=150, deadline=None)
@given(looks=st.lists(st.tuples(CHOSEN, st.booleans()), min_size=1, max_size=6))
def test_what_is_remembered_changes_no_answer(looks: list[tuple[dict[str, int], bool]]) -> None:
    """Saves, some of which are committed."""
    finder, head = JobsOfChangedLayers(), read_layers(tree(dict.fromkeys(VALUES, 0)))
    for chosen, is_committed in looks:
        files = tree(chosen)
        head = read_layers(files) if is_committed else head
        assert found(finder, files, head) == found(JobsOfChangedLayers(), files, head)


def test_saved_layer_is_compared_without_reading_a_job_file() -> None:
    at_head = dict.fromkeys(VALUES, 0)
    finder, head = JobsOfChangedLayers(), read_layers(tree(at_head))
    assert found(finder, tree(at_head), head) == {}
    for at, jobs in ((2, ["jobs/a/one.yaml", "jobs/two.yaml"]), (1, [])):
        files = tree(at_head | {"_defaults.yaml": at})
        loaded = validate_tree(files, environment="staging")
        files.reads = 0
        assert sorted(finder.find(loaded, head, files, "staging")) == jobs
        assert files.reads == 0
