import re
from ipaddress import IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.webhooks.url import RequestError, Target


@pytest.mark.parametrize(
    ("text", "url", "host", "port"),
    [
        ("https://api.example.com", "https://api.example.com/", "api.example.com", 443),
        ("http://api.example.com/a", "http://api.example.com/a", "api.example.com", 80),
        ("HTTPS://API.Example.COM/A", "https://api.example.com/A", "api.example.com", 443),
        ("https://api.example.com:8443?x=1", "https://api.example.com:8443/?x=1", "api.example.com", 8443),
        ("https://api.example.com:443/", "https://api.example.com/", "api.example.com", 443),
        ("http://api.example.com:/", "http://api.example.com/", "api.example.com", 80),
        ("http://api.example.com./", "http://api.example.com./", "api.example.com.", 80),
        ("http://10.0.0.1:8080/", "http://10.0.0.1:8080/", "10.0.0.1", 8080),
        ("http://[FD00::0:1]:80/", "http://[fd00::1]/", "fd00::1", 80),
        ("http://my_service.team-a/", "http://my_service.team-a/", "my_service.team-a", 80),
        ("https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4", "xn--bcher-kva.example", 443),
        ("https://straße.example/", "https://xn--strae-oqa.example/", "xn--strae-oqa.example", 443),
        ("http://①②⑦.⓪.⓪.①/", "http://127.0.0.1/", "127.0.0.1", 80),
        ("http://127。0。0。1/", "http://127.0.0.1/", "127.0.0.1", 80),
        ("http://a/%2e%2E/%zz/100%", "http://a/%2e%2E/%25zz/100%25", "a", 80),
        ('http://a/ "<>\\^`{|}', "http://a/%20%22%3C%3E%5C%5E%60%7B%7C%7D", "a", 80),
        ("http://a/;p?q=[1]&r=~!$'()*+,@:/?#fragment", "http://a/;p?q=[1]&r=~!$'()*+,@:/?", "a", 80),
        ("http://a/x?y?z#f?g#h", "http://a/x?y?z", "a", 80),
        ("http://a/\U0001f600?q=日本", "http://a/%F0%9F%98%80?q=%E6%97%A5%E6%9C%AC", "a", 80),
    ],
)
def test_url_becomes_what_is_sent(text: str, url: str, host: str, port: int) -> None:
    target = Target.parse(text)
    assert (target.url, target.host, target.port) == (url, host, port)


def test_mapped_address_stays_one() -> None:
    """Python 3.13 writes such an address in another way than its predecessors."""
    assert IPv6Address(Target.parse("http://[::ffff:1.2.3.4]/").host) == IPv6Address("::ffff:1.2.3.4")


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "/path", "//host/", "api.example.com/x", "ftp://a/", "file:///etc/passwd", "javascript:alert(1)"),
        *("http:/a", "http:a", "http://", "http:///a", "http://:80/", "http://?x", " http://a/", "https:\\\\a"),
        *("http://user@a/", "http://user:pass@a/", "http://a\\@b/", "http://a@b@c/", "http://@a/"),
        *("http://a:65536/", "http://a:0/", "http://a:-1/", "http://a:+80/", "http://a:8x/", "http://a:80:80/"),
        *("http://a:٨٠/", "http://a b/", "http://a%41/", "http://a<b>/", "http://a..b/", "http://.a/", "http://a,b/"),
        *(
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://1/",
        ),
        *("http://017700000001/", "http://127.0.0.1.1/", "http://127.0.0.256/", "http://0/", "http://1.2.3.08/"),
        *("http://a.0x1/", "http://a.1/", "http://127.0.0.0x1/", "http://2852039166/", "http://0251.0376.0251.0376/"),
        *(
            "http://[::1/",
            "http://::1/",
            "http://[::1].x/",
            "http://[fe80::1%25eth0]/",
            "http://[1.2.3.4]/",
            "http://[]/",
        ),
        *("http://[::1]x:80/", "http://[v1.x]/", "http://℀.com/", "http://a\u200d.com/", "http://x\u00ady.com/"),
        *("http://a/\r\nX: y", "http://a\n/", "http://a/\0", "http://a/\x7f", "http://a/\t"),
        "http://" + "a" * 64 + "/",
        "http://" + "é" * 64 + ".com/",
        "http://" + ".".join(["a" * 60] * 5) + "/",
    ],
)
def test_what_cannot_be_sent_is_refused(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        Target.parse(text)
    assert text == "" or len(text) < 4 or text not in str(caught.value)


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_is_accepted_is_one_clean_line_of_ascii(host: str, rest: str) -> None:
    for text in (f"http://{host}/{rest}", f"https://a.example/{rest}", host + rest):
        try:
            target = Target.parse(text)
        except RequestError:
            continue
        assert re.fullmatch(r"https?://[a-z0-9._:\[\]-]+/[!-~]*", target.url)
        assert "#" not in target.url
        assert Target.parse(target.url) == target


def test_repr_shows_no_path() -> None:
    assert "s3cret" not in repr(Target.parse("https://hooks.example.com/s3cret"))


def test_user_info_is_refused_with_the_way_out() -> None:
    with pytest.raises(RequestError, match="of type basic"):
        Target.parse("https://user:password@api.example.com/")
