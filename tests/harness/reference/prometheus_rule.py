"""The alert rules as a resource of the Prometheus operator: the groups of deploy/monitoring/alerts.yaml."""

from pathlib import Path
from textwrap import indent

_ALERTS = Path(__file__).parents[3] / "deploy/monitoring/alerts.yaml"
_NOTE = "# Written by `make docs` from deploy/monitoring/alerts.yaml."
_HEAD = f"""\
{_NOTE}
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: chronos-gitops
  namespace: chronos
spec:
"""


def page() -> str:
    return _HEAD + indent(_groups(), "  ")


def of_the_chart() -> str:
    """A chart cannot read files outside of its folder."""
    return f"{_NOTE}\n{_groups()}"


def _groups() -> str:
    text = _ALERTS.read_text()
    return text[text.index("groups:\n") :]
