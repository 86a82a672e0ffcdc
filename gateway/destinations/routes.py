"""The routes of the owner of a destination: what was sent there, sending it again, its secrets.

A token that is not the owner gets the answer of a destination that does not exist, without a look
into the database for either.
"""

import hmac
import os
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from gateway.commands import idempotency
from gateway.commands.builder import author_faults
from gateway.destinations import answers
from gateway.destinations.action import Action
from gateway.destinations.delivery_query import START, Place, parse_query
from gateway.destinations.delivery_store import DeliveryStore, NewResend
from gateway.destinations.ownership import find_owned, list_owned, quarantine_scope
from gateway.destinations.quarantine_store import QuarantineStore
from gateway.destinations.secret_store import NewSecretRow, SecretStore
from gateway.requests.destinations import (
    END_SECRET,
    NEW_SECRET,
    RANDOM_BYTES,
    RESEND,
    EndSecret,
    NewSecret,
    OwnerBody,
    Resend,
    secret_of,
    time_faults,
)
from gateway.stops import StoppedNumbers
from services import clock
from services.api.json_body import parse_body
from services.api.request_body import Refused, read_json_body
from services.config.model import Configuration
from services.config.organisation import Destination
from services.http.bearer_auth import require_token
from services.http.problems import json_response, service_unavailable
from services.http.rights import Rights
from services.http.token_store import TokenStore
from services.ids import parse_uuid
from services.postgres.database import Pool
from services.refusal import Refusal
from services.stops.refusal import MOVES

DESTINATION = "/v1/destinations/{destination}"


class OwnerRequest(msgspec.Struct, frozen=True):
    """Request of the owner of a destination."""

    http: web.Request
    rights: Rights
    destination: Destination
    at: datetime

    def action(self, what: str, body: OwnerBody, **data: Any) -> Action:
        """Return the action for the record."""
        author, rights = body.author, self.rights
        person = rights.person or (author.id if author else "")
        return Action(
            id=clock.new_id(self.at),
            at=self.at,
            tenant=self.rights.tenant,
            destination=self.destination.id,
            what=what,
            data={"by": person or rights.name, "token": rights.name}
            | ({"identified": rights.identified} if person else {})
            | data,
        )


OwnerHandler = Callable[[OwnerRequest], Awaitable[web.Response]]


