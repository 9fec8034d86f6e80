"""CronJobs that do more than one request from one place: refused, or named as not carried over."""

import pytest
from cli.importers.test_sources import CRON_JOB, done, jobs, refused

from chronos_gitops.cli.importers import kubernetes


@pytest.mark.parametrize("field", ["completions", "parallelism"])
def test_a_cron_job_of_several_pods_is_refused(field: str) -> None:
    several = CRON_JOB.replace("      backoffLimit: 2\n", f"      backoffLimit: 2\n      {field}: 3\n")
    assert [reason for _, reason in refused(done(kubernetes.read, several))] == [
        "its completions or parallelism start several pods, and each would send the request"
    ]
    assert jobs(done(kubernetes.read, several.replace(f"{field}: 3", f"{field}: 1")))


def test_a_name_of_the_cluster_is_said_to_be_looked_up_in_a_namespace() -> None:
    short = CRON_JOB.replace("https://api.example.com", "http://billing:8080")
    said = "the host billing is looked up in the namespace of the CronJob: write billing.NAMESPACE"
    assert said in done(kubernetes.read, short).drafts[0].lost
    assert said not in done(kubernetes.read, CRON_JOB).drafts[0].lost
