"""Keys that sign identity tokens: read from files, replaced while the runner runs."""

import logging
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwk import thumbprint

from chronos_gitops.webhooks.identity.signing_keys import IdentityError, SigningKeys, new_key


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)


def kids(keys: SigningKeys) -> list[str]:
    return [key["kid"] for key in keys.published()["keys"]]


@pytest.fixture(scope="module")
def pems() -> tuple[bytes, bytes]:
    return new_key(), new_key()


def test_the_first_signs_and_all_are_published_without_their_private_half(
    tmp_path: Path, pems: tuple[bytes, bytes]
) -> None:
    files = [tmp_path / name for name in ("a.pem", "b.pem")]
    for file, content in zip(files, pems, strict=True):
        file.write_bytes(content)
    keys = SigningKeys(files)
    first, second = keys.published()["keys"]
    assert keys.first().kid == first["kid"] == thumbprint({name: first[name] for name in ("kty", "n", "e")})
    assert first.keys() == second.keys() == {"kty", "n", "e", "kid", "use", "alg"}
    assert (first["use"], first["alg"], first["kty"]) == ("sig", "RS256", "RSA")
    assert first["kid"] != second["kid"]


def test_a_replaced_key_counts_after_a_minute_and_a_broken_one_never(
    tmp_path: Path, pems: tuple[bytes, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    clock = [0.0]
    file = tmp_path / "a.pem"
    file.write_bytes(pems[0])
    keys = SigningKeys([file], lambda: clock[0])
    before = kids(keys)
    file.write_bytes(pems[1])
    clock[0] = 59.9
    assert kids(keys) == before
    clock[0] = 60.0
    after = kids(keys)
    assert after != before
    file.write_bytes(b"half a fi")
    clock[0] = 120.0
    with caplog.at_level(logging.WARNING):
        assert kids(keys) == after
    assert "identity_keys_unreadable" in caplog.text
    file.unlink()
    clock[0] = 180.0
    assert kids(keys) == after


def test_a_key_that_cannot_sign_is_refused_with_a_way_out(tmp_path: Path) -> None:
    private = rsa.generate_private_key(65537, 2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    cases = {
        "1024 bits": pem(rsa.generate_private_key(65537, 1024)),
        "no private key": public,
        "no RSA key": pem(ec.generate_private_key(ec.SECP256R1())),
        "no private key in PEM": b"hello",
    }
    for words, content in cases.items():
        file = tmp_path / "key.pem"
        file.write_bytes(content)
        with pytest.raises(IdentityError, match=words) as refused:
            SigningKeys([file]).check()
        assert refused.value.hint
    with pytest.raises(IdentityError, match="No such file"):
        SigningKeys([tmp_path / "absent.pem"]).check()


def test_without_keys_none_signs() -> None:
    with pytest.raises(IdentityError) as refused:
        SigningKeys([]).first()
    assert refused.value.hint == "set identity.key_files in chronos.toml"
