"""The tokens and subjects of the access matrix, in a town that runs."""

import asyncio
import hashlib
import re
import secrets
from typing import Any
from uuid import UUID

import msgspec

from archiver.api.viewer import EMPLOYEE, REASON
from services import clock
from services.http.rights import ROLES, Role
from tests.support.access_matrix import (
    KINDS,
    MATRIX,
    SENDER,
    Entry,
    Subject,
    admitted_subjects,
    expected_role_status,
    expected_status,
    name_of,
    sent_body,
)
from tests.support.access_town import VERSIONS, Part, Parts
from tests.support.api_operations import Operation, operations
from tests.support.e2e.isolation import more_of, url_of
from tests.support.identity_provider import AUDIENCE, NEIGHBOUR, PERSON, Provider, key_for
from tests.support.observer import until
from tests.support.tokens import admitted, made

PREFIX = "matrix-"
ENVIRONMENT = "sandbox-api-token"
"""Token of the installation's environment, with every role."""
NO_TENANT = "nergens"
"""Municipality that is not there; its number is none of ours."""
BY_NAME = {name_of(operation): operation for operation in operations()}
REASONED = re.compile(
    r"/v1/(requests|people|views|exposures|holds|disclosures|destruction-lists|messages/_search)"
    r"|.*/_(value|annotate)$"
)
"""Paths that are for employees who say why they look, or who they are."""
WRONG = ("revoked", "expired", "forged")
"""Tokens that are no longer valid, or never were."""
SECONDS = 20.0
AT_ONCE = 2
"""Uploads of one token that a gateway takes at the same time."""


class Answer(msgspec.Struct, frozen=True):
    status: int
    said: bytes


class MatrixTown(msgspec.Struct, frozen=True):
    parts: Parts
    tokens: dict[str, str]
    subjects: dict[Subject, Part]
    upload: str
    turns: asyncio.Semaphore = msgspec.field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def ask(self, name: str, subject: Part, token: str | None) -> Answer:
        """The answer of an operation, without the ids of its subject."""
        operation = BY_NAME[name]
        more = self._more(operation, subject)
        url = url_of(operation, subject, self.parts.town)
        if token == self.tokens["people"] or REASONED.match(operation.path):
            more["headers"] = more.get("headers", {}) | {EMPLOYEE: PERSON, REASON: "matrix"}
        async with self.turns:
            status, said, _ = await self.parts.ask(operation.method, url, token, **more)
        return Answer(status, without_ids(said, subject))

    def _more(self, operation: Operation, subject: Part) -> dict[str, Any]:
        body = sent_body(operation, subject)
        return {"json": body} if body else more_of(operation, subject, self.upload, 0)

    async def differences(self) -> list[str]:
        """Every answer that is not the one of the matrix, and every refusal that tells a subject
        which is hidden from one that does not exist."""
        await self._until_no_message_is_in_transit()
        found: list[str] = []
        for name, entry in MATRIX.items():
            subjects = await self._sent() if entry.scope == "sender" else self.subjects
            cells = [self._strangers(name, entry)]
            if entry.scope != "open":
                cells += [self._role(name, entry, role) for role in ROLES]
                cells += [
                    self._kind(name, entry, kind, about, subject)
                    for kind in KINDS
                    for about, subject in subjects.items()
                ]
            found += filter(None, await asyncio.gather(*cells))
        return found

    async def _until_no_message_is_in_transit(self) -> None:
        """Once the archive says of an unknown message as young as these that it does not exist."""
        youngest = max(self.subjects.values(), key=lambda part: part.messages[-1])
        name, token = "archiver GET /v1/messages/{id}", self.tokens["named"]
        await until(
            lambda: self.ask(name, absent(youngest), token), lambda got: got.status == 404, SECONDS
        )

    async def _sent(self) -> dict[Subject, Part]:
        """The subject with a message that SENDER sent."""
        subject, url = self.subjects["ordinary"], f"{self.parts.town.gateway}/v1/messages"
        operation = BY_NAME["gateway POST /v1/messages"]
        more = self._more(operation, subject)
        _, said, _ = await self.parts.ask("POST", url, self.tokens[SENDER], **more)
        id = msgspec.json.decode(said)["id"]
        return {"ordinary": msgspec.structs.replace(subject, messages=(id,))}

    async def _strangers(self, name: str, entry: Entry) -> str:
        """Those without a token, and with a wrong or revoked one: one answer to all."""
        subjects = (self.subjects["confidential"], absent(self.subjects["ordinary"]))
        given = (None, "pk_unknown", *(self.tokens[name] for name in WRONG))
        asked = [await self.ask(name, each, token) for each in subjects for token in given]
        expected = entry.admitted if entry.scope == "open" else 401
        is_right = {answer.status for answer in asked} == {expected} and len(set(asked)) == 1
        return "" if is_right else f"{name}, no token: {asked}"

    async def _role(self, name: str, entry: Entry, role: Role) -> str:
        got = await self.ask(name, self.subjects["ordinary"], self.tokens[role])
        is_right = got.status == expected_role_status(entry, role)
        return "" if is_right else f"{name}, role {role}: {got}"

    async def _kind(self, name: str, entry: Entry, kind: str, about: Subject, subject: Part) -> str:
        got = await self.ask(name, subject, self.tokens[kind])
        expected = expected_status(entry, kind, about)
        if got.status != expected:
            return f"{name}, {kind}, {about}: {got.status} and not {expected}: {got.said!r}"
        if about in admitted_subjects(entry, kind):
            return ""
        nowhere = await self.ask(name, absent(subject), self.tokens[kind])
        return "" if got == nowhere else f"{name}, {kind}, {about}: {got} and not {nowhere}"


