"""``init``: a first job, schemas for editors, and the checks that go with it; never overwrites."""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from chronos_gitops.cli.checkout.local_files import refuse_link
from chronos_gitops.cli.new_files import create
from chronos_gitops.cli.package_origin import PackageOrigin, package_origin
from chronos_gitops.jobs.layers.file_roles import is_environment_name

_JOB = """\
# yaml-language-server: $schema={schema}
name: hello-world
description: Says hello, every five minutes, once you enable it.
schedule: "*/5 * * * *"
timezone: UTC
enabled: false

webhook:
  url: {url}
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

_ENVIRONMENT = """\
# yaml-language-server: $schema=../../schemas/environment.schema.json
# Declares the environment {name}: chronos-gitops run --environment {name}
variables:
  api: https://{name}.example.com
"""

_CODEOWNERS = """\
# Uncomment these lines, with your own teams.
# /{jobs}/                @your-org/your-team
# /{jobs}/_environments/  @your-org/operators
# /{jobs}/_policies/      @your-org/operators
# /{jobs}/_calendars/     @your-org/operators
"""

_PRE_COMMIT = """\
repos:
  - repo: local
    hooks:
      - id: chronos-validate
        name: validate chronos jobs
        entry: chronos-gitops validate {jobs}
        language: python
        additional_dependencies: [{quoted}]
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
      - run: {install}
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
      - run: {install}
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
    - {install}
  script:
    - chronos-gitops validate {jobs} --format concise --output gitlab=chronos.codequality.json
  artifacts:
    when: always
    reports:
      codequality: chronos.codequality.json
"""

_CHECKS = {
    ".pre-commit-config.yaml": _PRE_COMMIT,
    ".github/workflows/chronos.yml": _GITHUB,
    ".gitlab/chronos.gitlab-ci.yml": _GITLAB,
}
"""Files that install this program."""

_VSCODE = """\
{{
  "yaml.schemas": {{
    "./schemas/job.schema.json": [
      "{jobs}/**/*.yaml", "{jobs}/**/*.yml", "!{jobs}/**/_defaults.yaml", "!{jobs}/_*/**"
    ],
    "./schemas/defaults.schema.json": ["{jobs}/**/_defaults.yaml"],
    "./schemas/environment.schema.json": ["{jobs}/_environments/*.yaml"],
    "./schemas/policy.schema.json": ["{jobs}/_policies/*.yaml"],
    "./schemas/calendar.schema.json": ["{jobs}/_calendars/*.yaml"]
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
@click.option(
    "--environment", "environments", metavar="NAME", multiple=True, help="Environment to declare; repeatable."
)
@click.option(
    "--install",
    metavar="SPEC",
    help="Package for the written checks: a requirement of pip, an address (git+https://...), or a wheel or folder. "
    "Default: this version, from the git or web address it was installed from, otherwise from a package index.",
)
def command(folder: Path, jobs: str, environments: tuple[str, ...], install: str | None) -> None:
    """Write a first job, JSON schemas for editors, and checks for pre-commit, GitHub (with the plan as a comment on
    the pull request) and GitLab into FOLDER (default: the current folder). Existing files are not changed.

    With --environment, also write a file that declares each environment, with a variable, and lines for CODEOWNERS.
    """
    if not jobs.replace("-", "").replace("_", "").isalnum():
        raise click.BadParameter(f'"{jobs}" is not the name of a folder', param_hint="--jobs")
    wrong = next((name for name in environments if not is_environment_name(name)), None)
    if wrong is not None:
        hint = "letters, digits and hyphens, at most 63 characters"
        raise click.BadParameter(f'"{wrong}" is not a name: {hint}', param_hint="--environment")
    refuse_link(folder / jobs)
    origin = package_origin() if install is None else PackageOrigin(_package(install))
    written = []
    for name, content in _files(jobs, environments, origin.requirement).items():
        if create(folder / name, content):
            written.append(name)
        click.echo(f"{'wrote' if name in written else 'kept '}  {folder / name}")
    click.echo("\n".join(["Next:", *(f"  {line}" for line in _next(folder, jobs, environments))]))
    checks = [name for name in written if name in _CHECKS]
    if origin.local and checks:
        click.echo(
            f"note: {', '.join(checks)} install {origin.requirement} from a package index, but this program comes from "
            f"{origin.local}. If your index does not have it, delete these files and run init with --install SPEC.",
            err=True,
        )


def _package(spec: str) -> str:
    """A wheel or a folder by its whole path: pre-commit and pip start elsewhere."""
    if not spec.strip() or spec.startswith("-") or not spec.isprintable():
        hint = "name a requirement such as chronos-gitops==1.0, an address such as git+https://..., or a wheel"
        raise click.BadParameter(f"{spec!r} cannot be installed; {hint}", param_hint="--install")
    path = Path(spec)
    return str(path.resolve()) if path.exists() else spec


def _next(folder: Path, jobs: str, environments: Sequence[str]) -> Iterator[str]:
    option = "" if jobs == "jobs" else f" --jobs {jobs}"
    if folder != Path():
        yield f"cd {shlex.quote(str(folder))}"
    if not any((place / ".git").exists() for place in (folder.resolve(), *folder.resolve().parents)):
        yield "git init"
    yield f"chronos-gitops validate {jobs}"
    where = f" --environment {environments[0]}" if environments else ""
    yield f"chronos-gitops next hello-world{option}{where}"
    yield f"in CODEOWNERS, so that the right people review a job:  /{jobs}/  @your-org/your-team"
    yield 'git add . && git commit -m "Add the first job"'
    yield f"chronos-gitops run .{option}{where}"


def _files(jobs: str, environments: Sequence[str], package: str) -> dict[str, str]:
    from chronos_gitops.jobs.schemas import schemas
    from chronos_gitops.plans.markdown import MARKER

    values = {"jobs": jobs, "schema": "../schemas/job.schema.json", "marker": MARKER}
    values |= {"quoted": json.dumps(package), "install": _yaml_of(f"pip install {shlex.quote(package)}")}
    url = "${var:api}/hello" if environments else "https://example.com/hello"
    declared = {f"{jobs}/_environments/{name}.yaml": _ENVIRONMENT.format(name=name) for name in environments}
    return {
        f"{jobs}/hello-world.yaml": _JOB.format(**values, url=url),
        **declared,
        **({".github/CODEOWNERS": _CODEOWNERS.format(**values)} if environments else {}),
        **{f"schemas/{kind}.schema.json": schemas.text(kind) for kind in schemas.KINDS},
        **{name: text.format(**values) for name, text in _CHECKS.items()},
        ".vscode/settings.json": _VSCODE.format(**values),
        ".vscode/extensions.json": _VSCODE_EXTENSIONS.format(**values),
    }


def _yaml_of(command: str) -> str:
    """A shell command as a value of YAML, plain where it may be."""
    return json.dumps(command) if re.search(r"['\"]|: | #", command) else command
