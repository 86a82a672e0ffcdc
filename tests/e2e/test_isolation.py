"""No token gets, finds, counts or changes anything outside its municipality, departments and roles.

Over every operation of both documents: a new one is asked here as soon as it is described, and one
with a subject that is not known here fails.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gateway.changes import ORDERING
from services import clock
from services.access import Rights
from tests.described import Operation, operations
from tests.installation import Installation
from tests.parts import NUMBERS, Part, Parts, all_rights, ids_in

DRAWN = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
RIGHTS = sorted(all_rights(), key=lambda rights: rights.name)
INSIDER = "almelo-send-burgerzaken"
"""Of the department that the documents' examples are about."""
PDF = b"%PDF-1.7\n%%EOF\n"
NOWHERE = Part(
    tenant="almelo",
    department="burgerzaken",
    conversation=f"{NUMBERS['almelo']}-{'a' * 26}",
    messages=("018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c11",),
    mark="nowhere",
    to="+31600000099",
)
"""What is not there at all."""


GUARDED = [operation for operation in operations() if operation.roles]
OPEN = [operation for operation in operations() if not operation.roles]
LISTING = [one for one in GUARDED if one.method == "GET" and "{" not in one.path]
"""Those without a subject: what they list is asked for by itself."""
each_guarded = pytest.mark.parametrize(
    "operation", GUARDED, ids=lambda one: f"{one.door} {one.method} {one.path}"
)
each_with_a_subject = pytest.mark.parametrize(
    "operation",
    [one for one in GUARDED if one not in LISTING],
    ids=lambda one: f"{one.door} {one.method} {one.path}",
)


def url_of(operation: Operation, part: Part, town: Installation) -> str:
    """The operation's address with this part as its subject."""
    steps = operation.path.split("/")
    subjects = {
        "conversations": part.conversation,
        "messages": part.messages[-1],
        "numbers": NUMBERS[part.tenant],
    }
    for n, step in enumerate(steps):
        if step.startswith("{"):
            steps[n] = subjects[steps[n - 1]]  # KeyError: say here what its subject is
    return getattr(town, operation.door) + "/".join(steps)


def filled(example: Any, part: Part, upload: str, key: str = "") -> Any:
    """An example with this part as its subject, whatever was answered in it before."""
    given = {
        "conversationId": part.conversation,
        "messageId": part.messages[-1],
        "replyTo": part.messages[-1],
        "number": NUMBERS[part.tenant],
        "to": part.to,
        "from": part.department,
        "with": NOWHERE.conversation,
        "until": (clock.now() + timedelta(days=1)).isoformat(),
    }
    if key in given:
        return given[key]
    if isinstance(example, dict):
        found = {k: filled(v, part, upload, k) for k, v in example.items() if k != "ifLast"}
        return found | ({"id": upload} if key == "media" and "id" in found else {})
    return (
        [filled(each, part, upload) for each in example] if isinstance(example, list) else example
    )


class World(msgspec.Struct, frozen=True):
    tokens: dict[str, str]
    parts: list[Part]
    upload: str
    """By the token that may do all in almelo."""

    def parts_of(self, part: Part) -> list[Part]:
        """All of its conversation, in their order."""
        return [each for each in self.parts if each.conversation == part.conversation]

    def last_of(self, part: Part) -> Part:
        return self.parts_of(part)[-1]


@pytest.fixture(scope="module")
def world(town: Installation) -> World:
    """Tokens of all rights, and parts that each of them may or may not see."""

    async def build() -> World:
        async with aiohttp.ClientSession() as session:
            parts = Parts(town, session)
            await parts.make_tokens()
            waste = await parts.opened("almelo", "openbare-ruimte", "afvalmerk")
            passport = await parts.opened("almelo", "burgerzaken", "paspoortmerk")
            first = await parts.opened("almelo", "openbare-ruimte", "eerstmerk")
            then = await parts.moved(first, "burgerzaken", "toenmerk")
            last = await parts.moved(then, "belastingen", "daarnamerk")
            theirs = await parts.opened("hengelo", "balie", "buurmerk")
            upload = await uploaded(parts, "almelo-send")
            made = [waste, passport, first, then, last, theirs]
            return World(parts.tokens, made, upload)

    return asyncio.run(build())


