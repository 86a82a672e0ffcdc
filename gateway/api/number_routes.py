"""The routes of the contact centre: the state and the notice of a number, without rules or restart.

A number belongs to its municipality as a whole, so the role is enough: the departments of a token
do not matter.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web
from pydantic import TypeAdapter

from gateway.api.command_endpoint import CommandEndpoint, CommandRequest, validation_problem
from gateway.api.command_store import CommandStore, NumberNotice
from gateway.commands import builder
from gateway.requests import changes
from services import clock
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response
from services.http.rights import Rights
from services.http.token_store import TokenStore

NUMBER = "/v1/numbers/{id}"


class NumberRoutes:
    def __init__(self, commands: CommandEndpoint, store: CommandStore, keyring: TokenStore) -> None:
        self._commands, self._store, self._keyring = commands, store, keyring

    def routes(self) -> list[web.RouteDef]:
        list_numbers = require_token(self.list_numbers, self._keyring, changes.CONTACT_CENTRE)
        return [
            web.get("/v1/numbers", list_numbers, allow_head=False),
            web.put(f"{NUMBER}/notice", self._handler(changes.NOTICE)),
            web.delete(f"{NUMBER}/notice", self._handler(changes.CLEAR_NOTICE)),
            web.put(f"{NUMBER}/state", self._handler(changes.STATE)),
        ]

    async def list_numbers(self, _: web.Request, rights: Rights) -> web.Response:
        """GET /v1/numbers: the numbers of the token's municipality with their present state."""
        numbers = self._commands.config.numbers
        ids = [number.id for number in numbers if number.tenant == rights.tenant]
        notices, now = await self._store.find_notices(ids), clock.now()
        return json_response({"numbers": [number_status(id, notices.get(id), now) for id in ids]})

    def _handler(
        self, kind: TypeAdapter[Any]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return the handler: it answers 202 once a quorum holds the command."""

        async def accept(request: web.Request, command: CommandRequest) -> web.Response:
            filled = command if command.body else msgspec.structs.replace(command, body=b"{}")
            body = self._commands.parse_command(filled, kind)
            number = self._commands.config.number(request.match_info["id"])
            if number is None or number.tenant != command.rights.tenant:
                return problem_response(404, "Not Found", "there is no such number")
            if faults := builder.number_command_faults(body, command.rights, clock.now()):
                refusal = validation_problem(sorted(faults))
                await self._commands.raise_unless_accepted(command, refusal)
            return await self._commands.accept(
                command,
                command.new_command(),
                lambda context: builder.build_number_command(body, number.id, context),
            )

        return self._commands.handler(accept, changes.CONTACT_CENTRE)


def number_status(id: str, stored: NumberNotice | None, now: datetime) -> dict[str, Any]:
    """Return a number as JSON for its contact centre, without a state or notice that has ended."""
    last = stored or NumberNotice()
    has_state = last.state_until is None or now < last.state_until
    has_notice = last.notice != "" and (last.notice_until is None or now < last.notice_until)
    return {
        "id": id,
        "state": last.state if has_state else "open",
        "text": (last.state_text or None) if has_state else None,
        "until": last.state_until if has_state else None,
        "notice": {"text": last.notice, "until": last.notice_until} if has_notice else None,
    }
