"""The stand-in for Open Klant over HTTP: access, refusals, lists and changes of rows."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.support.openklant.api_client import CONTACT, NUMBER, UNKNOWN_ID, Client, Json
from tests.support.sandbox_world import World

RAW = json.dumps(CONTACT).encode()
ONE = f"/klantcontacten/{UNKNOWN_ID}"
REFUSED = [
    ("GET", "/klantcontacten", {"Authorization": ""}, 401, "not_authenticated"),
    ("GET", "/klantcontacten", {"Authorization": "Bearer x"}, 401, "not_authenticated"),
    ("GET", "/klantcontacten", {"Authorization": "Token x"}, 401, "authentication_failed"),
    ("GET", "/klantcontacten", {"Authorization": "Token"}, 401, "authentication_failed"),
    ("GET", "/klantcontacten", {"Accept": "application/problem+json"}, 406, "not_acceptable"),
    ("POST", "/klantcontacten", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
    ("PUT", "/klantcontacten", {}, 405, "method_not_allowed"),
    ("GET", "/maak-klantcontact", {}, 405, "method_not_allowed"),
    ("POST", ONE, {}, 405, "method_not_allowed"),
    ("GET", ONE, {}, 404, "not_found"),
    ("PATCH", ONE, {"Content-Type": "application/json"}, 404, "not_found"),
    ("DELETE", ONE, {}, 404, "not_found"),
    ("GET", "/klantcontacten/no-uuid", {}, 404, "not_found"),
    ("GET", "/klantcontacten?page=2", {}, 404, "not_found"),
    ("GET", "/klantcontacten?page=0", {}, 404, "not_found"),
]


@pytest.fixture
async def client(sandbox: World) -> Client:
    client = Client(sandbox.url, sandbox.http)
    await client.control("POST", "pace", {"factor": 0})
    return client


@pytest.mark.parametrize(("method", "path", "headers", "status", "code"), REFUSED)
async def test_a_request_is_refused_with_the_server_s_code_in_plain_json(
    client: Client, method: str, path: str, headers: Json, status: int, code: str
) -> None:
    answer = await client.ask(method, path, data=RAW, headers=headers)
    assert (answer.status, answer.body["status"], answer.body["code"]) == (status, status, code)
    assert answer.body.keys() == {"type", "code", "title", "status", "detail", "instance"}
    assert answer.body["instance"].startswith("urn:uuid:")
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["API-version"] == "0.9.0"
    assert (answer.headers.get("WWW-Authenticate") == "Token") is (status == 401)


async def test_a_chunked_body_is_read_as_empty(client: Client) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield RAW

    headers = {"Content-Type": "application/json"}
    answer = await client.ask("POST", "/klantcontacten", data=chunks(), headers=headers)
    required = [(name, "required") for name in ("kanaal", "onderwerp", "taal", "vertrouwelijk")]
    assert (answer.status, answer.faults) == (400, required)


@pytest.mark.parametrize(("raw", "code"), [(b"{", "parse_error"), (b"[{}]", "invalid")])
async def test_a_body_without_an_object_is_refused(client: Client, raw: bytes, code: str) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = await client.ask("POST", "/klantcontacten", data=raw, headers=headers)
    assert (answer.status, answer.body["code"]) == (400, code)


async def test_a_row_is_created_changed_and_removed_at_its_location(client: Client) -> None:
    created = await client.ask("POST", "/klantcontacten", CONTACT)
    path = created.headers["Location"]
    assert path == created.body["url"]
    assert (await client.ask("GET", path)).body == created.body
    changed = await client.ask("PATCH", path, {"reactie": "Geleegd"})
    assert (changed.status, changed.body) == (200, created.body | {"reactie": "Geleegd"})
    assert (await client.ask("PATCH", path, {"kanaal": ""})).faults == [("kanaal", "blank")]
    assert [(await client.ask("DELETE", path)).status for _ in range(2)] == [204, 404]


async def test_maak_klantcontact_has_no_location_and_its_parts(client: Client) -> None:
    answer = await client.ask("POST", "/maak-klantcontact", {"klantcontact": CONTACT})
    assert (answer.status, "Location" in answer.headers) == (201, False)
    assert answer.body.keys() == {"klantcontact", "betrokkene", "onderwerpobject"}


@pytest.mark.parametrize("path", ["/klantcontacten/", "/partijen", f"/maak-klantcontact/{NUMBER}"])
async def test_a_path_of_no_resource_is_not_found(client: Client, path: str) -> None:
    assert (await client.ask("GET", path)).status == 404


async def test_a_list_comes_in_pages_newest_first(client: Client) -> None:
    for day in ("20", "22", "21"):
        when = {"plaatsgevondenOp": f"2026-11-{day}T08:00:00+01:00", "onderwerp": day}
        await client.post("klantcontacten", CONTACT | when)
    first = (await client.ask("GET", "/klantcontacten?pageSize=2")).body
    assert [row["onderwerp"] for row in first["results"]] == ["22", "21"]
    assert first["results"][0]["plaatsgevondenOp"] == "2026-11-22T07:00:00Z"
    assert first["results"][0]["_expand"] == {}
    assert (first["count"], first["previous"]) == (3, None)
    second = (await client.ask("GET", first["next"])).body
    assert [row["onderwerp"] for row in second["results"]] == ["20"]
    assert second["next"] is None
    previous = (await client.ask("GET", second["previous"])).body
    assert previous["results"] == first["results"]


FOUND = [
    ("klantcontacten", f"referentienummer={NUMBER}", 1),
    ("klantcontacten", f"referentienummer=0{NUMBER}", 0),
    ("klantcontacten", "referentienummer=", 1),
    ("internetaken", "referentienummer=3000000417&status=te_verwerken", 1),
    ("internetaken", "klantcontact__uuid={klantcontacten}&status=te_verwerken", 1),
    ("internetaken", "klantcontact__uuid={klantcontacten}&status=verwerkt", 0),
    ("internetaken", f"klantcontact__uuid={UNKNOWN_ID}", 0),
    ("digitaleadressen", "verstrektDoorBetrokkene__uuid={betrokkenen}", 1),
    ("betrokkenen", "hadKlantcontact__uuid={klantcontacten}", 1),
    ("actoren", "actoridentificatorObjectId=OR&actoridentificatorCodeRegister=obj", 1),
    ("actoren", "actoridentificatorObjectId=OR&actoridentificatorCodeRegister=x", 0),
    ("actorklantcontacten", "actor__uuid={actoren}&klantcontact__uuid={klantcontacten}", 1),
    ("onderwerpobjecten", "klantcontact__uuid={klantcontacten}", 1),
    ("onderwerpobjecten", "wasKlantcontact__uuid={klantcontacten}", 1),
    ("onderwerpobjecten", "onderwerpobjectidentificatorObjectId=x", 0),
    ("internetaken", "actoren__naam=Openbare%20Ruimte&status=te_verwerken", 1),
    ("internetaken", "actoren__naam=openbare%20ruimte", 0),
    ("internetaken", "toegewezenAanActor__uuid={actoren}", 1),
    ("internetaken", "aanleidinggevendKlantcontact__uuid={klantcontacten}", 1),
    ("internetaken", "klantcontact__nummer=7", 0),
    ("klantcontacten", "kanaal=WhatsApp", 1),
    ("klantcontacten", "kanaal=whatsapp", 0),
    ("klantcontacten", "onderwerpobject__onderwerpobjectidentificatorCodeRegister=", 1),
    ("klantcontacten", "leiddeTotInterneTaken=false", 0),
    ("klantcontacten", "hadBetrokkene__digitaaladres__adres__icontains=12345", 1),
    ("actoren", "naam=openbare&soortActor=organisatorische_eenheid&indicatieActief=true", 1),
    ("actoren", "indicatieActief=false", 0),
]


async def test_rows_are_found_by_the_parameters_of_a_mailroom(client: Client) -> None:
    uuids = await client.deliver_message()
    for resource, query, count in FOUND:
        answer = await client.ask("GET", f"/{resource}?{query.format(**uuids)}")
        assert (answer.status, answer.body["count"]) == (200, count), query
        assert [row["uuid"] for row in answer.body["results"]] == [uuids[resource]] * count


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/klantcontacten?metadata=x", ("nonFieldErrors", "unknown-parameters")),
        ("/klantcontacten?Referentienummer=x", ("nonFieldErrors", "unknown-parameters")),
        ("/betrokkenen?hadKlantcontact__uuid=x", ("hadKlantcontact__uuid", "invalid")),
        ("/internetaken?status=klaar", ("status", "invalid_choice")),
    ],
)
async def test_an_unknown_or_invalid_parameter_is_refused(
    client: Client, path: str, fault: tuple[str, str]
) -> None:
    answer = await client.ask("GET", path)
    assert (answer.status, answer.faults) == (400, [fault])


async def test_the_summary_has_each_contact_with_the_rows_that_refer_to_it(client: Client) -> None:
    uuids = await client.deliver_message()
    contacts = (await client.control("GET", "summary"))["contacts"]
    contact = contacts[NUMBER]
    assert contact["uuid"] == uuids["klantcontacten"]
    address = {"adres": "+31612345678", "soort": "telefoonnummer"}
    assert contact["betrokkenen"][0]["adressen"] == [address]
    assert contact["taken"][0]["actoren"] == contact["actoren"] == ["Openbare Ruimte"]
    assert contact["onderwerpen"][0]["wasKlantcontact"] == uuids["klantcontacten"]
    await client.post("klantcontacten", CONTACT)
    [(key, unnumbered)] = (await client.control("GET", "summary?last=1"))["contacts"].items()
    assert (key, unnumbered["nummer"]) == (unnumbered["uuid"], None)
    assert (await client.ask("GET", f"{client.url}/openklant/summary?last=0")).status == 400


async def test_a_cleared_stand_in_has_no_rows_and_its_numbers_are_free(client: Client) -> None:
    await client.deliver_message()
    await client.control("DELETE", "summary")
    assert {*(await client.control("GET", "summary"))["counts"].values()} == {0}
    await client.deliver_message()