async def uploaded(parts: Parts, name: str) -> str:
    url = f"{parts.town.gateway}/v1/media"
    files = {"data": PDF, "headers": {"Content-Type": "application/pdf"}}
    status, said, _ = await parts.ask("POST", url, parts.tokens[name], **files)
    assert status == 201, said
    return str(msgspec.json.decode(said)["id"])


@pytest.fixture
async def parts(
    town: Installation, world: World, session: aiohttp.ClientSession
) -> AsyncIterator[Parts]:
    made = Parts(town, session)
    made.tokens = world.tokens
    yield made


def more_of(operation: Operation, part: Part, upload: str, example: int) -> dict[str, Any]:
    """What goes along with a request."""
    if operation.takes_files:
        return {"data": PDF, "headers": {"Content-Type": "application/pdf"}}
    if not operation.bodies:
        return {}
    body = operation.bodies[example % len(operation.bodies)]
    return {"json": filled(body, part, upload)}


def is_inside(rights: Rights, operation: Operation, part: Part, world: World) -> bool:
    """Whether a token gets what it asks for, its role apart."""
    if "numbers" in operation.path or operation.path.endswith("_confirm"):
        return rights.tenant == part.tenant  # whatever its departments
    if operation.is_order:
        return world.last_of(part).is_for(rights)
    if operation.door == "gateway":
        return rights.name == f"{part.tenant}-send"  # who sent it
    if "conversations" in operation.path:
        return has_seen(rights, part, world)
    return part.is_for(rights)


def has_seen(rights: Rights, part: Part, world: World) -> bool:
    """Whether some of the conversation was its."""
    return any(each.is_for(rights) for each in world.parts_of(part))


def assert_tells_nothing(said: bytes, rights: Rights | None, world: World) -> None:
    """No word and no id of what these rights do not cover stands in an answer."""
    theirs = [part for part in world.parts if rights and part.is_for(rights)]
    known = {id for part in theirs for id in (part.conversation, *part.messages)}
    hidden = {id for part in world.parts for id in (part.conversation, *part.messages)} - known
    assert not [
        part.mark for part in world.parts if part not in theirs and part.mark.encode() in said
    ]
    try:
        value = msgspec.json.decode(said)
    except msgspec.DecodeError:
        return
    assert not hidden & set(ids_in(value))


def refusals(operation: Operation, body: Any, rights: Rights, was: bool) -> set[int]:
    """How an order may be answered that is not for a conversation of the token's own."""
    if operation.takes_files:
        return {201}  # it names nobody else's
    if "numbers" in operation.path:
        return {404}
    if "with" in body:  # nor is the other one theirs
        return {400} if was else {404}
    if "number" in body:  # with one number of its own department the door cannot see more
        return {400} if body["number"] != NUMBERS[rights.tenant] else {202, 400}
    return {409} if was else {400, 404}


@each_with_a_subject
@given(rights=st.sampled_from(RIGHTS), nth=st.integers(0, 5), example=st.integers(0, 30))
@DRAWN
async def test_a_token_gets_its_own_and_of_the_rest_not_even_that_it_is(
    parts: Parts, world: World, operation: Operation, rights: Rights, nth: int, example: int
) -> None:
    part, token = world.parts[nth], parts.tokens[rights.name]
    inside = rights.may(*operation.roles) and is_inside(rights, operation, part, world)
    assume(not (inside and operation.is_order))  # what that does is looked at by itself
    more = more_of(operation, part, world.upload, example)
    url = url_of(operation, part, parts.town)
    status, said, headers = await parts.ask(operation.method, url, token, **more)
    assert_tells_nothing(said, rights, world)
    assert "RateLimit" in headers
    if not rights.may(*operation.roles):
        assert status == 403
    elif inside:
        assert status == 200
        assert {part.conversation, *part.messages} & set(ids_in(msgspec.json.decode(said)))
    elif operation.is_order:
        was = has_seen(rights, part, world)
        assert status in refusals(operation, more.get("json"), rights, was)
    else:
        url = url_of(operation, NOWHERE, parts.town)
        nowhere = await parts.ask(operation.method, url, token, **more)
        assert (status, said) == nowhere[:2], "as if it were not there"
        assert status == 404


