"""Consent at the door, with a template and by itself, over a real socket and a real PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.api_docs import examples
from services import clock
from services.contract import ConsentEvidence, EndConsent, RecordConsent
from services.postgres.database import Pool, connection_pool
from tests.support.integration.crm_desk import NUMBER, Desk, desk_of

KEY, OTHER_KEY = [("Idempotency-Key", "k")], [("Idempotency-Key", "other")]
GIVEN = datetime(2026, 11, 2, 9, 21, tzinfo=UTC)
PROOF = examples.CONSENT
WHOM = {"number": NUMBER, "to": "+31600000011"}
AGREED, ENDED = PROOF | WHOM, WHOM | {"purpose": "herinneringen"}
TEMPLATE = WHOM | {"type": "template", "template": {"name": "morgen", "language": "nl"}}


@pytest.fixture
async def gateways(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    """The gateway's, which may do what its grants say."""
    async with connection_pool(f"{empty}?role=postkamer_gateway", "test", 4) as own:
        yield own


@pytest.fixture
async def desk(gateways: Pool) -> AsyncIterator[Desk]:
    async with desk_of(gateways, roles=frozenset(["send"])) as desk:
        yield desk


def pointers(told: Any) -> list[str]:
    return [fault["pointer"] or fault["parameter"] for fault in told.get("errors", ())]


async def test_a_template_brings_consent_or_names_its_purpose(desk: Desk) -> None:
    bodies = [TEMPLATE, TEMPLATE | {"purpose": "nieuws"}, TEMPLATE | {"consent": PROOF}]
    for n, body in enumerate(bodies):
        assert (await desk.ask("POST", "messages", body, [("Idempotency-Key", str(n))]))[0] == 202
    none, named, brought = desk.commands
    assert (none.action.purpose, none.action.evidence) == ("", None)
    assert (named.action.purpose, named.action.evidence) == ("nieuws", None)
    evidence = ConsentEvidence(given_at=GIVEN, source=PROOF["source"])
    assert (brought.action.purpose, brought.action.evidence) == ("herinneringen", evidence)


async def test_consent_is_recorded_and_ended_and_asked_about_like_any_order(desk: Desk) -> None:
    for path, body in (("consents", AGREED), ("consents/_end", ENDED)):
        status, told = await desk.ask("POST", path, body, [("Idempotency-Key", path)])
        assert (status, told["status"]) == (202, "accepted")
        assert (await desk.ask("GET", f"messages/{told['id']}"))[1]["status"] == "accepted"
    agreed, ended = desk.commands
    assert (agreed.type, agreed.to, agreed.number) == ("consent", "31600000011", NUMBER)
    evidence = ConsentEvidence(given_at=GIVEN, source=PROOF["source"])
    assert agreed.action == RecordConsent(purpose="herinneringen", evidence=evidence)
    assert ended.action == EndConsent(purpose="herinneringen")


async def test_the_same_key_is_the_same_order(desk: Desk) -> None:
    first = await desk.ask("POST", "consents", AGREED, KEY)
    assert await desk.ask("POST", "consents", AGREED, KEY) == first
    for path, body in (("consents", AGREED | {"purpose": "x"}), ("consents/_end", ENDED)):
        status, told = await desk.ask("POST", path, body, KEY)
        assert (status, told["code"]) == (409, "key_used")
    assert len(desk.commands) == 1


WRONG: list[tuple[str, Any, list[str]]] = [
    ("consents", AGREED | {"givenAt": "2999-01-01T00:00:00Z"}, ["/givenAt"]),
    (
        "consents",
        {"number": "1", "to": "06", "purpose": "Een Doel", "givenAt": "gisteren", "source": " "},
        ["/givenAt", "/number", "/purpose", "/source", "/to"],
    ),
    (
        "consents",
        AGREED | {"number": "20000009", "givenAt": "2999-01-01T00:00:00Z", "x": 1},
        ["/givenAt", "/number", "/x"],
    ),
    ("consents", {}, ["/givenAt", "/number", "/purpose", "/source", "/to"]),
    ("consents", AGREED | {"conversationId": examples.CONVERSATION}, ["/conversationId"]),
    ("consents/_end", {}, ["/number", "/purpose", "/to"]),
    ("consents/_end", ENDED | {"number": "20000009"}, ["/number"]),
    ("messages", TEMPLATE | {"consent": PROOF, "purpose": "nieuws"}, ["/consent"]),
    ("messages", TEMPLATE | {"consent": PROOF | {"purpose": "-"}}, ["/consent/purpose"]),
    ("messages", TEMPLATE | {"consent": {}, "purpose": None}, [
        *("/consent/givenAt", "/consent/purpose", "/consent/source", "/purpose")
    ]),
    (
        "messages",
        TEMPLATE | {"number": "1", "consent": PROOF | {"givenAt": "2999-01-01T00:00:00Z"}},
        ["/consent/givenAt", "/number"],
    ),
    (
        "messages",
        TEMPLATE | {"template": 1, "consent": PROOF | {"givenAt": "2999-01-01T00:00:00Z"}},
        ["/consent/givenAt", "/template"],
    ),
    ("messages", WHOM | {"type": "text", "text": {"body": "x"}, "purpose": "a"}, ["/purpose"]),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "wanted"), WRONG)
async def test_everything_that_is_wrong_is_told_at_once(
    desk: Desk, path: str, body: Any, wanted: list[str]
) -> None:
    status, told = await desk.ask("POST", path, body)
    assert (status, pointers(told)) == (400, wanted)
    assert "31600000011" not in str(told) and desk.commands == []


async def test_the_clock_of_a_crm_may_be_a_little_fast(desk: Desk) -> None:
    fast = (clock.now() + timedelta(seconds=30)).isoformat()
    assert (await desk.ask("POST", "consents", AGREED | {"givenAt": fast}, KEY))[0] == 202
    faster = AGREED | {"givenAt": (clock.now() + timedelta(minutes=5)).isoformat()}
    assert pointers((await desk.ask("POST", "consents", faster, OTHER_KEY))[1]) == ["/givenAt"]


async def test_consent_is_the_whole_municipalitys_and_needs_the_role_to_send(
    gateways: Pool,
) -> None:
    async with desk_of(gateways, "belastingen", "burgerzaken") as desk:
        assert (await desk.ask("POST", "consents", AGREED))[0] == 202
    async with desk_of(gateways, roles=frozenset(["kcc", "read"])) as desk:
        for path, body in (("consents", AGREED), ("consents/_end", ENDED)):
            assert (await desk.ask("POST", path, body))[0] == 403
    async with desk_of(gateways, people=True) as desk:
        _, told = await desk.ask("POST", "consents", AGREED, OTHER_KEY)
        assert pointers(told) == ["/author"]
    async with desk_of(gateways, tenant="elsewhere") as desk:
        assert pointers((await desk.ask("POST", "consents", AGREED))[1]) == ["/number"]


async def test_test_token_changes_no_consent(gateways: Pool) -> None:
    async with desk_of(gateways, roles=frozenset(["send"]), test=True) as desk:
        for path, body in (("consents", AGREED), ("consents/_end", ENDED)):
            status, told = await desk.ask("POST", path, body, [("Idempotency-Key", path)])
            assert (status, told["code"]) == (422, "test_token")
        assert desk.commands == []
        assert (await desk.ask("POST", "messages", TEMPLATE | {"consent": PROOF}))[0] == 202
