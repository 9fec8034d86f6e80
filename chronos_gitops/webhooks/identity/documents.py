"""By what a receiver verifies an identity token: OpenID Connect Discovery 1.0, section 3."""

from typing import Any, Final

from chronos_gitops.webhooks.identity.signing_keys import ALGORITHM

JWKS_PATH: Final = "/.well-known/jwks.json"
DISCOVERY_PATH: Final = "/.well-known/openid-configuration"
CLAIMS: Final = (
    *("iss", "aud", "sub", "iat", "nbf", "exp", "jti", "job", "job_id", "folder", "path", "version", "commit"),
    *("repository", "ref", "environment", "trigger", "execution_id", "scheduled_time", "verified", "variables"),
)


def discovery(issuer: str) -> dict[str, Any]:
    """Without what is about asking for tokens: none can be asked for."""
    return {
        "issuer": issuer,
        "jwks_uri": issuer + JWKS_PATH,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "claims_supported": list(CLAIMS),
    }
