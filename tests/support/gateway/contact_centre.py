"""The contact centre of Almelo, its neighbour, its tokens, and bodies as the door reads them."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from pydantic import TypeAdapter

from gateway.commands.authorization import ConversationView
from services.api.json_body import parse_body
from services.config.model import parse
from services.http.rights import Rights

NUMBER, NEIGHBOUR = "106540352242922", "206540352242923"
CONVERSATION = f"{NUMBER}-{'a2' * 13}"
OTHER_CONVERSATION = f"{NUMBER}-{'b3' * 13}"
CONFIG = parse(
    f"""
    [[tenants]]
    id = "almelo"
    name = "Almelo"
    disclosure = "Dit schreef een machine."
    [[tenants]]
    id = "hengelo"
    name = "Hengelo"
    [[numbers]]
    id = "{NUMBER}"
    tenant = "almelo"
    fallback = "kcc"
    [[numbers]]
    id = "{NEIGHBOUR}"
    tenant = "hengelo"
    fallback = "balie"
    [[departments]]
    id = "kcc"
    tenant = "almelo"
    name = "KCC"
    destination = "crm"
    [[departments]]
    id = "zorg"
    tenant = "almelo"
    name = "Zorg"
    destination = "crm"
    [[departments]]
    id = "balie"
    tenant = "hengelo"
    name = "Balie"
    destination = "crm"
    [[destinations]]
    id = "crm"
    kind = "cloudevents"
    url = "https://crm.example/"
    """,
    "postkamer.toml",
)
HELD = ConversationView(CONVERSATION, "almelo", NUMBER, "kcc", ("kcc",))
AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
OTHER = "01a21293-b603-7000-8000-000000000001"


def rights(*departments: str, people: bool = False, person: str = "") -> Rights:
    return Rights(
        name="crm",
        tenant="almelo",
        roles=frozenset(["send"]),
        departments=frozenset(departments) or None,
        people=people or bool(person),
        person=person,
    )


def body(kind: TypeAdapter[Any], given: dict[str, Any]) -> Any:
    found = parse_body(msgspec.json.encode(given), kind)
    assert not isinstance(found, list), found
    return found
