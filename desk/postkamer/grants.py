"""Calls of the gateway about who has which rights."""

from datetime import datetime

import msgspec

from desk.access import Department
from desk.postkamer.client import PostkamerClient


class Granted(msgspec.Struct, frozen=True, rename="camel"):
    """Rights that were given to a group or a token."""

    roles: tuple[str, ...] = ()
    departments: tuple[Department, ...] = ()
    all_departments: bool = False
    confidential: bool = False
    destinations: tuple[str, ...] = ()


class Group(Granted, frozen=True, kw_only=True, rename="camel"):
    """A group of the provider, by the value in its claims."""

    provider: str
    value: str


class Token(Granted, frozen=True, kw_only=True, rename="camel"):
    name: str
    people: bool = False
    test: bool = False
    expires_at: datetime | None = None


class Grants(msgspec.Struct, frozen=True):
    groups: tuple[Group, ...]
    tokens: tuple[Token, ...]


class GrantsReader:
    def __init__(self, client: PostkamerClient) -> None:
        self._client = client

    async def grants(self, token: str) -> Grants:
        """Return the groups and tokens of the municipality. Raises Refused and Unanswered."""
        answer = await self._client.ask("GET", "/v1/grants", token)
        return msgspec.json.decode(answer.body, type=Grants)
