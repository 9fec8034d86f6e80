"""The end of a verified chain is the end of the certificate that ends first."""

import ssl
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from harness.servers import Certificates

from chronos_gitops.webhooks.transport import certificate_dates, peer


class _Tls:
    """The peer's certificate chain as Python 3.13 has it, on an older one."""

    def __init__(self, chain: Sequence[Path]) -> None:
        self._chain = [ssl.PEM_cert_to_DER_cert(path.read_text()) for path in chain]

    def get_verified_chain(self) -> Sequence[bytes]:
        return self._chain


def test_the_chain_ends_with_its_first_certificate_to_end(certificates: Certificates) -> None:
    leaf, _ = certificates.sign("long", days=30)
    chain = peer.chain_of(_Tls((leaf, certificates.authority)))  # type: ignore[arg-type]  # see its class
    ends = [certificate_dates.end_of_der(one) for one in chain]
    assert ends == [certificate_dates.end_of_file(leaf), certificate_dates.end_of_file(certificates.authority)]
    found = peer.Certificate("0", datetime.min.replace(tzinfo=ends[0].tzinfo), ends[0], min(ends))
    assert found.ends == ends[1] < ends[0]


def test_a_file_without_a_certificate_has_no_end(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    assert certificate_dates.end_of_file(tmp_path / "cert.pem") is None
    assert certificate_dates.end_of_file(tmp_path / "none.pem") is None
