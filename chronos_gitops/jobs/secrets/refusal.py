"""Why the operator does not let a job use something."""

from typing import NamedTuple


class SecretRefusal(NamedTuple):
    """As a finding: no value of a secret is in it."""

    rule: str
    message: str
    hint: str
