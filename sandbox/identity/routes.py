"""Routes of the provider: its description, its keys, logging in and out, and ending sessions."""

import asyncio

import aiohttp
from aiohttp import web

from sandbox.identity import page
from sandbox.identity.authorization import (
    answer_address,
    find_address_fault,
    parse_request,
    refusal_address,
)
from sandbox.identity.backchannel import post_logout_token
from sandbox.identity.claims import LOGOUT_SECONDS, Issue, logout_claims
from sandbox.identity.client import Client
from sandbox.identity.description import BASE, describe
from sandbox.identity.form import parse_form
from sandbox.identity.form_body import read_form
from sandbox.identity.logout import decide_logout
from sandbox.identity.people import PEOPLE
from sandbox.identity.session import Session
from sandbox.identity.session_store import SessionStore
from sandbox.identity.signer import LOGOUT, Signer
from sandbox.identity.token_endpoint import TokenEndpoint
from services import clock
from services.http.problems import json_response, problem_response
from services.refusal import Refusal

ENTRANCES = frozenset({f"{BASE}/authorize", f"{BASE}/logout"})
"""Paths to which the pages of a client send the browser."""
CHOICE = ("person", "cancel")
"""Buttons of our own page: no parameters of a request."""
CANCELLED = Refusal("access_denied", "Nobody was chosen")


class IdentityRoutes:
    def __init__(self, http: aiohttp.ClientSession, client: Client, token_seconds: int) -> None:
        self._http, self._client = http, client
        self._signer, self._sessions = Signer(), SessionStore()
        self._tokens = TokenEndpoint(client, self._sessions, self._signer, token_seconds)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{BASE}/.well-known/openid-configuration", self._describe),
            web.get(f"{BASE}/keys", self._publish_keys),
            web.get(f"{BASE}/authorize", self._ask),
            web.post(f"{BASE}/authorize", self._choose),
            web.post(f"{BASE}/token", self._tokens.answer),
            web.get(f"{BASE}/logout", self._log_out),
            web.post(f"{BASE}/people/{{id}}/_end", self._end_person),
        ]

    async def _describe(self, request: web.Request) -> web.Response:
        return json_response(describe(_issuer(request)))

    async def _publish_keys(self, _: web.Request) -> web.Response:
        return json_response(await self._signer.publish())

    async def _ask(self, request: web.Request) -> web.Response:
        return self._authorize(request, _query(request), {})

    async def _choose(self, request: web.Request) -> web.Response:
        fields = await read_form(request)
        return self._authorize(request, fields, {} if isinstance(fields, Refusal) else fields)

    def _authorize(
        self, request: web.Request, fields: dict[str, str] | Refusal, choice: dict[str, str]
    ) -> web.Response:
        """Ask who somebody is, or send them back to the client with a code or a refusal."""
        if isinstance(fields, Refusal):
            return page.refusal_page(fields)
        fault = find_address_fault(fields, self._client)
        if fault:
            return page.refusal_page(fault)
        issuer, asked = _issuer(request), parse_request(fields)
        if isinstance(asked, Refusal):
            return _go_to(refusal_address(fields, issuer, asked))
        if "cancel" in choice:
            return _go_to(refusal_address(fields, issuer, CANCELLED))
        person = PEOPLE.get(choice.get("person", ""))
        if person is None:
            asked_again = {name: fields[name] for name in fields if name not in CHOICE}
            return page.choice_page(asked_again, self._client)
        session, code = self._sessions.begin(asked, person, issuer, clock.now())
        answer = {"session_state": session.id, "code": code}
        return _go_to(answer_address(fields, issuer, answer))

    async def _log_out(self, request: web.Request) -> web.Response:
        fields = _query(request)
        if isinstance(fields, Refusal):
            return page.refusal_page(fields)
        claims = await self._signer.read_id_token(fields.get("id_token_hint", ""))
        decision = decide_logout(fields, claims, self._client)
        if isinstance(decision, Refusal):
            return page.refusal_page(decision)
        self._sessions.end(decision.session)
        return _go_to(decision.address) if decision.address else page.logged_out_page()

    async def _end_person(self, request: web.Request) -> web.Response:
        """End all sessions of a person, as when they leave, and tell the client of each."""
        id = request.match_info["id"]
        if id not in PEOPLE:
            return problem_response(404, "there is no such person")
        ended = self._sessions.end_person(id)
        statuses = await asyncio.gather(*map(self._tell_end, ended))
        return json_response({"ended": len(ended), "statuses": statuses})

    async def _tell_end(self, session: Session) -> int:
        issue = Issue(session, self._client.id, clock.new_id().hex, clock.now(), LOGOUT_SECONDS)
        token = await self._signer.sign(logout_claims(issue), LOGOUT)
        return await post_logout_token(self._http, self._client, token)


def _issuer(request: web.Request) -> str:
    """Return the address of the provider as this request has it, to the letter."""
    return f"{request.scheme}://{request.host}{BASE}"


def _query(request: web.Request) -> dict[str, str] | Refusal:
    return parse_form(request.rel_url.raw_query_string)


def _go_to(address: str) -> web.Response:
    """Send the browser on, by GET also after a form (RFC 9700, section 4.12)."""
    headers = {"Location": address, "Referrer-Policy": "no-referrer"}
    return web.Response(status=303, headers=headers)
