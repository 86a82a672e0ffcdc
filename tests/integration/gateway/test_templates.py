"""A CRM lists the templates of a number, over a real socket and a real PostgreSQL."""

from typing import Any

import msgspec

from services import clock
from services.config.model import parse
from services.postgres.database import Pool
from services.whatsapp.templates import TemplatePart
from tests.support.installation import EXAMPLE, NEIGHBOUR, NEIGHBOUR_NUMBER
from tests.support.integration.crm_desk import NUMBER, desk_of

PATH = f"numbers/{NUMBER}/templates"
TOWN = parse(EXAMPLE.read_text() + NEIGHBOUR, "postkamer.toml")
SEND = frozenset(("send",))


async def listed(pool: Pool, *names: str) -> None:
    """Store the list of the number as a deliverer does."""
    parts = (TemplatePart("BODY", text="Op {{dag}}", examples={"dag": "3 december"}),)
    await pool.execute(
        "insert into deliverer.template_look values ($1, '', '', now(), now(), null, $2, true)",
        NUMBER, clock.now(),
    )  # fmt: skip
    for name in names:
        await pool.execute(
            "insert into deliverer.template values ($1, $2, 'nl', 'APPROVED', 'UTILITY', '',"
            " 'NAMED', $3)",
            NUMBER, name, msgspec.json.encode(parts).decode(),
        )  # fmt: skip


async def test_templates_are_listed_for_a_token_that_sends_whatever_its_departments(
    pool: Pool,
) -> None:
    async with desk_of(pool, "burgerzaken", roles=SEND, town=TOWN) as desk:
        nothing: dict[str, Any] = {"askedAt": None, "complete": True, "templates": []}
        assert await desk.ask("GET", PATH) == (200, nothing)
        await listed(pool)
        status, none = await desk.ask("GET", PATH)
        assert (status, none["templates"]) == (200, []) and none["askedAt"].endswith("Z")
        await pool.execute("delete from deliverer.template_look")
        await listed(pool, "herinnering", "antwoord")
        status, found = await desk.ask("GET", PATH)
    assert [each["name"] for each in found["templates"]] == ["antwoord", "herinnering"]
    first = found["templates"][0]
    assert (first["usable"], first["quality"]) == (True, None)
    [parameter] = first["parameters"]
    assert (parameter["parameterName"], parameter["sample"]) == ("dag", "3 december")


async def test_templates_need_the_role_to_send(pool: Pool) -> None:
    async with desk_of(pool, roles=frozenset(("read", "kcc", "care")), town=TOWN) as desk:
        status, told = await desk.ask("GET", PATH)
    assert (status, told["detail"]) == (403, "this token has not the role 'send'")


async def test_number_of_another_municipality_does_not_exist(pool: Pool) -> None:
    await listed(pool, "antwoord")
    async with desk_of(pool, tenant="hengelo", town=TOWN) as desk:
        hidden = await desk.ask("GET", PATH)
        nowhere = await desk.ask("GET", "numbers/999999999999999/templates")
        status, own = await desk.ask("GET", f"numbers/{NEIGHBOUR_NUMBER}/templates")
    assert hidden == nowhere and hidden[0] == 404
    assert (status, own["templates"]) == (200, [])
