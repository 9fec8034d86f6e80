"""The documents by which receivers verify identity tokens (OpenID Connect Discovery 1.0; RFC 7517)."""

from flask import Blueprint, Response, jsonify

from chronos_gitops.errors import NotFoundError
from chronos_gitops.server.api.endpoint import ApiOperation, Endpoint, answer
from chronos_gitops.server.api.openapi.shapes import ref
from chronos_gitops.server.api.request_context import service
from chronos_gitops.webhooks.identity.documents import DISCOVERY_PATH, JWKS_PATH
from chronos_gitops.webhooks.identity.issuer import Issuer

blueprint = Blueprint("identity", __name__)
_KEPT = {"Cache-Control": "public, max-age=3600"}


@blueprint.get(
    DISCOVERY_PATH,
    declared=Endpoint(
        ApiOperation(
            "openidConfiguration",
            "runner",
            "Issuer of identity tokens",
            "Open to all: the target of a job with `auth: {type: identity}` finds the keys here. 404 on a runner "
            "without identity.key_files.",
            {200: answer("The issuer and the address of its keys", ref("IdentityIssuer"))},
            errors=(404,),
        ),
        role=None,
    ),
)
def discovery() -> Response:
    return _document(_issuer().discovery())


@blueprint.get(
    JWKS_PATH,
    declared=Endpoint(
        ApiOperation(
            "identityKeys",
            "runner",
            "The keys of identity tokens",
            "Open to all. The public halves of all identity.key_files, each with its kid.",
            {200: answer("A JSON Web Key Set (RFC 7517)", ref("IdentityKeys"))},
            errors=(404,),
        ),
        role=None,
    ),
)
def keys() -> Response:
    return _document(_issuer().jwks())


def _issuer() -> Issuer:
    issuer = service().issuer
    if issuer is None:
        raise NotFoundError("this runner signs no identity tokens")
    return issuer


def _document(content: dict[str, object]) -> Response:
    response = jsonify(content)
    response.headers.update(_KEPT)
    return response
