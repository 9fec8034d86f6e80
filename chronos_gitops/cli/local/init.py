"""``init``: a first job, its schema for editors, and the checks that go with it; never overwrites."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from chronos_gitops import __version__
from chronos_gitops.jobs.resources import shipped

_JOB = """\
# yaml-language-server: $schema={schema}
name: hello-world
description: Says hello, every five minutes, once you enable it.
schedule: "*/5 * * * *"
timezone: UTC
enabled: false

webhook:
  url: https://example.com/hello
  method: POST
  headers:
    Content-Type: application/json
  body: |
    {{"from": "{{{{.JobName}}}}", "at": "{{{{.ScheduledTime}}}}"}}

timeout: 30s
retry_policy:
  max_attempts: 3

tags:
  team: everybody
"""

_PRE_COMMIT = """\
repos:
  - repo: local
    hooks:
      - id: chronos-validate
        name: validate chronos jobs
        entry: chronos-gitops validate {jobs}
        language: python
        additional_dependencies: ["chronos-gitops=={version}"]
        files: ^{jobs}/.*\\.ya?ml$
        pass_filenames: false
"""

_GITHUB = """\
name: chronos jobs
on:
  pull_request:
    paths: ["{jobs}/**"]
  push:
    branches: [main]
    paths: ["{jobs}/**"]
permissions:
  contents: read
jobs:
  validate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with:
          persist-credentials: false
      - uses: actions/setup-python@v5
        with:
          python-version: "3.13"
      - run: pip install chronos-gitops=={version}
      - run: chronos-gitops validate {jobs} --format github
  plan:
    if: github.event_name == 'pull_request'
    runs-on: ubuntu-latest
    permissions:
      contents: read
      pull-requests: write # for the comment
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0 # the plan compares with the branch it goes to
          persist-credentials: false
      - uses: actions/setup-python@v5
        with:
          python-version: "3.13"
      - run: pip install chronos-gitops=={version}
      - name: What this change means
        env:
          BASE: ${{{{ github.event.pull_request.base.sha }}}}
        run: |
          chronos-gitops plan "$BASE" HEAD --jobs {jobs} --format markdown > plan.md
          cat plan.md >> "$GITHUB_STEP_SUMMARY"
      - name: One comment, kept up to date
        # A pull request from a fork has no right to comment; its plan stands in the summary of this run.
        if: github.event.pull_request.head.repo.full_name == github.repository
        env:
          GH_TOKEN: ${{{{ github.token }}}}
          COMMENTS: repos/${{{{ github.repository }}}}/issues/${{{{ github.event.pull_request.number }}}}/comments
          EDIT: repos/${{{{ github.repository }}}}/issues/comments
        run: |
          id=$(gh api --paginate "$COMMENTS" --jq '.[] | select(.body | startswith("{marker}")) | .id' | head -n 1)
          if [ -n "$id" ]
          then gh api --method PATCH "$EDIT/$id" --field body=@plan.md
          else gh api --method POST "$COMMENTS" --field body=@plan.md
          fi
"""

_GITLAB = """\
# In .gitlab-ci.yml:
#   include:
#     - local: .gitlab/chronos.gitlab-ci.yml
chronos-validate:
  image: python:3.13-slim
  rules:
    - changes: ["{jobs}/**/*"]
  before_script:
    - pip install chronos-gitops=={version}
  script:
    - chronos-gitops validate {jobs} --format concise --output gitlab=chronos.codequality.json
  artifacts:
    when: always
    reports:
      codequality: chronos.codequality.json
"""

_VSCODE = """\
{{
  "yaml.schemas": {{
    "./schemas/job.schema.json": ["{jobs}/**/*.yaml", "{jobs}/**/*.yml"]
  }}
}}
"""

_VSCODE_EXTENSIONS = """\
{{
  "recommendations": ["redhat.vscode-yaml"]
}}
"""


@click.command("init")
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option("--jobs", default="jobs", show_default=True, metavar="NAME", help="The jobs folder inside FOLDER.")
def command(folder: Path, jobs: str) -> None:
    """Write a first job into FOLDER (the current one), its JSON schema for editors, and checks for pre-commit,
    GitHub (with the plan as a comment of the pull request) and GitLab. What is there already stays as it is."""
    if not jobs.replace("-", "").replace("_", "").isalnum():
        raise click.BadParameter(f'"{jobs}" is not the name of a folder', param_hint="--jobs")
    for name, content in _files(jobs).items():
        click.echo(f"{'wrote' if _write_new(folder / name, content) else 'kept '}  {folder / name}")
    click.echo("\n".join(["Next:", *(f"  {line}" for line in _next(folder, jobs))]))


def _next(folder: Path, jobs: str) -> Iterator[str]:
    option = "" if jobs == "jobs" else f" --jobs {jobs}"
    if folder != Path():
        yield f"cd {shlex.quote(str(folder))}"
    if not any((place / ".git").exists() for place in (folder.resolve(), *folder.resolve().parents)):
        yield "git init"
    yield f"chronos-gitops validate {jobs}"
    yield f"chronos-gitops next hello-world{option}"
    yield f"in CODEOWNERS, so that the right people review a job:  /{jobs}/  @your-org/your-team"
    yield 'git add . && git commit -m "Add the first job"'
    yield f"chronos-gitops run .{option}"


def _files(jobs: str) -> dict[str, str]:
    from chronos_gitops.cli.reports.plans.markdown import MARKER

    values = {"jobs": jobs, "version": __version__, "schema": "../schemas/job.schema.json", "marker": MARKER}
    return {
        f"{jobs}/hello-world.yaml": _JOB.format(**values),
        "schemas/job.schema.json": shipped("job.schema.json").read_text("utf-8"),
        ".pre-commit-config.yaml": _PRE_COMMIT.format(**values),
        ".github/workflows/chronos.yml": _GITHUB.format(**values),
        ".gitlab/chronos.gitlab-ci.yml": _GITLAB.format(**values),
        ".vscode/settings.json": _VSCODE.format(**values),
        ".vscode/extensions.json": _VSCODE_EXTENSIONS.format(**values),
    }


def _write_new(path: Path, content: str) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:  # x: also a file that appears meanwhile is not overwritten
            file.write(content)
    except FileExistsError:
        return False
    return True
