"""The end of a session that a client asks for (OpenID Connect RP-Initiated Logout 1.0). Pure."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from sandbox.identity.client import Client
from services.refusal import Refusal


class LogoutDecision(msgspec.Struct, frozen=True):
    session: str
    """Session to end; '' for none: without an ID token nobody knows whose."""
    address: str
    """Address to which the browser goes; '' for a page that says that it is done."""


def decide_logout(
    fields: Mapping[str, str], claims: Mapping[str, Any] | None, client: Client
) -> LogoutDecision | Refusal:
    """Decide on a request. `claims` are those of its ID token, None if that is not one of ours."""
    if "id_token_hint" in fields and claims is None:
        return Refusal("invalid_request", "Invalid parameter: id_token_hint")
    known = fields.get("client_id", client.id if claims else "")
    if known not in ("", client.id):
        return Refusal("invalid_request", "Invalid parameter: client_id")
    address = fields.get("post_logout_redirect_uri", "")
    if address and not (known and client.may_return_to(address)):
        return Refusal("invalid_request", "Invalid parameter: post_logout_redirect_uri")
    if address and "state" in fields:
        separator = "&" if "?" in address else "?"
        address += separator + urlencode({"state": fields["state"]})
    return LogoutDecision(str(claims["sid"]) if claims else "", address)
