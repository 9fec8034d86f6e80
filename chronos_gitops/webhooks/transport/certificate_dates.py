"""End dates of certificates. The parser is imported at the first use, because it takes 0.1 s."""

from datetime import datetime
from pathlib import Path

from chronos_gitops.process.small_files import read_small_file


def end_of_der(der: bytes) -> datetime:
    from cryptography.x509 import load_der_x509_certificate

    return load_der_x509_certificate(der).not_valid_after_utc


def end_of_file(path: Path) -> datetime | None:
    """Of the first certificate (PEM) in a file, which is the one that is shown; None when it cannot be read."""
    from cryptography.x509 import load_pem_x509_certificate

    try:
        return load_pem_x509_certificate(read_small_file(path)).not_valid_after_utc
    except (OSError, ValueError):
        return None
