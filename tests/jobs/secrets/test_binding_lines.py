"""Lines to paste are TOML whatever authors call their folders, and bind each secret to the folders that use it."""

import tomllib

import pytest

from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.jobs.secrets.binding_lines import binding_lines
from chronos_gitops.jobs.secrets.bindings import Bindings
from chronos_gitops.jobs.validation.validate import validate_file

JOB = """name: charge
schedule: "0 2 1 1 *"
enabled: true
webhook: {url: "https://api.pay.example.com/x", headers: {X-Key: "${secret:pay-key}"}}
"""


def lines_of(path: str, jobs_folder: str = "jobs", text: str = JOB) -> dict[str, dict[str, list[str]]]:
    job = validate_file(path, text.encode()).job
    assert job is not None
    lines = binding_lines(JobSet.of(None, [JobVersion(job, path, "1")]), Bindings(), jobs_folder)
    found: dict[str, dict[str, list[str]]] = tomllib.loads("\n".join(lines))["secrets"]["bind"]
    return found


@pytest.mark.parametrize(
    ("path", "jobs_folder", "folders"),
    [
        ("jobs/billing/eu/charge.yaml", "jobs", ["jobs/billing"]),
        ("jobs/charge.yaml", "jobs", ["jobs"]),
        ("ops/jobs/billing/eu/charge.yaml", "ops/jobs", ["ops/jobs/billing"]),
        ("billing/eu/charge.yaml", ".", ["billing"]),
        ("charge.yaml", ".", None),
    ],
)
def test_a_secret_is_bound_to_the_first_level_below_the_jobs_folder(
    path: str, jobs_folder: str, folders: list[str] | None
) -> None:
    assert lines_of(path, jobs_folder)["pay-key"].get("folders") == folders


@pytest.mark.parametrize(
    "name", ['a"], origins = [], x = ["', "back\\slash", "line\nbreak", "\u202eright to left", "é"]
)
def test_a_folder_of_any_name_stays_one_folder(name: str) -> None:
    bound = lines_of(f"jobs/{name}/charge.yaml")["pay-key"]
    assert bound == {"folders": [f"jobs/{name}"], "origins": ["https://api.pay.example.com"]}


def test_secrets_of_a_token_request_are_bound_to_both_origins_and_others_to_the_target() -> None:
    auth = 'auth: {type: oauth2, token_url: "https://login.example.com/t", client_id: c, client_secret: "${secret:id}"}'
    found = lines_of("jobs/a/charge.yaml", text=JOB.replace("}}", f"}}, {auth}}}"))
    assert found["id"]["origins"] == ["https://api.pay.example.com", "https://login.example.com"]
    assert found["pay-key"]["origins"] == ["https://api.pay.example.com"]
