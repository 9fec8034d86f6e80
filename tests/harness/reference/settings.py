"""Every setting with its flag, variable, default and meaning, from its declaration."""

from harness.reference.markdown import code, head, table

from chronos_gitops.config.settings import TABLE, Setting


def page() -> str:
    words = (
        "Flags of `run` win over `CHRONOS_*` variables, which win over `chronos.toml`. That file is the operator's: it "
        "is read where `--config` or `CHRONOS_CONFIG` points, and never out of the jobs repository. A dot in a key is "
        "a table of TOML: `egress.level` is `level` in `[egress]`. Relative paths in the file are relative to it."
    )
    rows = ((code(row.key), code(_flag(row)), code(row.variable), _default(row), row.text) for row in TABLE)
    return (
        "\n\n".join(
            [
                head("Settings of a runner", "config/settings.py", words),
                table(("chronos.toml", "flag", "variable", "default", "meaning"), rows),
                "Values of secrets are no settings: `CHRONOS_SECRET_BACKUP_TOKEN` is what `${secret:backup-token}` "
                "stands for. The commands that ask a runner read `CHRONOS_SERVER` and `CHRONOS_TOKEN`.",
                "Runners may have names in `servers.toml` of the user's configuration folder "
                "(`~/.config/chronos-gitops`): `[production]` with `url`, and `token_file` if wanted, is "
                '`--server production`. With `default = "production"` commands ask it where nothing names a runner.',
            ]
        )
        + "\n"
    )


def _flag(row: Setting) -> str:
    if row.key == "repo":
        return "run REPO"
    return row.place if row.flag else ""


def _default(row: Setting) -> str:
    return row.words or ", ".join(map(code, row.defaults()))
