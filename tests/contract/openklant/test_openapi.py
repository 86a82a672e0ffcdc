"""The stand-in for Open Klant against Open Klant's own OpenAPI: its table, its answers, its lists.

The document is not part of the project; it is read from the folder beside it. Where the real server
was seen to do otherwise, the stand-in follows the server, and the difference is named here.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from sandbox.openklant.filters import FILTERS
from sandbox.openklant.schema import RESOURCES, Field
from sandbox.openklant.serializers import EXPANDS
from tests.support.openklant.api_client import (
    ACTORS,
    ADDRESS,
    FILE,
    MESSAGE,
    NUMBER,
    TASK,
    Answer,
    Client,
    Json,
)
from tests.support.published_openapi import OPEN_KLANT
from tests.support.sandbox_world import World

pytestmark = pytest.mark.usefixtures("open_klant_openapi")

ANSWERS_DIFFER = {
    ("nummeraanduidingId", "pattern"): "empty where nothing was said",
    ("postcode", "pattern"): "empty where nothing was said",
    ("land", "minLength"): "empty where nothing was said",
    ("referentie", "pattern"): "empty where nothing was said",
    ("telefoonnummer", "pattern"): "empty where nothing was said",
    ("emailadres", "format"): "empty where nothing was said",
    ("actorIdentificatie", "type"): "null where nothing was said",
    ("onderwerpobject", "type"): "null where it was not asked for",
    ("toegewezenAanActor", "required"): "of a task for nobody only a uuid, which is null",
    ("uuid", "type"): "of a task for nobody only a uuid, which is null",
}
"""Last name of the path, and which word of the schema it breaks: all of them do."""

TABLE_DIFFERS = {
    ("digitaleadressen", "verstrektDoorPartij"): "the key must be there: measured",
    ("klantcontacten", "plaatsgevondenOp"): "has a default, and null was refused: measured",
}


@cache
def document() -> Json:
    loaded: Json = yaml.load(OPEN_KLANT.read_text(), Loader=yaml.CSafeLoader)
    converted: Json = modern(loaded)
    return converted


def modern(value: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema has it: null, and which of several by a name."""
    if isinstance(value, list):
        return [modern(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    inner = {key: modern(one) for key, one in value.items()}
    if "discriminator" in inner and "oneOf" in inner:
        said = inner["discriminator"]
        return {"allOf": [when(said["propertyName"], *each) for each in said["mapping"].items()]}
    if inner.pop("nullable", None) is True:
        return {"if": {"type": "null"}, "else": inner}
    return inner


def when(name: str, value: str, reference: str) -> Json:
    is_it = {"properties": {name: {"const": value}}, "required": [name]}
    return {"if": is_it, "then": {"$ref": reference}}


def differences(path: str, method: str, answer: Answer) -> set[tuple[str, str]]:
    """What an answer breaks of its schema: last name of the path, and word."""
    responses = document()["paths"][path][method.lower()]["responses"]
    assert str(answer.status) in responses, answer
    wanted = responses[str(answer.status)]["content"]["application/json"]["schema"]
    whole = wanted | {"components": document()["components"]}
    errors = Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(answer.body)
    return {(last(error.absolute_path), str(error.validator)) for error in errors}


def last(path: Any) -> str:
    return str([name for name in path if isinstance(name, str)][-1:] or ["the answer"])[2:-2]


def schema(resource: str) -> Json:
    """What a POST takes, in one object."""
    paths = document()["paths"]
    body = paths[f"/{resource}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return flat(body)


def flat(found: Json) -> Json:
    if "$ref" in found:
        return flat(document()["components"]["schemas"][found["$ref"].rpartition("/")[2]])
    if "if" in found and "else" in found:
        return flat(found["else"]) | {"nullable": True}
    if "allOf" not in found:
        return found
    parts = [flat(part.get("then", part)) for part in found["allOf"]]
    merged: Json = {"properties": {}, "required": []}
    for part in parts:
        merged |= {k: v for k, v in part.items() if k not in {"properties", "required"}}
        merged["properties"] |= part.get("properties", {})
        merged["required"] += part.get("required", [])
    return merged


def described(resource: str) -> Iterator[tuple[str, Json, bool]]:
    """Each field that a client may send: its name, its schema, whether it is required."""
    found = schema(resource)
    for name, inner in found["properties"].items():
        one = flat(inner)
        if not inner.get("readOnly"):
            yield name, one, name in found["required"]


@pytest.mark.parametrize("resource", RESOURCES)
def test_the_table_has_the_fields_of_the_document_with_their_limits(resource: str) -> None:
    fields = {name: field for name, field in RESOURCES[resource].items() if not field.set_by_server}
    found = {name: (one, required) for name, one, required in described(resource)}
    assert fields.keys() == found.keys()
    for name, field in fields.items():
        if (resource, name) in TABLE_DIFFERS:
            continue
        one, required = found[name]
        assert facts(field) == (
            one.get("maxLength", 0),
            required,
            bool(one.get("nullable")),
            set(one.get("enum", ())),
        ), name


def facts(field: Field) -> tuple[int, bool, bool, set[str]]:
    most = 0 if field.kind == "metadata" else field.max_length
    return most, field.required, field.null, set(field.one_of)


@pytest.mark.parametrize("resource", FILTERS)
def test_every_list_knows_the_parameters_of_the_document_and_no_others(resource: str) -> None:
    listing = document()["paths"][f"/{resource}"]["get"]
    described = {each["name"] for each in listing["parameters"] if each["in"] == "query"}
    more = {"page", "pageSize"} | ({"expand"} if resource in EXPANDS else set())
    assert FILTERS[resource].keys() | more == described


class Delivery:
    """What a message becomes, call by call, with every answer held against the document."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.broken: set[tuple[str, str]] = set()

    async def ask(self, method: str, path: str, body: Any = None, *, like: str = "") -> Any:
        answer = await self._client.ask(method, path, body)
        assert answer.headers["API-version"] == "0.9.0"
        self.broken |= differences(like or path.partition("?")[0], method, answer)
        return answer.body

    async def post(self, resource: str, body: Json) -> Json:
        found: Json = await self.ask("POST", f"/{resource}", body)
        return {"uuid": found["uuid"]} if "uuid" in found else found

    async def message(self) -> Json:
        """A message, a task for it, and a file that came along; dealt with."""
        department, gateway, _ = [await self.post("actoren", each) for each in ACTORS]
        made = await self.post("maak-klantcontact", MESSAGE)
        contact = {"uuid": made["klantcontact"]["uuid"]}
        party = {"verstrektDoorBetrokkene": {"uuid": made["betrokkene"]["uuid"]}}
        await self.post("digitaleadressen", ADDRESS | party)
        await self.post("actorklantcontacten", {"actor": gateway, "klantcontact": contact})
        about = {"aanleidinggevendKlantcontact": contact}
        done = await self.post(
            "internetaken", TASK | about | {"toegewezenAanActoren": [department]}
        )
        nobodys = {"referentienummer": None, "toegewezenAanActoren": []}
        await self.post("internetaken", TASK | about | nobodys)
        await self.post("bijlagen", FILE | {"wasBijlageVanKlantcontact": contact})
        verwerkt = {"status": "verwerkt", "afgehandeldOp": "2026-11-20T10:02:00Z"}
        path = f"/internetaken/{done['uuid']}"
        await self.ask("PATCH", path, verwerkt, like="/internetaken/{uuid}")
        return contact

    async def answer(self, contact: Json) -> None:
        """A contact of its own, that refers to the question."""
        reply = {k: v for k, v in MESSAGE["klantcontact"].items() if k != "referentienummer"}
        answer = await self.post("klantcontacten", reply)
        party = MESSAGE["betrokkene"] | {"initiator": False, "hadKlantcontact": answer}
        await self.post("betrokkenen", party)
        link = {"klantcontact": answer, "wasKlantcontact": contact}
        await self.post("onderwerpobjecten", link)


async def test_what_a_message_becomes_is_taken_and_answered_as_the_document_says(
    sandbox: World,
) -> None:
    delivery = Delivery(Client(sandbox.url, sandbox.http))
    contact = await delivery.message()
    await delivery.answer(contact)
    for resource in RESOURCES:
        listed = await delivery.ask("GET", f"/{resource}?pageSize=1")
        assert len(listed["results"]) == 1
        path = f"/{resource}/{listed['results'][0]['uuid']}"
        await delivery.ask("GET", path, like=f"/{resource}/{{uuid}}")
    expand = "hadBetrokkenen,leiddeTotInterneTaken,hadBetrokkenen.digitaleAdressen"
    whole = await delivery.ask("GET", f"/klantcontacten?referentienummer={NUMBER}&expand={expand}")
    [found] = whole["results"]
    assert found["uuid"] == contact["uuid"]
    [party] = found["_expand"]["hadBetrokkenen"]
    assert party["_expand"]["digitaleAdressen"][0]["adres"] == "+31612345678"
    assert [t["status"] for t in found["_expand"]["leiddeTotInterneTaken"]] == [
        "verwerkt",
        "te_verwerken",
    ]
    assert delivery.broken == ANSWERS_DIFFER.keys()


def test_an_answer_that_the_document_describes_otherwise_is_noticed() -> None:
    listed = {"count": "many", "results": [{"uuid": "x", "metadata": {"a": 1}}]}
    broken = differences("/klantcontacten", "GET", Answer(200, listed, {}))
    assert {("count", "type"), ("uuid", "format"), ("a", "type")} <= broken
    assert ("results", "required") in broken
    actor = {"uuid": "x", "url": "x", "naam": "x", "soortActor": "medewerker"}
    wrong = Answer(201, actor | {"actorIdentificatie": {}}, {})
    assert ("actorIdentificatie", "required") in differences("/actoren", "POST", wrong)
