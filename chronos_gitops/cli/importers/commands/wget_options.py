"""Every option of GNU wget, and what a webhook makes of it."""

from typing import Final

from chronos_gitops.cli.importers.commands.curl_options import (
    CERTIFICATES,
    COMPRESSION,
    FAMILY,
    MACHINE,
    NO_COUNTERPART,
    NO_REQUEST,
    ONE_TIMEOUT,
    READS_FILE,
    TLS,
)
from chronos_gitops.cli.importers.commands.option_table import OptionTable, table

_FETCHES_MORE: Final = "fetches more than one address"
_BY_FILE: Final = "makes the request depend on a file that may be there"
_OTHER: Final = "is not about HTTP"

WGET: Final[OptionTable] = table(
    [
        (
            True,
            "",
            "",
            "header U=user-agent referer post-data body-data method user password http-user http-password T=timeout "
            "t=tries O=output-document max-redirect o=output-file a=append-output save-cookies",
        ),
        (False, "", "", "spider no-cache auth-no-challenge delete-after"),
        # These say what wget prints and where it writes; the request is the same.
        (
            True,
            "",
            "",
            "P=directory-prefix progress report-speed w=wait waitretry Q=quota restrict-file-names "
            "retry-on-http-error rejected-log hsts-file default-page cut-dirs backups local-encoding remote-encoding",
        ),
        (
            False,
            "",
            "",
            "q=quiet v=verbose nv=no-verbose d=debug b=background S=server-response show-progress no-netrc no-config "
            "no-proxy no-dns-cache no-cookies no-http-keep-alive content-on-error save-headers content-disposition "
            "E=adjust-extension ignore-length keep-session-cookies no-hsts https-only no-use-server-timestamps "
            "random-wait retry-connrefused nd=no-directories x=force-directories nH=no-host-directories "
            "protocol-directories unlink xattr no-iri ignore-case trust-server-names no-if-modified-since no-glob "
            "no-passive-ftp no-remove-listing np=no-parent L=relative",
        ),
        (False, CERTIFICATES, "", "no-check-certificate"),
        (True, ONE_TIMEOUT, "", "connect-timeout read-timeout dns-timeout"),
        (True, "the speed of a transfer is not limited", "", "limit-rate"),
        (False, FAMILY, "", "4=inet4-only 6=inet6-only"),
        (True, FAMILY, "", "prefer-family"),
        (True, COMPRESSION, "", "compression"),
        (True, TLS, "", "secure-protocol ciphers"),
        (
            True,
            "",
            READS_FILE,
            "post-file body-file i=input-file load-cookies config ca-certificate ca-directory crl-file pinnedpubkey",
        ),
        (True, "", NO_COUNTERPART, "certificate certificate-type private-key private-key-type start-pos e=execute"),
        (True, "", NO_COUNTERPART, "B=base use-askpass"),
        (False, "", NO_COUNTERPART, "ask-password F=force-html"),
        (True, "", MACHINE, "bind-address proxy-user proxy-password"),
        (False, "", _BY_FILE, "c=continue N=timestamping nc=no-clobber"),
        (
            False,
            "",
            _FETCHES_MORE,
            "r=recursive k=convert-links convert-file-only K=backup-converted m=mirror p=page-requisites "
            "H=span-hosts strict-comments follow-ftp",
        ),
        (
            True,
            "",
            _FETCHES_MORE,
            "l=level A=accept R=reject accept-regex reject-regex regex-type D=domains exclude-domains follow-tags "
            "ignore-tags I=include-directories X=exclude-directories",
        ),
        (True, "", NO_COUNTERPART, "warc-file warc-header warc-max-size warc-dedup warc-tempdir"),
        (
            False,
            "",
            NO_COUNTERPART,
            "warc-cdx no-warc-compression no-warc-digests no-warc-keep-log",
        ),
        (True, "", _OTHER, "ftp-user ftp-password"),
        (
            False,
            "",
            _OTHER,
            "preserve-permissions retr-symlinks ftps-implicit ftps-resume-ssl ftps-clear-data-connection "
            "ftps-fallback-to-ftp",
        ),
        (False, "", NO_REQUEST, "V=version h=help"),
    ],
    takes_equals=True,
)
