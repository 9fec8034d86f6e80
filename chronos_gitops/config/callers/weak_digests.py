"""Digests that are no secret: the placeholder of the examples, and those of the words that an attacker tries first."""

from functools import cache

from chronos_gitops.config.callers import tokens

PLACEHOLDER = "0" * 64
"""Stands in every example: no token has this digest, and a runner does not start with it."""
_WORDS = (
    "0 1 123 1234 12345 123456 1234567 12345678 123456789 1234567890 000000 111111 abc abc123 abcdef admin "
    "administrator api api-key apikey backup bearer changeit changeme change-me chronos chronos-gitops chronos_gitops "
    "ci cron default demo deploy dev development dummy example foo foobar bar git github gitlab gitops guest hello "
    "helloworld hunter2 job jobs key letmein login master my-token my-secret my_token my_secret mysecret mytoken none "
    "null operate operator ops pass passw0rd password password1 password123 placeholder prod production prometheus "
    "qwerty read readonly rollback root runner s3cret sample scheduler secret secret123 secrets secret-token "
    "secrettoken staging super-secret supersecret sysadmin team temp test test-token test123 testing testtoken "
    "tmp todo token token123 user welcome x xxx y your-secret your-token your_token yourtoken"
)


def why_weak(digest: str) -> str | None:
    """The reason to refuse a token's SHA-256 (in hex); None if there is none."""
    if digest == PLACEHOLDER:
        return "sha256 is the placeholder of the examples, which is no token's digest"
    word = _by_digest().get(digest)
    return None if word is None else f'sha256 is the digest of the word "{word}", which is easy to guess'


@cache
def _by_digest() -> dict[str, str]:
    """Also as ``echo`` writes them, with a line feed."""
    written = ((form, word) for word in ("", *_WORDS.split()) for form in (word, word.capitalize(), word.upper()))
    return {tokens.digest(form + end): word for form, word in written for end in ("", "\n")}
