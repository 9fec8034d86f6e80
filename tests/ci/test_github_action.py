"""The action of GitHub: judged by the published schema and zizmor; bash runs its steps, GitHub's gh its comment."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from ci.composite_action import ActionRun, run_action
from ci.conftest import JOB, ROOT, git
from harness.programs.tools import tool
from harness.serving import serving
from test_ci_files import check, lint, ran

from chronos_gitops.cli.main import main
from chronos_gitops.plans.markdown import MARKER

ACTION = ROOT / "action.yml"
pytestmark = pytest.mark.timeout(300)


class Forge(ThreadingHTTPServer):
    """The comments of GitHub's API, asked as a proxy: gh knows no other way to a server without TLS."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Comments)
        self.comments: list[dict[str, Any]] = [{"id": 1, "body": "Looks good"}]
        self.calls: list[str] = []
        self.environ = {"GH_HOST": "github.localhost", "HTTP_PROXY": f"http://127.0.0.1:{self.server_port}"}


class _Comments(BaseHTTPRequestHandler):
    server: Forge

    def do_GET(self) -> None:
        self._answer(self.server.comments)

    def do_POST(self) -> None:
        self.server.comments.append({"id": len(self.server.comments) + 1, **self._body()})
        self._answer(self.server.comments[-1])

    def do_PATCH(self) -> None:
        found = next(one for one in self.server.comments if self.path.endswith(f"/comments/{one['id']}"))
        found |= self._body()
        self._answer(found)

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["content-length"])))

    def _answer(self, document: object) -> None:
        assert self.headers["authorization"] == "token of-the-run"
        self.server.calls.append(
            f"{self.command} {self.path.partition('?')[0].removeprefix('http://api.github.localhost')}"
        )
        content = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def forge() -> Iterator[Forge]:
    with serving(Forge()) as found:
        yield found


@pytest.fixture(scope="module")
def temp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the runner: the first run of the action installs there."""
    return tmp_path_factory.mktemp("runner")


@pytest.fixture
def act(repository: Path, temp: Path, offline_pip: dict[str, str], forge: Forge) -> Any:
    tool("gh")
    head = {"repo": {"full_name": "acme/jobs"}}
    pull_request = {"number": 7, "base": {"sha": git(repository, "rev-parse", "main")}, "head": head}
    github = {"event_name": "pull_request", "repository": "acme/jobs", "token": "of-the-run", "action_ref": "v0"}

    def run(fork: bool = False, **inputs: str) -> ActionRun:
        event = {
            "pull_request": {**pull_request, "head": {"repo": {"full_name": "guest/jobs"}}} if fork else pull_request
        }
        return run_action(ACTION, repository, temp, inputs, {**github, "event": event}, offline_pip | forge.environ)

    return run


def test_the_action_has_no_finding(tmp_path: Path) -> None:
    check("vendor.github-actions", ACTION, tmp_path)
    words = ("--offline", "--no-progress", "--config", ROOT / ".github/zizmor.yml", ACTION, ROOT / ".github/workflows")
    found = ran(tool("zizmor"), *words, folder=tmp_path)
    assert found.returncode == 0, found.stdout + found.stderr


def test_zizmor_finds_an_input_in_a_script(tmp_path: Path) -> None:
    wrong = tmp_path / "action.yml"
    wrong.write_text(ACTION.read_text().replace('validate "$JOBS"', "validate ${{ inputs.jobs }}"))
    found = ran(tool("zizmor"), "--offline", "--no-progress", wrong, folder=tmp_path)
    assert "template-injection" in found.stdout


def test_the_workflow_of_the_guide_has_no_finding(tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/check-in-ci.md").read_text()
    workflow = tmp_path / "chronos.yml"
    workflow.write_text(page.partition("```yaml\n")[2].partition("```")[0])
    check("vendor.github-workflows", workflow, tmp_path)
    assert lint(workflow, tmp_path) == []
    given = [step["with"] for job in yaml.safe_load(workflow.read_text())["jobs"].values() for step in job["steps"][1:]]
    assert given
    assert {name for one in given for name in one} <= yaml.safe_load(ACTION.read_text())["inputs"].keys()


def test_a_pull_request_gets_one_comment_that_is_kept_up_to_date(act: Any, forge: Forge, repository: Path) -> None:
    first = act()
    assert first.failed == [], first.log
    assert [one["body"].startswith(MARKER) for one in forge.comments] == [False, True]
    assert "1 to change" in first.summary
    assert Path(first.outputs["plan-file"]).read_text() == forge.comments[1]["body"]
    (repository / "jobs/weekly-report.yaml").write_text(JOB.replace("nightly", "weekly"))
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "Add another")
    assert act().failed == []
    assert len(forge.comments) == 2
    assert "1 to add, 1 to change" in forge.comments[1]["body"]
    asked = "GET /repos/acme/jobs/issues/7/comments"
    posted = "POST /repos/acme/jobs/issues/7/comments"
    assert forge.calls == [asked, posted, asked, "PATCH /repos/acme/jobs/issues/comments/2"]


def test_an_invalid_job_fails_the_check_and_is_uploaded_and_commented(act: Any, repository: Path, forge: Forge) -> None:
    (repository / "jobs/nightly-report.yaml").write_text(JOB.replace("@daily", "0 25 * * *"))
    git(repository, "commit", "--quiet", "--all", "--message", "Break it")
    found = act(sarif="true")
    assert found.failed == ["Validate"], found.log
    assert "::error title=chronos-gitops (schedule),file=jobs/nightly-report.yaml,line=2" in found.log
    (given,) = [given for action, given in found.used.items() if action.startswith("github/codeql-action/upload-sarif")]
    (run,) = json.loads(Path(given["sarif_file"]).read_text())["runs"]
    assert [result["ruleId"] for result in run["results"]] == ["schedule"]
    assert forge.comments[1]["body"].startswith(MARKER)


def test_what_was_not_asked_for_is_not_done(act: Any, forge: Forge) -> None:
    quiet = act(comment="false")
    assert (quiet.failed, forge.calls) == ([], [])
    assert "1 to change" in quiet.summary
    assert not any("sarif" in action for action in quiet.used)
    of_a_fork = act(fork=True)
    assert (of_a_fork.failed, forge.calls) == ([], [])
    assert act(plan="false").outputs.keys() == {"sarif-file"}


def test_warnings_fail_a_strict_check(act: Any, repository: Path) -> None:
    (repository / "jobs/other.yaml").write_text(JOB.replace("nightly", "weekly"))
    git(repository, "add", "--all")
    assert act(comment="false").failed == []
    assert act(comment="false", strict="true").failed == ["Validate"]


def test_init_and_the_action_comment_by_the_same_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    workflow = yaml.safe_load((tmp_path / ".github/workflows/chronos.yml").read_text())
    steps = workflow["jobs"]["plan"]["steps"], yaml.safe_load(ACTION.read_text())["runs"]["steps"]
    written, used = (next(step["run"] for step in one if "comment" in step.get("name", "")) for one in steps)
    assert written.replace("body=@plan.md", 'body=@"$PLAN"') == used
