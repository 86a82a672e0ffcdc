"""The stand-in for Open Klant against its published OpenAPI: its table, its answers, its lists.

Where the real server does otherwise, the stand-in follows the server; the tables name where.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from sandbox.openklant.lists import EXPANDABLE, FILTERS, PAGING
from sandbox.openklant.schema import RESOURCES, Field
from tests.support.openklant.api_client import (
    ACTORS,
    ADDRESS,
    MESSAGE,
    TASK,
    Answer,
    Client,
    Json,
)
from tests.support.published_openapi import OPEN_KLANT
from tests.support.sandbox_world import World

pytestmark = pytest.mark.usefixtures("open_klant_openapi")

ANSWERS_DIFFER = {
    ("nummeraanduidingId", "pattern"): "empty if not given",
    ("postcode", "pattern"): "empty if not given",
    ("land", "minLength"): "empty if not given",
    ("referentie", "pattern"): "empty if not given",
    ("telefoonnummer", "pattern"): "empty if not given",
    ("emailadres", "format"): "empty if not given",
    ("actorIdentificatie", "type"): "null if not given",
    ("onderwerpobject", "type"): "null if not given",
    ("toegewezenAanActor", "required"): "a task without an actor has only a uuid, which is null",
    ("uuid", "type"): "a task without an actor has only a uuid, which is null",
}
"""Last name of the path, and the word of the schema that an answer breaks: all of them do."""
TABLE_DIFFERS = {
    ("digitaleadressen", "verstrektDoorPartij"): "the key must be there: measured",
    ("klantcontacten", "plaatsgevondenOp"): "has a default, and null was refused: measured",
}
NOT_IN_TABLE = {"toegewezenAanActor"}
"""Deprecated field, which the stand-in answers and does not read."""


@cache
def document() -> Json:
    loaded: Json = yaml.load(OPEN_KLANT.read_text(), Loader=yaml.CSafeLoader)
    converted: Json = modern(loaded)
    return converted


def modern(value: Any) -> Any:
    """Return OpenAPI 3.0 as JSON Schema, without `nullable` and `discriminator`."""
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
    """Return the last name of the path, and the word of the schema, of each difference."""
    responses = document()["paths"][path][method.lower()]["responses"]
    assert str(answer.status) in responses, answer
    wanted = responses[str(answer.status)]["content"]["application/json"]["schema"]
    whole = wanted | {"components": document()["components"]}
    errors = Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(answer.body)
    return {(last(error.absolute_path), str(error.validator)) for error in errors}


def last(path: Any) -> str:
    return str([name for name in path if isinstance(name, str)][-1:] or ["the answer"])[2:-2]


def schema(resource: str) -> Json:
    """Return the schema of the body of a POST, in one object."""
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
    """Yield each field that a client may send: its name, its schema, and if it is required."""
    found = schema(resource)
    for name, inner in found["properties"].items():
        one = flat(inner)
        if not inner.get("readOnly"):
            yield name, one, name in found["required"]


@pytest.mark.parametrize("resource", RESOURCES)
def test_the_table_has_the_fields_of_the_document_with_their_limits(resource: str) -> None:
    fields = RESOURCES[resource]
    found = {name: (one, required) for name, one, required in described(resource)}
    assert found.keys() - NOT_IN_TABLE == fields.keys() - {"toegewezenOp"}
    for name in found.keys() & fields.keys():
        field, (one, required) = fields[name], found[name]
        if field.kind != "ignored" and (resource, name) not in TABLE_DIFFERS:
            limits = (one.get("maxLength", 0), required, bool(one.get("nullable")))
            assert facts(field) == (*limits, set(one.get("enum", ()))), name


def facts(field: Field) -> tuple[int, bool, bool, set[str]]:
    most = 0 if field.kind == "metadata" else field.max_length
    return most, field.required, field.null, set(field.one_of)


@pytest.mark.parametrize("resource", FILTERS)
def test_the_parameters_of_a_list_are_in_the_document(resource: str) -> None:
    listing = document()["paths"][f"/{resource}"]["get"]
    described = {each["name"] for each in listing["parameters"] if each["in"] == "query"}
    assert FILTERS[resource].keys() | PAGING <= described
    assert ("expand" in described) is (resource in EXPANDABLE)


async def test_requests_of_a_mailroom_are_answered_as_the_document_says(sandbox: World) -> None:
    client, broken = Client(sandbox.url, sandbox.http), set[tuple[str, str]]()

    async def ask(method: str, path: str, body: Any = None, operation: str = "") -> Any:
        answer = await client.ask(method, path, body)
        broken.update(differences(operation or path.partition("?")[0], method, answer))
        return answer.body

    actors = [{"uuid": (await ask("POST", "/actoren", each))["uuid"]} for each in ACTORS]
    created = await ask("POST", "/maak-klantcontact", MESSAGE)
    contact = {"uuid": created["klantcontact"]["uuid"]}
    party = {"verstrektDoorBetrokkene": {"uuid": created["betrokkene"]["uuid"]}}
    await ask("POST", "/digitaleadressen", ADDRESS | party)
    await ask("POST", "/actorklantcontacten", {"actor": actors[1], "klantcontact": contact})
    link = {"klantcontact": contact, "wasKlantcontact": contact}
    await ask("POST", "/onderwerpobjecten", link)
    about = {"aanleidinggevendKlantcontact": contact}
    unassigned = {"referentienummer": None, "toegewezenAanActoren": []}
    await ask("POST", "/internetaken", TASK | about | unassigned)
    assigned = TASK | about | {"toegewezenAanActoren": actors[:1]}
    task = await ask("POST", "/internetaken", assigned)
    path = f"/internetaken/{task['uuid']}"
    await ask("PATCH", path, {"status": "verwerkt"}, operation="/internetaken/{uuid}")
    for resource in RESOURCES:
        [one] = (await ask("GET", f"/{resource}?pageSize=1"))["results"]
        await ask("GET", f"/{resource}/{one['uuid']}", operation=f"/{resource}/{{uuid}}")
    assert broken == ANSWERS_DIFFER.keys()


def test_an_answer_unlike_the_document_is_noticed() -> None:
    listed = {"count": "many", "results": [{"uuid": "x", "metadata": {"a": 1}}]}
    broken = differences("/klantcontacten", "GET", Answer(200, listed, {}))
    assert {("count", "type"), ("uuid", "format"), ("a", "type")} <= broken
    assert ("results", "required") in broken
    actor = {"uuid": "x", "url": "x", "naam": "x", "soortActor": "medewerker"}
    wrong = Answer(201, actor | {"actorIdentificatie": {}}, {})
    assert ("actorIdentificatie", "required") in differences("/actoren", "POST", wrong)
