"""docs/how-to/monitor.md: its commands install a configuration that Prometheus and Alertmanager take."""

import re
from pathlib import Path

from docs.printed.page_commands import HOW_TO, printed_commands, ran

ROOT = Path(__file__).parents[3]


def test_commands_install_a_configuration_that_the_real_programs_take(tmp_path: Path) -> None:
    """/etc is a folder here; the request to a running Prometheus is that of the tests of alerts."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "deploy").symlink_to(ROOT / "deploy")
    for name in ("prometheus", "alertmanager"):
        (tmp_path / "etc" / name).mkdir(parents=True)
    commands = [one for one in printed_commands("monitor") if not one.line.startswith("curl ")]
    assert len(commands) == 7
    for command in commands:
        done = ran(command.line.replace("/etc/", f"{tmp_path}/etc/"), checkout)
        assert done.returncode == 0, f"{command.line}\n{done.stdout}{done.stderr}"
        if "token create" in command.line:
            token, *table = done.stdout.splitlines()
            assert 'roles = ["metrics"]' in table
            (tmp_path / "etc/prometheus/chronos-token").write_text(token)
            installed = tmp_path / "etc/prometheus/prometheus.yaml"
        if command.line.startswith("sed "):
            text = installed.read_text()
            assert "chronos.example.com:8080" in text
            assert "alerts.example.com:9093" in text
            # promtool looks for the token at its place
            installed.write_text(text.replace("/etc/", f"{tmp_path}/etc/"))
        assert command.output == () or tuple(done.stdout.splitlines()) == command.output


def test_the_query_of_the_page_is_one_of_the_dashboard_and_the_alerts() -> None:
    (metric,) = re.findall(r"query\?query=(\w+)", (HOW_TO / "monitor.md").read_text())
    assert f"absent({metric})" in (ROOT / "deploy/monitoring/alerts.yaml").read_text()
