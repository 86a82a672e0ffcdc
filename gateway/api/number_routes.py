"""The contact centre's door: what it says of a number, without rules, restart or operator.

A number is its municipality's as a whole: the role is enough, whatever departments a token has.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web
from pydantic import TypeAdapter

from gateway.api.command_endpoint import CommandEndpoint, CommandRequest, validation_problem
from gateway.api.command_store import NumberNotice, Store
from gateway.commands import builder
from gateway.requests import changes
from services import clock
from services.config.model import Configuration
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response
from services.http.rights import Rights
from services.http.token_store import TokenStore

NUMBER = "/v1/numbers/{id}"


class Numbers:
    def __init__(
        self, orders: CommandEndpoint, store: Store, config: Configuration, keyring: TokenStore
    ) -> None:
        self._orders, self._store = orders, store
        self._config, self._keyring = config, keyring

    def routes(self) -> list[web.RouteDef]:
        list_numbers = require_token(self.listed, self._keyring, changes.CONTACT_CENTRE)
        return [
            web.get("/v1/numbers", list_numbers, allow_head=False),
            web.put(f"{NUMBER}/notice", self._taking(changes.NOTICE)),
            web.delete(f"{NUMBER}/notice", self._taking(changes.NO_NOTICE)),
            web.put(f"{NUMBER}/state", self._taking(changes.STATE)),
        ]

    async def listed(self, _: web.Request, rights: Rights) -> web.Response:
        """GET /v1/numbers: those of the token's municipality, as they stand now."""
        ours = [number.id for number in self._config.numbers if number.tenant == rights.tenant]
        said, now = await self._store.said(ours), clock.now()
        return json_response({"numbers": [number_json(id, said.get(id), now) for id in ours]})

    def _taking(
        self, kind: TypeAdapter[Any]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """202 once a quorum holds it."""

        async def take(request: web.Request, order: CommandRequest) -> web.Response:
            whole = order if order.body else msgspec.structs.replace(order, body=b"{}")
            body = self._orders.read(whole, kind)
            number = self._config.number(request.match_info["id"])
            if number is None or number.tenant != order.rights.tenant:
                return problem_response(404, "Not Found", "there is no such number")
            if faults := builder.number_command_errors(body, order.rights, clock.now()):
                await self._orders.raise_unless_accepted(order, validation_problem(sorted(faults)))
            return await self._orders.accept(
                order,
                order.acceptance(),
                lambda given: builder.number_command(body, number.id, given),
            )

        return self._orders.handler(take, changes.CONTACT_CENTRE)


def number_json(id: str, said: NumberNotice | None, now: datetime) -> dict[str, Any]:
    """A number as its contact centre is shown it: what has ended is over."""
    said = said or NumberNotice()
    holds = said.state_until is None or now < said.state_until
    told = said.notice != "" and (said.notice_until is None or now < said.notice_until)
    return {
        "id": id,
        "state": said.state if holds else "open",
        "text": (said.state_text or None) if holds else None,
        "until": said.state_until if holds else None,
        "notice": {"text": said.notice, "until": said.notice_until} if told else None,
    }
