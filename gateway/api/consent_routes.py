"""The routes of consent: a citizen agreed, or no longer agrees, to business-initiated messages.

Consent is given to the municipality as a whole, so the role is enough: the departments of a token
do not matter.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter

from gateway.api.command_endpoint import CommandEndpoint, CommandRequest, validation_problem
from gateway.commands import builder
from gateway.requests import changes
from services import clock
from services.http.problems import problem_response
from services.http.rights import Rights


class ConsentRoutes:
    def __init__(self, commands: CommandEndpoint) -> None:
        self._commands = commands

    def routes(self) -> list[web.RouteDef]:
        """Return the routes. No path has a citizen's number in it, because paths are logged."""
        return [
            web.post("/v1/consents", self._handler(changes.GIVE_CONSENT)),
            web.post("/v1/consents/_end", self._handler(changes.WITHDRAW_CONSENT)),
        ]

    def _handler(
        self, kind: TypeAdapter[Any]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return the handler: it answers 202 once a quorum holds the command."""

        async def accept(_: web.Request, command: CommandRequest) -> web.Response:
            body = self._commands.parse_command(command, kind)
            config, now = self._commands.config, clock.now()
            ordered = sorted(builder.consent_faults(body, command.rights, config, now))
            refusal = validation_problem(ordered) if ordered else _test_refusal(command.rights)
            if refusal:
                await self._commands.raise_unless_accepted(command, refusal)
            return await self._commands.accept(
                command,
                command.new_command(),
                lambda context: builder.build_consent_command(body, context),
            )

        return self._commands.handler(accept, "send")


def _test_refusal(rights: Rights) -> web.Response | None:
    """Return the refusal of a test token: real messages would go by the consent that it records."""
    if not rights.test:
        return None
    detail = "a test token records and ends no consent"
    return problem_response(422, "Unprocessable Content", detail, code="test_token")
