"""No token gets, finds, counts or changes anything outside its municipality, departments and roles.

Over every operation of both documents: a new one is asked here as soon as it is described, and one
with a subject that is not known here fails.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gateway.requests.changes import COMMAND_ROLES
from services.http.rights import ROLES, Rights
from tests.support.access_matrix import MATRIX, Subject, name_of
from tests.support.access_town import NUMBERS, Part, Parts, all_rights
from tests.support.api_operations import Operation, operations
from tests.support.e2e.isolation import (
    NOWHERE,
    World,
    assert_tells_nothing,
    has_seen,
    is_inside,
    more_of,
    present_version,
    refusals,
    uploaded,
    url_of,
)
from tests.support.e2e.matrix_town import NO_TENANT, MatrixTown, make_matrix_tokens
from tests.support.example_count import example_count
from tests.support.identity_provider import (
    ID,
    PERSON,
    Provider,
    identity_tables,
    neighbour_tables,
    running_provider,
)
from tests.support.installation import Installation, installed

DRAWN = settings(
    max_examples=example_count(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
RIGHTS = sorted(all_rights(), key=lambda rights: rights.name)
INSIDER = "almelo-send-burgerzaken"
"""Token of the department that the documents' examples are about."""


GUARDED = [operation for operation in operations() if operation.needs_token]
OPEN = [operation for operation in operations() if not operation.needs_token]
LISTING = [one for one in GUARDED if one.method == "GET" and "{" not in one.path]
"""Those without a subject: what they list is asked for by itself."""
KEEPERS = {"privacy", "records", "archivist"}
OF_PRIVACY = [one for one in GUARDED if one.roles and {*one.roles} <= KEEPERS]
"""None of these rights has such a role: who has one is asked in `test_privacy_api.py`,
`test_hold_api.py` and `test_list_steps.py`."""
LISTING = [one for one in LISTING if one not in OF_PRIVACY]
SEARCHING = [one for one in GUARDED if one.path.endswith("/_search") and one not in OF_PRIVACY]
"""So are those: what they find."""
ABOUT_RULES = [one for one in GUARDED if "/rules/" in one.path]
"""So are those: a conversation is nothing to them."""
each_guarded = pytest.mark.parametrize(
    "operation", GUARDED, ids=lambda one: f"{one.door} {one.method} {one.path}"
)
each_with_a_subject = pytest.mark.parametrize(
    "operation",
    [one for one in GUARDED if one not in (*LISTING, *SEARCHING, *ABOUT_RULES)],
    ids=lambda one: f"{one.door} {one.method} {one.path}",
)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Installation]:
    """The town of these tests has a confidential department, and an identity provider."""
    department = f'id = "{CONFIDENTIAL}"\n'

    def change(text: str) -> str:
        assert department in text
        text = text.replace(department, f"{department}confidential = true\n")
        return text + identity_tables(provider) + neighbour_tables(provider)

    with installed(tmp_path_factory.mktemp("town"), change) as installation:
        yield installation


@pytest.fixture(scope="module")
def world(town: Installation, provider: Provider) -> World:
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
            subjects: dict[Subject, Part] = {
                "ordinary": await parts.opened("almelo", "burgerzaken", "gewoonmerk"),
                "confidential": await parts.opened("almelo", "belastingen", "stilmerk"),
            }
            for part in (*made, *subjects.values()):
                await parts.with_a_file(part)
            kinds = await make_matrix_tokens(parts, provider)
            return World(parts.tokens, made, upload, subjects, kinds)

    return asyncio.run(build())


@pytest.fixture
async def parts(
    town: Installation, world: World, session: aiohttp.ClientSession
) -> AsyncIterator[Parts]:
    made = Parts(town, session)
    made.tokens = world.tokens
    yield made


