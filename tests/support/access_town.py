"""A town with something in it for every set of rights: conversations of two municipalities and of
several departments, one of which moved; and what of it is whose, read from the tables themselves.
"""

import asyncio
import hashlib
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import aiohttp
import msgspec

from archiver.encryption.sealing import SALT_BYTES
from archiver.media.row_encryption import derive_stream_key
from services.http.rights import Rights
from services.postgres.database import connection_pool
from services.sealing.stream_sealing import SealingStream
from tests.support.citizens import NUMBER, phone, post, text, webhook
from tests.support.decrypted_record import keys_of
from tests.support.installation import NEIGHBOUR_NUMBER, Installation
from tests.support.observer import until
from tests.support.tokens import GENEROUS, admitted, bearer, made

VERSIONS = "/v1/rules/versions"
SECONDS = 20.0
"""Most seconds for an event that should come within one or two."""
NUMBERS = {"almelo": NUMBER, "hengelo": NEIGHBOUR_NUMBER}
WORDS = {"openbare-ruimte": "container", "burgerzaken": "paspoort", "belastingen": "woz"}
WORDS |= {"balie": "hallo"}
"""Word of a citizen that brings a message to each department."""
DEPARTMENTS = {
    "almelo": ("openbare-ruimte", "burgerzaken", "belastingen"),
    "hengelo": ("balie",),
}
ROLES = ((), ("send",), ("read",), ("send", "read"), ("kcc",), ("care",), ("rules",))
_citizens, _keys = itertools.count(5000), itertools.count()
OTHER_ROLE = "operator"
"""Every token has a role; this one opens neither API."""


class Part(msgspec.Struct, frozen=True):
    """One department's part in one conversation."""

    tenant: str
    department: str
    conversation: str
    messages: tuple[str, ...]
    mark: str
    """Stands in all that was said in it, and nowhere else."""
    to: str
    """The citizen."""

    def is_for(self, rights: Rights) -> bool:
        return rights.tenant == self.tenant and rights.handles(self.department)


def all_rights() -> Iterator[Rights]:
    """Every set of roles, with every set of departments, of each municipality."""
    for tenant, departments in DEPARTMENTS.items():
        for roles in ROLES:
            for count in range(len(departments) + 1):
                for some in itertools.combinations(departments, count):
                    name = "-".join((tenant, *roles, *some))
                    yield Rights(
                        name=name,
                        tenant=tenant,
                        roles=frozenset(roles or (OTHER_ROLE,)),
                        departments=frozenset(some) or None,
                        **GENEROUS,
                    )