class DestinationRoutes:
    def __init__(
        self, pool: Pool, config: Configuration, keyring: TokenStore, stopped: StoppedNumbers
    ) -> None:
        self._deliveries, self._secrets = DeliveryStore(pool), SecretStore(pool)
        self._quarantine = QuarantineStore(pool)
        self._config, self._keyring, self._stopped = config, keyring, stopped

    def reload(self, config: Configuration) -> None:
        """Use the destinations and departments of this configuration from the next request on."""
        self._config = config

    def routes(self) -> list[web.RouteDef]:
        gets = {
            "deliveries": self.list_deliveries,
            "resends/{id}": self.read_resend,
            "secrets": self.list_secrets,
        }
        posts = {
            "_resend": self.resend,
            "secrets": self.add_secret,
            "secrets/{id}/_end": self.end_secret,
        }
        listed = require_token(self.list_destinations, self._keyring, "send")
        return [
            web.get("/v1/destinations", listed, allow_head=False),
            *(
                web.get(f"{DESTINATION}/{path}", self._owned(handler), allow_head=False)
                for path, handler in gets.items()
            ),
            *(
                web.post(f"{DESTINATION}/{path}", self._owned(self._unless_stopped(handler)))
                for path, handler in posts.items()
            ),
        ]

    def _owned(
        self, handler: OwnerHandler
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request, rights: Rights) -> web.Response:
            destination = find_owned(request.match_info["destination"], rights, self._config)
            if destination is None:
                return answers.no_destination()
            try:
                return await handler(OwnerRequest(request, rights, destination, clock.now()))
            except Refused as refused:
                return refused.answer

        return require_token(handle, self._keyring, "send")

    def _unless_stopped(self, handler: OwnerHandler) -> OwnerHandler:
        """Wrap a handler that changes something: that of a stopped municipality would stay behind
        when it moves."""

        async def handle(asked: OwnerRequest) -> web.Response:
            if asked.rights.tenant in self._stopped.now.tenants:
                return service_unavailable(MOVES.detail, code=MOVES.code)
            return await handler(asked)

        return handle

    async def list_destinations(self, _: web.Request, rights: Rights) -> web.Response:
        """GET /v1/destinations: those of which the token is an owner, with what is amiss there."""
        config, tenant = self._config, rights.tenant
        owned = list_owned(rights, config)
        if not owned:
            return json_response({"destinations": [], "quarantined": []})
        ids = [each.id for each in owned]
        states, reasons = await self._deliveries.list_states(ids, tenant)
        quarantined = await self._quarantine.count(quarantine_scope(owned, rights, config))
        by_id = {state["id"]: state for state in states}
        shown = [
            answers.destination_json(
                each,
                config.departments_of(tenant, each.id),
                by_id[each.id],
                [reason for reason in reasons if reason["id"] == each.id],
                quarantined,
            )
            for each in owned
        ]
        unplaced = [answers.unplaced_json(row) for row in quarantined.by_number]
        return json_response({"destinations": shown, "quarantined": unplaced})

    async def list_deliveries(self, asked: OwnerRequest) -> web.Response:
        """GET .../deliveries: a page of what is parked, or of what was delivered and is kept."""
        names = asked.http.query
        query = parse_query({name: names.getall(name) for name in names})
        if isinstance(query, list):
            return answers.invalid_query(query)
        rows = await self._deliveries.list_deliveries(
            asked.destination.id, asked.rights.tenant, query
        )
        page, has_more = rows[: query.limit], len(rows) > query.limit
        last = str(Place(page[-1]["at"], page[-1]["event"])) if has_more else None
        deliveries = [answers.delivery_json(row, query.state) for row in page]
        return json_response({"deliveries": deliveries, "next": last})

    async def resend(self, asked: OwnerRequest) -> web.Response:
        """POST .../_resend: answer 202 once the order is stored."""
        content = await read_json_body(asked.http)
        key = idempotency.single_key(asked.http.headers.getall(idempotency.HEADER, []))
        body: Resend = _parse(content, RESEND, asked.rights, key)
        fingerprint = idempotency.fingerprint(asked.http.path, content)
        rights = asked.rights
        id = idempotency.derive_id(idempotency.RESENDS, rights.tenant, rights.name, key)
        stored = await self._deliveries.find_resend(rights.tenant, id)
        if stored is None:
            new = await self._new_resend(asked, body, id, fingerprint)
            action = asked.action("resend", body, **_resend_data(new))
            await self._deliveries.order_resend(new, action)
            stored = await self._deliveries.find_resend(rights.tenant, id)
        if stored is None:
            return answers.conflict(answers.RUNNING)
        if not hmac.compare_digest(stored["fingerprint"], fingerprint):
            return answers.conflict(answers.KEY_USED)
        location = f"/v1/destinations/{asked.destination.id}/resends/{id}"
        return json_response(answers.resend_json(stored), 202, {"Location": location})

    async def _new_resend(
        self, asked: OwnerRequest, body: Resend, id: UUID, fingerprint: bytes
    ) -> NewResend:
        """Return the order; Refused if nothing that it asks for is kept any more."""
        destination, tenant = asked.destination, asked.rights.tenant
        kept_since = asked.at - timedelta(days=destination.kept_days)
        if body.since and body.state != "parked" and body.since < kept_since:
            raise Refused(answers.ended(destination.kept_days, kept_since))
        events, ended = None, 0
        if body.events is not None:
            named = list(dict.fromkeys(body.events))
            events = await self._deliveries.find_available(
                destination.id, tenant, named, body.state
            )
            ended = len(named) - len(events)
            if not events:
                raise Refused(answers.ended(destination.kept_days, kept_since))
        return NewResend(
            id=id,
            destination=destination.id,
            tenant=tenant,
            token=asked.rights.name,
            fingerprint=fingerprint,
            state=body.state,
            since=max(body.since or START, START),
            until=min(body.until or asked.at, asked.at),
            events=events,
            per_second=destination.resend_per_second,
            ended=ended,
            ordered_at=asked.at,
        )

    async def read_resend(self, asked: OwnerRequest) -> web.Response:
        """GET .../resends/{id}: an order and its progress."""
        id = parse_uuid(asked.http.match_info["id"])
        found = id and await self._deliveries.find_resend(asked.rights.tenant, id)
        if not found or found["destination"] != asked.destination.id:
            return answers.no_resend()
        return json_response(answers.resend_json(found))

    async def list_secrets(self, asked: OwnerRequest) -> web.Response:
        """GET .../secrets: the secrets in force, without their values."""
        rows = await self._secrets.list_secrets(asked.destination.id, asked.at)
        return json_response({"secrets": [answers.secret_json(row) for row in rows]})

    async def add_secret(self, asked: OwnerRequest) -> web.Response:
        """POST .../secrets: add a secret; one that was drawn is in this answer and in no other."""
        body: NewSecret = _parse(await read_json_body(asked.http), NEW_SECRET, asked.rights)
        if not answers.signs(asked.destination):
            return answers.conflict(answers.UNSIGNED)
        others_end_at = body.others_end_at and max(body.others_end_at, asked.at)
        new = NewSecretRow(
            clock.new_id(asked.at),
            body.secret or secret_of(os.urandom(RANDOM_BYTES)),
            asked.rights.name,
        )
        data = {"secret": new.id, "othersEndAt": others_end_at}
        action = asked.action("secret add", body, **data)
        if refusal := await self._secrets.add(new, others_end_at, action):
            return answers.conflict(refusal)
        row = {"id": new.id, "source": "api", "added_at": asked.at, "ends_at": None}
        shown = {} if body.secret else {"secret": new.secret}
        return json_response(answers.secret_json(row) | shown, 201)

    async def end_secret(self, asked: OwnerRequest) -> web.Response:
        """POST .../secrets/{id}/_end: end a secret, now or at a time."""
        content = await read_json_body(asked.http) or b"{}"
        body: EndSecret = _parse(content, END_SECRET, asked.rights)
        id, at = parse_uuid(asked.http.match_info["id"]), max(body.at or asked.at, asked.at)
        if id is None:
            return answers.no_secret()
        action = asked.action("secret end", body, secret=id, endsAt=at)
        ends_at = await self._secrets.end(id, at, action)
        if isinstance(ends_at, Refusal):
            return answers.conflict(ends_at)
        if ends_at is None:
            return answers.no_secret()
        return json_response({"id": id, "endsAt": ends_at})


def _parse(content: bytes, kind: Any, rights: Rights, key: str = "none") -> Any:
    """Return a body of a kind; Refused with every fault of it, and of a key that is missing."""
    body = parse_body(content, kind)
    if isinstance(body, list):
        raise Refused(answers.invalid_body(body, key))
    faults = [*author_faults(body.author, rights), *time_faults(body, clock.now())]
    if faults or not key:
        raise Refused(answers.invalid_body(sorted(faults), key))
    return body


def _resend_data(new: NewResend) -> dict[str, Any]:
    """Return the criteria of an order, for the record."""
    return {
        "resend": new.id,
        "state": new.state,
        "since": None if new.events else new.since,
        "until": new.until,
        "events": len(new.events) if new.events else None,
    }