def access_of(rights: Rights) -> Any:
    """The token itself, with the departments that it reaches and no other."""
    reached = [id for id in CONFIGURED[rights.tenant] if rights.handles(id)]
    return {
        "tenant": {"id": rights.tenant},
        "token": rights.name,
        "person": None,
        "roles": sorted(rights.roles, key=ROLES.index),
        "departments": [{"id": id, "confidential": id == CONFIDENTIAL} for id in reached],
        "allDepartments": rights.departments is None,
    }


def departments_for(rights: Rights) -> Any:
    """Every department of the municipality; those of the token are its own."""
    every = CONFIGURED[rights.tenant]
    return {"departments": [{"id": id, "yours": rights.handles(id)} for id in every]}


def figures_for(rights: Rights) -> Any:
    """The departments of the municipality in which something was counted."""
    return {"departments": [{"id": id} for id in CONFIGURED[rights.tenant]]}


LISTED = {
    "/v1/access": access_of,
    "/v1/departments": departments_for,
    "/v1/numbers": lambda rights: {"numbers": [{"id": NUMBERS[rights.tenant]}]},
    "/v1/rules/versions": lambda _: {"versions": [{"inForce": True}]},
    # none of these tokens owns one
    "/v1/destinations": lambda _: {"destinations": [], "quarantined": []},
    "/v1/figures": figures_for,
    "/v1/figures/report": lambda _: {"code": "not_settled"},
    "/v1/grants": lambda _: {},  # looked at by itself, below
}
"""List -> its content for a token."""
REFUSED = {"/v1/figures/report": 409}
"""List that is refused, of the present month -> its status."""
CONFIDENTIAL = "belastingen"
OTHER = {"almelo": "hengelo", "hengelo": "almelo"}
CONFIGURED = {
    "almelo": ("klantcontact", "burgerzaken", "openbare-ruimte", CONFIDENTIAL),
    "hengelo": ("balie",),
}
"""Departments of each municipality in the order of its configuration."""


