"""Spans of a real runner, received as OTLP over HTTP and decoded by OpenTelemetry's own messages."""

import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository
from harness.serving import serving
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from chronos_gitops.config.groups import OpenTelemetry
from chronos_gitops.errors import UsageError
from chronos_gitops.observability import spans as spans_module
from chronos_gitops.observability.spans import NoSpans

pytestmark = pytest.mark.timeout(200)
ERROR = 2
JOB = """\
name: failing-report
schedule: "@yearly"
enabled: true
webhook: {{url: "{url}/fails", method: POST}}
retry_policy: {{max_attempts: 2, initial_interval: 100ms}}
"""


class Server(ThreadingHTTPServer):
    """The collector and the target of the jobs."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.exports: list[ExportTraceServiceRequest] = []
        self.traceparents: list[str] = []
        self.authorizations: set[str | None] = set()

    def spans(self) -> list[Any]:
        scopes = [scope for one in self.exports for part in one.resource_spans for scope in part.scope_spans]
        return [span for scope in scopes for span in scope.spans]


class _Answer(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        if self.path == "/v1/traces":
            self.server.authorizations.add(self.headers["authorization"])
            self.server.exports.append(ExportTraceServiceRequest.FromString(body))
        else:
            self.server.traceparents.append(self.headers["traceparent"])
        self.send_response(500 if self.path == "/fails" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server()) as found:
        yield found


@pytest.fixture
def repository(tmp_path: Path, server: Server) -> Repository:
    found = Repository.init(tmp_path / "repository")
    found.write("jobs/failing-report.yaml", JOB.format(url=server.url))
    found.commit()
    return found


def attributes(span: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def trigger(runner: Runner) -> Any:
    started = runner.client.post("/jobs/failing-report/trigger")
    assert started.status_code == 202, started.text
    return runner.until(f"/executions/{started.json()['id']}", lambda found: found["status"] == "failed", timeout=60)


def test_an_execution_is_a_trace_with_the_ids_that_the_target_got(
    server: Server, repository: Repository, tmp_path: Path
) -> None:
    remote = repository.bare(tmp_path / "remote.git")
    environ = {
        "CHRONOS_OTEL_ENDPOINT": server.url,
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20of-the-collector",
    }
    with Runner(f"file://{remote.root}", data=tmp_path / "data", environ=environ) as runner:
        execution = trigger(runner)
    # The runner has ended: what waited was sent.
    assert server.authorizations == {"Bearer of-the-collector"}
    assert len(server.traceparents) == 2
    (whole,) = [span for span in server.spans() if span.name == "execute failing-report"]
    attempts = sorted(
        (span for span in server.spans() if span.name == "POST"), key=lambda span: span.start_time_unix_nano
    )
    sent = [f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01" for span in attempts]
    assert sent == server.traceparents
    assert {span.trace_id for span in attempts} == {whole.trace_id}
    assert {span.parent_span_id for span in attempts} == {whole.span_id}
    assert whole.parent_span_id == b""
    assert whole.start_time_unix_nano <= attempts[0].start_time_unix_nano + 10**9
    assert attempts[0].end_time_unix_nano <= attempts[1].start_time_unix_nano + 10**6
    assert (whole.status.code, whole.status.message) == (ERROR, "status")
    found = attributes(whole)
    assert (found["chronos.execution.id"], found["chronos.attempts"]) == (execution["id"], 2)
    assert found["vcs.ref.head.revision"] == execution["commit"]
    assert [attributes(span)["http.response.status_code"] for span in attempts] == [500, 500]
    assert [attributes(span).get("http.request.resend_count") for span in attempts] == [None, 1]
    names = {span.name for span in server.spans()}
    assert {"git fetch", "reload"} <= names
    (resource,) = {one.resource_spans[0].resource.SerializeToString() for one in server.exports}
    assert b"chronos-gitops" in resource


def test_executions_do_not_wait_for_a_collector_that_is_away(repository: Repository, tmp_path: Path) -> None:
    with Runner(
        str(repository.root), data=tmp_path / "data", environ={"CHRONOS_OTEL_ENDPOINT": "http://127.0.0.1:9"}
    ) as runner:
        assert trigger(runner)["attempts"][-1]["status_code"] == 500


def test_without_an_endpoint_nothing_is_loaded() -> None:
    assert isinstance(spans_module.of(OpenTelemetry()), NoSpans)


def test_an_endpoint_without_the_extra_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "chronos_gitops.observability.otlp_spans", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(UsageError, match="which is not installed") as raised:
        spans_module.of(OpenTelemetry(endpoint="http://localhost:4318"))
    assert raised.value.hint == "pip install 'chronos-gitops[otel]'"
