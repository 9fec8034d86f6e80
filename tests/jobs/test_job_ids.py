"""Equal identities have equal keys, and the key of a job without layers is its blob id, as in every ETag before."""

from hypothesis import given
from hypothesis import strategies as st

from chronos_gitops.jobs.job_ids import DefinitionId

IDENTITIES = st.builds(
    DefinitionId,
    st.sampled_from(("a" * 40, "b" * 40)),
    st.sampled_from(("", "c", "d")),
    st.sampled_from((None, "c", "d")),
)


@given(IDENTITIES, IDENTITIES)
def test_keys_are_equal_exactly_where_identities_are(one: DefinitionId, other: DefinitionId) -> None:
    assert (one.key == other.key) == (one == other)


def test_key_of_a_job_without_layers_is_its_blob_id() -> None:
    assert DefinitionId("a" * 40).key == "a" * 40