class Parts:
    """The town's tokens and parts, once `filled` has made them."""

    def __init__(self, town: Installation, session: aiohttp.ClientSession) -> None:
        self.town, self.session = town, session
        self.tokens: dict[str, str] = {}
        self.rights = {rights.name: rights for rights in all_rights()}

    async def ask(
        self, method: str, url: str, token: str | None, **more: Any
    ) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers; an order gets a key of its own."""
        headers = {"Idempotency-Key": f"isolation-{next(_keys)}"} if method != "GET" else {}
        headers |= more.pop("headers", {}) | (bearer(token) if token else {})
        asked = self.session.request(method, url, headers=headers, **more)
        async with asked as answer:
            return answer.status, await answer.read(), dict(answer.headers)

    async def make_tokens(self) -> None:
        url = self.town.database.url
        for rights in self.rights.values():
            self.tokens[rights.name] = await made(
                url,
                rights.name,
                rights.tenant,
                roles=sorted(rights.roles),
                departments=sorted(rights.departments or ()),
            )
        for door in (self.town.gateway, self.town.archiver):
            await admitted(self.session, door, self.tokens[rights.name])
        await admitted(self.session, self.town.router, self.tokens[rights.name], VERSIONS)

    async def opened(self, tenant: str, department: str, mark: str) -> Part:
        """A new conversation of a department, with a question and an answer in it."""
        citizen = next(_citizens)
        said = text(f"{mark} {WORDS[department]}", f"wamid.{mark}", citizen)
        body = webhook(said, number=NUMBERS[tenant])
        assert await post(self.session, self.town.gateway, body) == 200
        (conversation,) = await self._until_rows(_CONVERSATION, mark)
        part = Part(tenant, department, conversation, (), mark, f"+{phone(citizen)}")
        return await self._answered(part)

    async def _answered(self, part: Part) -> Part:
        """The part with its department's answer, once that is on the record."""
        said = {"type": "text", "text": {"body": f"{part.mark} antwoord"}}
        order = {"conversationId": part.conversation} | said
        answer = await self.ordered(f"{part.tenant}-send", "/v1/messages", order)
        ids = await until(
            lambda: self.rows(_MESSAGES, part.mark), lambda ids: answer["id"] in ids, SECONDS
        )
        return msgspec.structs.replace(part, messages=tuple(ids))

    async def with_a_file(self, part: Part) -> None:
        """Its last message has one, in which stands whose it is."""
        said = {"conversation": part.conversation, "text": part.mark}
        content, id = msgspec.json.encode(said), part.messages[-1]
        salt = os.urandom(SALT_BYTES)
        sealed = await self._sealed(part, UUID(id), salt, content)
        name = hashlib.sha256(sealed).hexdigest()
        folder = self.town.objects / "sealed"
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(sealed)
        place = (part.tenant, part.conversation, part.department)
        await self.rows(_FILE, id, *place, salt.hex(), name, len(content))

    async def _sealed(self, part: Part, id: UUID, salt: bytes, content: bytes) -> bytes:
        """The content under the key of its conversation, as the archiver stores it."""
        place = (part.tenant, part.conversation)
        async with connection_pool(self.town.database.url, "test", 1) as pool:
            key = (await (await keys_of(pool)).existing_conversation_keys([place]))[place]
        lock = derive_stream_key({"file_salt": salt, "about": id}, key)
        assert lock is not None

        async def pieces() -> AsyncIterator[bytes]:
            yield content

        return b"".join([piece async for piece in SealingStream(lock, pieces()).pieces()])

    async def moved(self, part: Part, department: str, mark: str) -> Part:
        """The part of another department, after a transfer."""
        path = f"/v1/conversations/{part.conversation}/_transfer"
        reason = {"department": department, "reason": f"{mark} hoort hier"}
        await self.ordered(f"{part.tenant}-send", path, reason)
        await self._until_rows(_THERE, part.conversation, department)
        there = msgspec.structs.replace(part, department=department, mark=mark)
        return await self._answered(there)

    async def ordered(self, name: str, path: str, body: Any) -> Any:
        url = self.town.gateway + path
        status, said, _ = await self.ask("POST", url, self.tokens[name], json=body)
        assert status == 202, said
        return msgspec.json.decode(said)

    async def rows(self, sql: str, *values: str | int) -> list[str]:
        """Lines that the database's owner finds; the values are ours, and hold no quotes."""
        said = await asyncio.to_thread(self.town.database.execute, sql.format(*values))
        return said.splitlines()

    async def _until_rows(self, sql: str, *values: str) -> list[str]:
        return await until(lambda: self.rows(sql, *values), bool, SECONDS)


_CONVERSATION = """select distinct conversation from opened.record
where kind = 'message' and data->>'text' like '{0} %'"""
_MESSAGES = """select message from opened.record
where kind = 'message' and data->>'text' like '{0} %' order by id"""
_THERE = "select id from router.conversation where id = '{0}' and department = '{1}'"


def ids_in(value: Any) -> Iterator[str]:
    """Every id of ours that stands anywhere in an answer."""
    if isinstance(value, dict):
        for each in value.values():
            yield from ids_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from ids_in(each)
    elif isinstance(value, str) and _is_id(value):
        yield value


def _is_id(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return any(value.startswith(f"{number}-") for number in NUMBERS.values())
    return True


_FILE = """
insert into archiver.media (id, tenant, number, conversation, department, announced, sealed,
    sent_at, state, object, file_salt, ciphertext_sha256, size)
values ('{0}', '{1}', '', '{2}', '{3}', '{{}}', '', now(), 'available', '{0}', '\\x{4}', '{5}', {6})
"""