@pytest.mark.parametrize("operation", LISTING, ids=lambda one: one.path)
async def test_a_list_has_what_is_of_the_municipality_and_of_nobody_else(
    parts: Parts, world: World, operation: Operation
) -> None:
    assert operation.path == "/v1/numbers"  # of another list, say here what is in it
    for rights in RIGHTS:
        url = url_of(operation, NOWHERE, parts.town)
        status, said, _ = await parts.ask("GET", url, parts.tokens[rights.name])
        assert_tells_nothing(said, rights, world)
        if not rights.may(*operation.roles):
            assert status == 403
            continue
        (listed,) = msgspec.json.decode(said)["numbers"]
        assert (status, listed["id"]) == (200, NUMBERS[rights.tenant])


@each_guarded
async def test_without_a_token_of_ours_nothing_is_told(
    parts: Parts, world: World, operation: Operation
) -> None:
    for part in world.parts:
        for token in (None, "pk_unknown", parts.tokens[INSIDER][:-1]):
            more = more_of(operation, part, world.upload, 0)
            url = url_of(operation, part, parts.town)
            status, said, _ = await parts.ask(operation.method, url, token, **more)
            assert status == 401
            assert_tells_nothing(said, None, world)


@pytest.mark.parametrize("operation", OPEN, ids=lambda one: f"{one.door} {one.method} {one.path}")
async def test_what_needs_no_token_tells_nothing_of_anybody(
    parts: Parts, world: World, operation: Operation
) -> None:
    url = url_of(operation, NOWHERE, parts.town)
    for token in (None, *parts.tokens.values()):
        status, said, _ = await parts.ask(operation.method, url, token)
        assert status in (200, 401, 403)
        assert_tells_nothing(said, None, world)


ORDERS = [
    (operation, n)
    for operation in GUARDED
    if operation.is_order
    for n in range(max(1, len(operation.bodies)))
]


@pytest.mark.parametrize(
    ("operation", "example"), ORDERS, ids=lambda one: getattr(one, "path", one)
)
async def test_a_token_that_may_does_it(
    parts: Parts, world: World, operation: Operation, example: int
) -> None:
    mark = f"mag{ORDERS.index((operation, example))}"
    part = await parts.opened("almelo", "burgerzaken", mark)
    upload = await uploaded(parts, INSIDER)
    url = url_of(operation, part, parts.town)
    more = more_of(operation, part, upload, example)
    if "with" in more.get("json", {}):
        other = await parts.opened("almelo", "burgerzaken", f"ook{mark}")
        more["json"]["with"] = other.conversation
    token = parts.tokens[f"almelo-{operation.roles[0]}-burgerzaken"]
    status, said, _ = await parts.ask(operation.method, url, token, **more)
    assert status in (201, 202), said


async def test_a_file_is_for_the_token_alone_that_uploaded_it(parts: Parts, world: World) -> None:
    part = world.parts[1]
    media = {"type": "media", "media": {"kind": "document", "id": world.upload}}
    order = {"conversationId": part.conversation} | media
    url = f"{parts.town.gateway}/v1/messages"
    for rights in RIGHTS:
        if rights.may("send") and part.is_for(rights):
            status, said, _ = await parts.ask("POST", url, parts.tokens[rights.name], json=order)
            assert status == (202 if rights.name == "almelo-send" else 400), said


async def test_after_all_of_it_no_conversation_has_changed_that_was_not_the_token_s(
    parts: Parts, world: World
) -> None:
    for tenant, department in (("almelo", "burgerzaken"), ("hengelo", "balie")):
        await parts.opened(tenant, department, f"laatst{tenant}")  # what came before it is done
    for part in world.parts:
        now = world.last_of(part)
        (row,) = await parts.rows(_CONVERSATION_NOW, part.conversation)
        assert row == f"{now.department}|f|"
    done = [line.split("|") for line in await parts.rows(_DONE)]
    assert INSIDER in {name for name, _, _ in done}
    for name, tenant, department in done:
        rights = parts.rights[name]
        assert rights.may(*ORDERING)
        assert rights.tenant == tenant
        assert rights.handles(department)


_CONVERSATION_NOW = """select department, closed_at is not null, zaak from router.conversation
where id = '{0}'"""
_DONE = """select distinct coalesce(data->>'token', data->'by'->>'token'), tenant,
    coalesce(data->>'from', data->>'department')
from archiver.record
where conversation <> '' and coalesce(data->>'token', data->'by'->>'token') is not null"""