def absent(subject: Part) -> Part:
    """A subject like this one that does not exist, with a message of the same age."""
    message = UUID(subject.messages[-1])
    return msgspec.structs.replace(
        subject,
        tenant=NO_TENANT,
        conversation=subject.conversation[:-8] + "a" * 8,
        messages=(str(UUID(int=message.int ^ 0xFFFF)),),
    )


def without_ids(said: bytes, subject: Part) -> bytes:
    """An answer without the ids that the caller gave, and without the time of a search."""
    for id in (subject.conversation, *subject.messages):
        said = said.replace(id.encode(), b"*")
    before, name, after = said.partition(b'"asOf":"')
    return before + name + after.partition(b'"')[2] if name else said


def person_tokens(provider: Provider) -> dict[str, str]:
    """A token for each kind of person, and some that are wrong."""
    another = key_for("RS256", provider.keys[0].kid)
    right = {
        name: provider.token(
            sub=name,
            roles=["every-role", name],
            exp=_in_hours(12),
            aud=AUDIENCE if kind.tenant == "almelo" else NEIGHBOUR,
        )
        for name, kind in KINDS.items()
        if kind.is_person
    }
    return right | {
        "expired": provider.token(roles=["every-role", "person"], exp=_in_hours(-1)),
        "forged": provider.token(key=another, roles=["every-role", "person"]),
    }


def _in_hours(hours: int) -> int:
    return int(clock.now().timestamp()) + hours * 3600


async def make_matrix_tokens(parts: Parts, provider: Provider) -> dict[str, str]:
    """A token for each kind and each role, and wrong ones."""
    url, tokens = parts.town.database.url, person_tokens(provider)
    for role in ROLES:
        tokens[role] = await made(url, f"{PREFIX}{role}", "almelo", roles=(role,))
    for name, kind in KINDS.items():
        if kind.is_person:
            continue
        if kind.is_in_environment:
            tokens[name] = ENVIRONMENT
            continue
        tokens[name] = (
            await _old_token(parts, name)
            if kind.is_old
            else await made(
                url,
                PREFIX + name,
                kind.tenant,
                roles=ROLES,
                departments=kind.departments,
                all_departments=kind.every,
                confidential=kind.confidential,
                destinations=kind.destinations,
                people=kind.is_for_people,
                test=kind.is_test,
            )
        )
    tokens["revoked"] = await made(url, f"{PREFIX}revoked", "almelo")
    await parts.rows(f"update access.token set revoked_at = now() where name = '{PREFIX}revoked'")
    for door in (parts.town.gateway, parts.town.archiver):
        await admitted(parts.session, door, tokens["neighbour"])
    await admitted(parts.session, parts.town.router, tokens["neighbour"], VERSIONS)
    return tokens


async def _old_token(parts: Parts, name: str) -> str:
    """A token as it was stored before departments had to be named."""
    token = secrets.token_hex(32)
    hash = hashlib.sha256(token.encode()).hexdigest()
    await parts.rows(_OLD, PREFIX + name, hash, ",".join(ROLES))
    await asyncio.to_thread(parts.town.says, "token", "confirm", PREFIX + name)
    return token


_OLD = """
insert into access.token (name, hash, tenant, roles, departments, people, per_second, burst)
values ('{0}', '\\x{1}', 'almelo', '{{{2}}}', '{{}}', false, 1000, 10000)
"""
