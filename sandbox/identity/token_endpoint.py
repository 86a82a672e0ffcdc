"""The endpoint that gives tokens for a code or a refresh token."""

from typing import Any

import msgspec
from aiohttp import web

from sandbox.identity.claims import Issue, access_claims, id_claims
from sandbox.identity.client import Client
from sandbox.identity.form_body import read_form
from sandbox.identity.session import Session
from sandbox.identity.session_store import SessionStore
from sandbox.identity.signer import ACCESS, ID, Signer
from sandbox.identity.token_request import (
    CodeRequest,
    RefreshRequest,
    find_client_fault,
    parse_token_request,
)
from services import clock
from services.http.problems import json_response
from services.refusal import Refusal


class TokenEndpoint:
    def __init__(
        self, client: Client, sessions: SessionStore, signer: Signer, seconds: int
    ) -> None:
        self._client, self._sessions, self._signer = client, sessions, signer
        self._seconds = seconds

    async def answer(self, request: web.Request) -> web.Response:
        fields = await read_form(request)
        if isinstance(fields, Refusal):
            return refuse(fields)
        fault = find_client_fault(request.headers.get("Authorization"), fields, self._client)
        asked = fault or parse_token_request(fields)
        if isinstance(asked, Refusal):
            return refuse(asked)
        session = self._find_session(asked)
        if isinstance(session, Refusal):
            return refuse(session)
        nonce = session.nonce if isinstance(asked, CodeRequest) else ""
        return json_response(await self._make_tokens(session, nonce))

    def _find_session(self, asked: CodeRequest | RefreshRequest) -> Session | Refusal:
        if isinstance(asked, CodeRequest):
            return self._sessions.redeem(asked, clock.now())
        return self._sessions.renew(asked, clock.now())

    async def _make_tokens(self, session: Session, nonce: str) -> dict[str, Any]:
        now = clock.now()
        issue = Issue(session, self._client.id, clock.new_id().hex, now, self._seconds)
        access = await self._signer.sign(access_claims(issue), ACCESS)
        other = msgspec.structs.replace(issue, token_id=clock.new_id().hex)
        return {
            "access_token": access,
            "expires_in": self._seconds,
            "refresh_expires_in": int((session.ends - now).total_seconds()),
            "refresh_token": session.refresh,
            "token_type": "Bearer",
            "id_token": await self._signer.sign(id_claims(other, access, nonce), ID),
            "session_state": session.id,
            "scope": session.scope,
        }


def refuse(refusal: Refusal) -> web.Response:
    """Return an error as RFC 6749 has it, section 5.2."""
    body = {"error": refusal.code, "error_description": refusal.detail}
    if refusal.code != "invalid_client":
        return json_response(body, status=400)
    return json_response(body, status=401, headers={"WWW-Authenticate": 'Basic realm="identity"'})
