"""The alert rules as a resource of the Prometheus operator: the groups of deploy/monitoring/alerts.yaml."""

from pathlib import Path
from textwrap import indent

_ALERTS = Path(__file__).parents[3] / "deploy/monitoring/alerts.yaml"
_HEAD = """\
# Written by `make docs` from deploy/monitoring/alerts.yaml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: chronos-gitops
  namespace: chronos
spec:
"""


def page() -> str:
    text = _ALERTS.read_text()
    return _HEAD + indent(text[text.index("groups:\n") :], "  ")
