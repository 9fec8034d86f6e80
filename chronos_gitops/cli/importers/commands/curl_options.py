"""Every option of curl(1), and what a webhook makes of it."""

from typing import Final

from chronos_gitops.cli.importers.commands.option_table import OptionTable, table

REDIRECTS: Final = "redirects are not followed: name the address that answers"
CERTIFICATES: Final = "certificates are always checked"
ONE_TIMEOUT: Final = "there is one timeout for the whole attempt"
FAMILY: Final = "IPv4 or IPv6 is not chosen"
TLS: Final = "versions and ciphers of TLS are the runner's own"
COMPRESSION: Final = "responses are not compressed"
MACHINE: Final = "is about the network of one machine"
NO_COUNTERPART: Final = "has no counterpart in a webhook"
READS_FILE: Final = "reads a file"
NO_REQUEST: Final = "sends no request"

_HTTP_VERSION: Final = "requests are sent with HTTP/1.1"
_SEVERAL: Final = "makes it several requests"
_SCHEME: Final = "asks for an authentication that a webhook does not have"
_OTHER: Final = "is not about HTTP"

CURL: Final[OptionTable] = table(
    [
        (
            True,
            "",
            "",
            "X=request H=header d=data data-ascii data-binary data-raw data-urlencode json url-query u=user m=max-time "
            "A=user-agent e=referer b=cookie oauth2-bearer url retry retry-delay r=range o=output D=dump-header "
            "c=cookie-jar",
        ),
        (False, "", "", "I=head G=get g=globoff path-as-is basic O=remote-name"),
        # These say what curl prints, keeps or waits for; the request is the same.
        (
            True,
            "",
            "",
            "w=write-out stderr trace trace-ascii libcurl output-dir create-file-mode keepalive-time "
            "expect100-timeout happy-eyeballs-timeout-ms noproxy proto proto-redir parallel-max rate hsts alt-svc "
            "random-file egd-file delegation login-options sasl-authzid",
        ),
        (
            False,
            "",
            "",
            "s=silent S=show-error f=fail fail-with-body fail-early v=verbose i=include #=progress-bar "
            "no-progress-meter N=no-buffer no-keepalive no-sessionid no-alpn no-npn no-clobber progress-meter buffer "
            "keepalive sessionid alpn npn clobber q=disable create-dirs J=remote-header-name remote-name-all "
            "R=remote-time remove-on-error styled-output suppress-connect-headers tcp-fastopen tcp-nodelay trace-time "
            "xattr Z=parallel parallel-immediate retry-all-errors retry-connrefused http0.9 raw ignore-content-length "
            "j=junk-session-cookies disallow-username-in-url sasl-ir false-start http1.1 form-escape",
        ),
        (False, REDIRECTS, "", "L=location location-trusted post301 post302 post303"),
        (True, REDIRECTS, "", "max-redirs"),
        (False, CERTIFICATES, "", "k=insecure"),
        (True, ONE_TIMEOUT, "", "connect-timeout y=speed-time Y=speed-limit"),
        (True, "there is no limit on the time of all retries together", "", "retry-max-time"),
        (True, "the speed of a transfer is not limited", "", "limit-rate"),
        (True, "at most 1 MiB of a response is read", "", "max-filesize"),
        (False, FAMILY, "", "4=ipv4 6=ipv6"),
        (False, COMPRESSION, "", "compressed"),
        (False, _HTTP_VERSION, "", "0=http1.0 http2 http2-prior-knowledge http3 http3-only"),
        (
            False,
            TLS,
            "",
            "1=tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 2=sslv2 3=sslv3 ssl ssl-reqd ssl-allow-beast ssl-no-revoke "
            "ssl-revoke-best-effort ssl-auto-client-cert cert-status doh-cert-status",
        ),
        (True, TLS, "", "tls-max ciphers tls13-ciphers curves engine"),
        (True, "", NO_COUNTERPART, "F=form form-string T=upload-file aws-sigv4 request-target z=time-cond"),
        (True, "", NO_COUNTERPART, "C=continue-at E=cert cert-type key key-type pass proto-default"),
        (False, "", NO_COUNTERPART, "crlf tr-encoding haproxy-protocol metalink"),
        (True, "", READS_FILE, "K=config netrc-file etag-compare etag-save cacert capath crlfile pinnedpubkey"),
        (False, "", READS_FILE, "n=netrc netrc-optional"),
        (
            True,
            "",
            MACHINE,
            "x=proxy preproxy proxy1.0 socks4 socks4a socks5 socks5-hostname socks5-gssapi-service U=proxy-user "
            "proxy-header proxy-cacert proxy-capath proxy-cert proxy-cert-type proxy-ciphers proxy-crlfile proxy-key "
            "proxy-key-type proxy-pass proxy-pinnedpubkey proxy-service-name proxy-tls13-ciphers proxy-tlsauthtype "
            "proxy-tlspassword proxy-tlsuser unix-socket abstract-unix-socket resolve connect-to interface local-port "
            "dns-interface dns-ipv4-addr dns-ipv6-addr dns-servers doh-url",
        ),
        (
            False,
            "",
            MACHINE,
            "p=proxytunnel proxy-anyauth proxy-basic proxy-digest proxy-insecure proxy-negotiate proxy-ntlm "
            "proxy-ssl-allow-beast proxy-ssl-auto-client-cert proxy-tlsv1 socks5-basic socks5-gssapi "
            "socks5-gssapi-nec doh-insecure",
        ),
        (False, "", _SCHEME, "anyauth digest negotiate ntlm ntlm-wb"),
        (True, "", _SCHEME, "krb service-name tlsauthtype tlspassword tlsuser"),
        (False, "", _SEVERAL, ":=next"),
        (
            False,
            "",
            _OTHER,
            "a=append B=use-ascii compressed-ssh disable-eprt disable-epsv ftp-create-dirs ftp-pasv ftp-pret "
            "ftp-skip-pasv-ip ftp-ssl-ccc ftp-ssl-control l=list-only mail-rcpt-allowfails tftp-no-options",
        ),
        (
            True,
            "",
            _OTHER,
            "ftp-account ftp-alternative-to-user ftp-method P=ftp-port ftp-ssl-ccc-mode hostpubmd5 hostpubsha256 "
            "mail-auth mail-from mail-rcpt pubkey Q=quote t=telnet-option tftp-blksize",
        ),
        (False, "", NO_REQUEST, "M=manual V=version"),
        (False, "", NO_REQUEST, "h=help"),
    ],
    takes_equals=False,
)
