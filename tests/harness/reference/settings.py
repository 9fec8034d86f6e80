"""Every setting with its flag, variable, default and meaning, from its declaration."""

from harness.reference.markdown import code, head, table

from chronos_gitops.config.settings import TABLE, Setting


def page() -> str:
    words = (
        "Flags of `run` take precedence over `CHRONOS_*` variables, and those over `chronos.toml`. The runner "
        "reads that "
        "file only where `--config` or `CHRONOS_CONFIG` points, never from the jobs repository. A dot in a key "
        "means a TOML table: `egress.level` is `level` in `[egress]`. Relative paths are relative to the file."
    )
    rows = ((code(row.key), code(_flag(row)), code(row.variable), _default(row), row.text) for row in TABLE)
    return (
        "\n\n".join(
            [
                head("Settings of a runner", "config/settings.py", words),
                table(("chronos.toml", "flag", "variable", "default", "meaning"), rows),
                "Values of secrets are not settings: the variable `CHRONOS_SECRET_BACKUP_TOKEN` has the value of "
                "`${secret:backup-token}`. Commands that call a runner read `CHRONOS_SERVER` and `CHRONOS_TOKEN`.",
                "`servers.toml` in the user's configuration folder (`~/.config/chronos-gitops`) gives names to "
                "runners: "
                "a table `[production]` with `url` and, optionally, `token_file` is used by `--server "
                "production`. With "
                '`default = "production"`, commands call that runner unless an option or variable names another one.',
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