@each_with_a_subject
@given(rights=st.sampled_from(RIGHTS), nth=st.integers(0, 5), example=st.integers(0, 30))
@DRAWN
async def test_token_reaches_its_own_parts_and_no_sign_of_the_rest(
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
        known = [id for id in (part.conversation, *part.messages) if id.encode() in said]
        assert known or "numbers" in operation.path  # a number's own, of no conversation
    elif operation.is_order:
        was = has_seen(rights, part, world)
        assert status in refusals(operation, more.get("json"), rights, was)
    else:
        absent = msgspec.structs.replace(NOWHERE, tenant=NO_TENANT)
        url = url_of(operation, absent, parts.town)
        nowhere = await parts.ask(operation.method, url, token, **more)
        assert (status, said) == nowhere[:2], "as if it were not there"
        assert status == 404


@pytest.mark.parametrize("operation", LISTING, ids=lambda one: one.path)
async def test_list_has_what_belongs_to_the_municipality_only(
    parts: Parts, world: World, operation: Operation
) -> None:
    expected = LISTED[operation.path]  # KeyError: of another list, say there what is in it
    for rights in RIGHTS:
        url = url_of(operation, NOWHERE, parts.town)
        status, said, headers = await parts.ask("GET", url, parts.tokens[rights.name])
        assert_tells_nothing(said, rights, world)
        assert "RateLimit" in headers
        if operation.roles and not rights.may(*operation.roles):
            assert status == 403
            continue
        assert status == REFUSED.get(operation.path, 200)
        assert is_subset(expected(rights), msgspec.json.decode(said)), rights.name


async def test_grants_are_of_the_own_municipality_only(parts: Parts) -> None:
    providers = []
    for tenant, other in OTHER.items():
        url = f"{parts.town.gateway}/v1/grants"
        status, said, _ = await parts.ask("GET", url, parts.tokens[f"{tenant}-rules"])
        assert status == 200
        grants = msgspec.json.decode(said)
        names = {each["name"] for each in grants["tokens"]}
        assert names >= {each.name for each in RIGHTS if each.tenant == tenant}
        assert names.isdisjoint(each.name for each in RIGHTS if each.tenant == other)
        providers.append({each["provider"] for each in grants["groups"]})
    assert all(providers) and providers[0].isdisjoint(providers[1])


def is_subset(part: Any, whole: Any) -> bool:
    """True if all of `part` stands in `whole`, whose objects may have further members. A list has
    the same length."""
    if isinstance(part, dict):
        return all(name in whole and is_subset(each, whole[name]) for name, each in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(is_subset, part, whole))
    return bool(part == whole)


@pytest.mark.parametrize("operation", SEARCHING, ids=lambda one: one.path)
async def test_search_finds_and_counts_what_the_token_may_read_only(
    parts: Parts, world: World, operation: Operation
) -> None:
    assert operation.path == "/v1/messages/_search"  # of another one, say here what it finds
    for rights, part in itertools.product(RIGHTS, world.parts):
        url, token = url_of(operation, part, parts.town), parts.tokens[rights.name]
        status, said, _ = await parts.ask("POST", url, token, json={"words": part.mark})
        assert_tells_nothing(said, rights, world)
        if not rights.may(*operation.roles):
            assert status == 403
            continue
        found = msgspec.json.decode(said)
        mine = {*part.messages} if part.is_for(rights) else set()
        assert (status, found["total"]) == (200, len(mine))
        assert {one["id"] for one in found["messages"]} == mine
        person = {"kind": "phone", "value": part.to}
        for way in ({"conversation": part.conversation}, {"person": person}):
            status, said, _ = await parts.ask("POST", url, token, json=way)
            assert_tells_nothing(said, rights, world)
            hits = msgspec.json.decode(said)["messages"] + msgspec.json.decode(said)["notes"]
            # A refused command is in no conversation, and on record for its own department.
            within = [one for one in hits if one["conversationId"]]
            assert (status, bool(within)) == (200, has_seen(rights, part, world))
            refused = {one["department"] for one in hits if not one["conversationId"]}
            assert refused <= (refused if rights.departments is None else rights.departments)


async def test_rules_of_another_municipality_are_not_shown(parts: Parts) -> None:
    explain, listed, read, approve = (f"{one.door} {one.method} {one.path}" for one in ABOUT_RULES)
    assert (explain, listed) == ("router POST /v1/rules/_explain", "router GET /v1/rules/versions")
    assert read == "router GET /v1/rules/versions/{id}"
    # It takes the tokens of persons alone. Of another one, say here what it shows.
    assert approve == "router POST /v1/rules/versions/{id}/_approve"
    url = f"{parts.town.router}/v1/rules"
    version = f"{url}/versions/{present_version(parts.town.config)}"
    for rights in RIGHTS:
        token, other = parts.tokens[rights.name], OTHER[rights.tenant]
        status, said, _ = await parts.ask("GET", version, token)
        assert status == (200 if rights.may("rules") else 403)
        assert (b"Gemeente " + rights.tenant.title().encode() in said) == (status == 200)
        assert b"Gemeente " + other.title().encode() not in said
        for number, expected in ((NUMBERS[rights.tenant], 200), (NUMBERS[other], 400)):
            question = {"text": "hallo, een paspoort graag", "number": number}
            status, said, _ = await parts.ask("POST", f"{url}/_explain", token, json=question)
            assert status == (expected if rights.may("rules", "kcc") else 403)
            assert b"paspoort" not in said or status == 200
            if status == 200:
                assert msgspec.json.decode(said)["department"] in CONFIGURED[rights.tenant]


@each_guarded
async def test_operation_without_a_known_token_tells_nothing(
    parts: Parts, world: World, operation: Operation
) -> None:
    for part in (world.parts[0], world.parts[-1]):  # one of each municipality
        for token in (None, "pk_unknown", parts.tokens[INSIDER][:-1]):
            more = more_of(operation, part, world.upload, 0)
            url = url_of(operation, part, parts.town)
            status, said, _ = await parts.ask(operation.method, url, token, **more)
            assert status == 401
            assert_tells_nothing(said, None, world)


@pytest.mark.parametrize("operation", OPEN, ids=lambda one: f"{one.door} {one.method} {one.path}")
async def test_open_operation_tells_nothing_about_citizens(
    parts: Parts, world: World, operation: Operation
) -> None:
    url, answers = url_of(operation, NOWHERE, parts.town), set[bytes]()
    for token in (None, *parts.tokens.values()):
        status, said, _ = await parts.ask(operation.method, url, token)
        assert status in (200, 401, 403)
        answers.add(said)
    for said in answers:  # most are the same, and long
        assert_tells_nothing(said, None, world)


ORDERS = [
    (operation, n)
    for operation in GUARDED
    if operation.is_order and operation not in (*OF_PRIVACY, *ABOUT_RULES)
    if MATRIX[name_of(operation)].scope != "owner"
    for n in range(max(1, len(operation.bodies)))
]


@pytest.mark.parametrize(
    ("operation", "example"), ORDERS, ids=lambda one: getattr(one, "path", one)
)
async def test_command_of_a_token_with_the_rights_is_accepted(
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


async def test_uploaded_file_can_be_sent_by_its_own_token_only(parts: Parts, world: World) -> None:
    part = world.parts[1]
    media = {"type": "media", "media": {"kind": "document", "id": world.upload}}
    order = {"conversationId": part.conversation} | media
    url = f"{parts.town.gateway}/v1/messages"
    for rights in RIGHTS:
        if rights.may("send") and part.is_for(rights):
            status, said, _ = await parts.ask("POST", url, parts.tokens[rights.name], json=order)
            assert status == (202 if rights.name == "almelo-send" else 400), said


async def test_each_token_may_do_what_the_matrix_says_and_nothing_tells_what_is_hidden(
    parts: Parts, world: World
) -> None:
    town = MatrixTown(parts, world.kinds, world.subjects, world.upload)
    assert await town.differences() == []
    assert {*await parts.rows(_IDENTIFIED, f"{ID}:%")} == {f"{PERSON}|proven"}
    assert {*await parts.rows(_IDENTIFIED, "matrix-%")} == {f"{PERSON}|stated", f"{PERSON}|proven"}


async def test_no_token_has_changed_or_viewed_the_conversations_of_others(
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
        assert rights.may(*COMMAND_ROLES)
        assert rights.tenant == tenant
        assert rights.handles(department)
    for line in await parts.rows(_LOOKED):
        name, tenant, department = line.split("|")
        rights = parts.rights[name]
        assert rights.may("read")
        # Without a department: nothing was shown, and that somebody asked stands nowhere.
        assert rights.tenant == tenant and (not department or rights.handles(department))


_LOOKED = """select distinct data->>'token', tenant, department from opened.record
where kind = 'view' and data->>'token' in (select name from access.token
    where name not like 'matrix-%')"""
_IDENTIFIED = """select distinct coalesce(data->>'employee', author->>'id'),
    coalesce(data->>'identified', author->>'identified')
from (select data, coalesce(data->'author', data->'by'->'author') as author,
    coalesce(data->>'token', data->'by'->>'token') as token from opened.record) named
where token like '{0}' and coalesce(data->>'employee', author->>'id') <> ''"""
_CONVERSATION_NOW = """select department, closed_at is not null, zaak from router.conversation
where id = '{0}'"""
_DONE = """select distinct coalesce(data->>'token', data->'by'->>'token'), tenant,
    coalesce(data->>'from', data->>'department')
from opened.record
where conversation <> '' and kind <> 'view'
    and coalesce(data->>'token', data->'by'->>'token') not like 'matrix-%'
    and coalesce(data->>'token', data->'by'->>'token') <> 'sandbox'"""
