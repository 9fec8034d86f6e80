"""Private hosts that the operator names get no note: in the report of ``validate``, on the page and in the API."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, job_yaml, settings_of

from chronos_gitops.app import build
from chronos_gitops.config.load import load
from chronos_gitops.config.model import SettingsError
from chronos_gitops.jobs.origins.private_hosts import PrivateHosts

HOSTS = ("10.0.0.7", "api.team.svc.cluster.local", "backup")


@pytest.mark.parametrize(
    ("texts", "left"),
    [
        ([], HOSTS),
        (["*.svc.cluster.local"], ("10.0.0.7", "backup")),
        (["*.SVC.cluster.local. backup,10.0.0.7"], ()),
        (["cluster.local"], HOSTS),
    ],
)
def test_page_sync_and_validate_leave_out_the_notes_about_these_hosts(
    tmp_path: Path, texts: list[str], left: tuple[str, ...]
) -> None:
    for client in following(tmp_path, PrivateHosts.parse(texts).hosts):
        sync = client.get("/api/v1/sync").get_json()
        assert [one["message"] for one in sync["problems"]] == [f"the host {host} is private" for host in left]
        assert sync["problems_total"] == len(left)
        page = client.get("/changes", headers={"Accept": "text/html"}).get_data(as_text=True)
        assert [host for host in HOSTS if f"the host {host} is private" in page] == list(left)
        metrics = client.get("/metrics").get_data(as_text=True)
        assert f"chronos_sync_problems {len(left)}.0" in metrics
        for host in HOSTS:
            said = client.post("/api/v1/validate", data=job_yaml("job-0", f"http://{host}/", timeout="30s")).get_json()[
                "problems"
            ]
            assert [one["rule"] for one in said] == ["private-host"] * (host in left)


def following(folder: Path, hosts: tuple[str, ...]) -> Iterator[FlaskClient]:
    checkout = Checkout(folder / "repo")
    for number, host in enumerate(HOSTS):
        checkout.write(f"job-{number}", job_yaml(f"job-{number}", f"http://{host}/", timeout="30s"))
    checkout.commit("Call private hosts")
    given = settings_of(checkout, folder / "data")
    with build(dataclasses.replace(given, egress=dataclasses.replace(given.egress, private_hosts=hosts))) as service:
        yield app_of(service).test_client()


def test_the_setting_comes_from_a_file_or_the_environment_and_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "chronos.toml"
    file.write_text('[egress]\nprivate_hosts = ["*.Example.internal", "db"]\n')
    assert load({}, {}, file).egress.private_hosts == ("*.example.internal", "db")
    assert load({}, {"CHRONOS_PRIVATE_HOSTS": "db, 10.0.0.7"}, None).egress.private_hosts == ("db", "10.0.0.7")
    with pytest.raises(SettingsError, match=r'"\*\.\*\.internal" is no host; write a host, or a suffix like'):
        load({}, {"CHRONOS_PRIVATE_HOSTS": "*.*.internal"}, None)
