"""docs/reference/api-versions.md describes the present API."""

from harness.openapi_check import SPECIFICATION
from harness.reference import ROOT

from chronos_gitops.server.api.budgets import Limits, Rate

PAGE = (ROOT / "docs/reference/api-versions.md").read_text()


def test_nothing_is_deprecated_while_the_page_says_so() -> None:
    operations = [one for methods in SPECIFICATION["paths"].values() for one in methods.values()]
    parameters = [parameter for one in operations for parameter in one["parameters"]]
    is_any = any(one.get("deprecated") for one in (*operations, *parameters))
    assert is_any != ("Nothing of `/api/v1` is deprecated today" in PAGE)


def test_the_path_names_the_version() -> None:
    own = [path for path in SPECIFICATION["paths"] if path.startswith("/api/")]
    assert own
    assert all(path.startswith("/api/v1/") for path in own)


def test_the_rate_of_the_example_is_the_default() -> None:
    most, window = Rate(Limits().rate, Limits().burst).policy
    assert f'RateLimit-Policy: "calls";q={most};w={window}`' in PAGE
