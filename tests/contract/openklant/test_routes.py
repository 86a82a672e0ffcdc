"""The stand-in for Open Klant over real HTTP: who is let in, lists, and what is refused."""

import json

import pytest

from tests.support.openklant.api_client import CONTACT, NOWHERE, Client, Json
from tests.support.sandbox_world import World

RAW = json.dumps(CONTACT).encode()


@pytest.fixture
async def client(sandbox: World) -> Client:
    found = Client(sandbox.url, sandbox.http)
    await found.control("POST", "pace", {"factor": 0})
    return found


SCHEMES = [
    ({"Authorization": ""}, "not_authenticated"),
    ({"Authorization": "Bearer " + "0" * 40}, "not_authenticated"),
    ({"Authorization": "Token " + "0" * 40}, "authentication_failed"),
    ({"Authorization": "Token"}, "authentication_failed"),
]


@pytest.mark.parametrize(("headers", "code"), SCHEMES)
async def test_who_has_not_the_token_is_not_let_in(
    client: Client, headers: Json, code: str
) -> None:
    answer = await client.ask("GET", "/klantcontacten", headers=headers)
    assert (answer.status, answer.body["code"]) == (401, code)
    assert answer.headers["WWW-Authenticate"] == "Token"


REFUSED = [
    ("GET", "/klantcontacten", {"Accept": "application/problem+json"}, 406, "not_acceptable"),
    ("POST", "/klantcontacten", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
    ("PUT", "/klantcontacten", {}, 405, "method_not_allowed"),
    ("GET", "/maak-klantcontact", {}, 405, "method_not_allowed"),
    ("POST", f"/klantcontacten/{NOWHERE}", {}, 405, "method_not_allowed"),
    ("GET", f"/klantcontacten/{NOWHERE}", {}, 404, "not_found"),
    ("DELETE", f"/klantcontacten/{NOWHERE}", {}, 404, "not_found"),
    ("GET", "/klantcontacten/no-uuid", {}, 404, "not_found"),
    ("GET", "/klantcontacten?page=2", {}, 404, "not_found"),
    ("GET", "/klantcontacten?page=nul", {}, 404, "not_found"),
]


@pytest.mark.parametrize(("method", "path", "headers", "status", "code"), REFUSED)
async def test_a_request_is_refused_as_the_server_does_in_plain_json(
    client: Client, method: str, path: str, headers: Json, status: int, code: str
) -> None:
    answer = await client.ask(method, path, data=RAW, headers=headers)
    assert (answer.status, answer.body["status"], answer.body["code"]) == (status, status, code)
    assert answer.body.keys() == {"type", "code", "title", "status", "detail", "instance"}
    assert answer.body["instance"].startswith("urn:uuid:")
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["API-version"] == "0.9.0"


async def test_a_put_changes_what_is_there_and_makes_nothing(client: Client) -> None:
    answer = await client.ask("PUT", f"/klantcontacten/{NOWHERE}", CONTACT)
    assert answer.status == 404
    row = await client.post("klantcontacten", CONTACT)
    path = f"/klantcontacten/{row['uuid']}"
    assert (await client.ask("PUT", path, {"kanaal": "x"})).status == 400
    answer = await client.ask("PUT", path, CONTACT | {"kanaal": "x"})
    assert (answer.status, answer.body["kanaal"]) == (200, "x")
    answer = await client.ask("PATCH", path, {"reactie": "Geleegd"})
    assert (answer.status, answer.body["reactie"], answer.body["kanaal"]) == (200, "Geleegd", "x")


async def test_a_body_in_chunks_is_an_empty_body(client: Client) -> None:
    async def chunks():  # type: ignore[no-untyped-def]
        yield RAW

    headers = {"Content-Type": "application/json"}
    answer = await client.ask("POST", "/klantcontacten", data=chunks(), headers=headers)
    required = [(name, "required") for name in ("kanaal", "onderwerp", "taal", "vertrouwelijk")]
    assert (answer.status, answer.faults) == (400, required)


async def test_no_json_is_told_apart_from_json_that_is_no_object(client: Client) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    for raw, code in ((b"{", "parse_error"), (b"[]", "invalid"), (b"[{}]", "invalid")):
        answer = await client.ask("POST", "/klantcontacten", data=raw, headers=headers)
        assert (answer.status, answer.body["code"]) == (400, code)
    answer = await client.ask("POST", "/klantcontacten", data=RAW, headers=headers)
    assert answer.status == 201
    assert answer.headers["Location"] == answer.body["url"]
    assert (await client.ask("GET", answer.headers["Location"])).body == answer.body


async def test_all_together_has_no_location_and_an_end_slash_is_nowhere(client: Client) -> None:
    answer = await client.ask("POST", "/maak-klantcontact", {"klantcontact": CONTACT})
    assert (answer.status, "Location" in answer.headers) == (201, False)
    assert answer.body.keys() == {"klantcontact", "betrokkene", "onderwerpobject"}
    assert (await client.ask("GET", "/klantcontacten/")).status == 404
    assert (await client.ask("GET", "/partijen")).status == 404


async def test_a_list_comes_in_pages_newest_first(client: Client) -> None:
    for day in ("20", "22", "21"):
        when = {"plaatsgevondenOp": f"2026-11-{day}T08:00:00+01:00", "onderwerp": day}
        await client.post("klantcontacten", CONTACT | when)
    first = (await client.ask("GET", "/klantcontacten?pageSize=2")).body
    assert [row["onderwerp"] for row in first["results"]] == ["22", "21"]
    assert first["results"][0]["plaatsgevondenOp"] == "2026-11-22T07:00:00Z"
    assert (first["count"], first["previous"]) == (3, None)
    second = (await client.ask("GET", first["next"])).body
    assert [row["onderwerp"] for row in second["results"]] == ["20"]
    assert second["next"] is None
    assert (await client.ask("GET", second["previous"])).body == first
    assert (await client.ask("GET", "/klantcontacten?pageSize=2&page=3")).status == 404
    assert (await client.ask("GET", "/klantcontacten?page=last")).body["count"] == 3


async def test_a_page_has_500_at_most_and_100_when_nothing_is_said(client: Client) -> None:
    for _ in range(501):
        await client.post("actoren", {"naam": "x", "soortActor": "medewerker"})
    for query, length in (("?pageSize=1000", 500), ("", 100), ("?pageSize=none", 100)):
        answer = await client.ask("GET", "/actoren" + query)
        assert (answer.body["count"], len(answer.body["results"])) == (501, length)


UNKNOWN = ["?metadata=x", "?plaatsgevondenOp__gte=2026-11-20", "?ordering=kanaal", "?Kanaal=x"]


@pytest.mark.parametrize("query", UNKNOWN)
async def test_a_parameter_that_is_not_known_is_refused(client: Client, query: str) -> None:
    answer = await client.ask("GET", "/klantcontacten" + query)
    assert (answer.status, answer.faults) == (400, [("nonFieldErrors", "unknown-parameters")])


WRONG = [
    ("hadBetrokkene__uuid=x", "invalid"),
    ("plaatsgevondenOp=gisteren", "invalid"),
    ("expand=alles", "invalid_choice"),
]


@pytest.mark.parametrize(("query", "code"), WRONG)
async def test_a_parameter_of_another_kind_is_refused(
    client: Client, query: str, code: str
) -> None:
    answer = await client.ask("GET", f"/klantcontacten?{query}")
    assert (answer.status, answer.faults) == (400, [(query.partition("=")[0], code)])


FOUND = [
    ("kanaal=WhatsApp", True),
    ("kanaal=whatsapp", False),
    ("referentienummer=0042", True),
    ("referentienummer=42", False),
    ("referentienummer=", True),
    ("nummer=7", True),
    ("onderwerp=VOL", True),
    ("inhoud=bak", True),
    ("reactie=leeg", False),
    ("vertrouwelijk=true", True),
    ("indicatieContactGelukt=false", False),
    ("plaatsgevondenOp=2026-11-20T08:00:00Z", True),
    ("plaatsgevondenOp=2026-11-20T09:00:00%2B01:00", True),
    ("plaatsgevondenOp=2026-11-20T08:00:01Z", False),
    ("leiddeTotInterneTaken=true", True),
    ("leiddeTotInterneTaken=false", False),
    ("hadBetrokkene__uuid={betrokkene}", True),
    (f"hadBetrokkene__uuid={NOWHERE}", False),
    (f"hadBetrokkene__wasPartij__uuid={NOWHERE}", False),
    ("hadBetrokkene__wasPartij=false", True),
    ("hadBetrokkene__digitaaladres__adres__icontains=612345", True),
    ("hadBetrokkene__digitaaladres__adres__icontains=999", False),
    ("onderwerpobject__onderwerpobjectidentificatorObjectId=wamid.X", True),
    ("onderwerpobject__onderwerpobjectidentificatorObjectId=wamid.Y", False),
    ("kanaal=WhatsApp&referentienummer=42", False),
]


async def test_contacts_are_found_by_the_parameters_that_were_seen_to_work(client: Client) -> None:
    uuids = await client.filled()
    for query, there in FOUND:
        answer = await client.ask("GET", "/klantcontacten?" + query.format(**uuids))
        assert (answer.status, answer.body["count"]) == (200, int(there)), query


OTHERS = [
    ("internetaken", "status=te_verwerken", True),
    ("internetaken", "status=verwerkt", False),
    ("internetaken", "toegewezenAanActor__uuid={actor}", True),
    ("internetaken", "actoren__naam=Reiniging", True),
    ("internetaken", "klantcontact__uuid={klantcontact}", True),
    ("internetaken", f"klantcontact__uuid={NOWHERE}", False),
    ("digitaleadressen", "adres=%2B31612345678", True),
    ("digitaleadressen", "adres=+31612345678", False),
    ("digitaleadressen", "verstrektDoorBetrokkene__uuid={betrokkene}", True),
    ("betrokkenen", "hadKlantcontact__uuid={klantcontact}", True),
    ("betrokkenen", "verstrektedigitaalAdres__adres=%2B31612345678", True),
    ("actoren", "naam=reini&soortActor=medewerker", True),
    ("onderwerpobjecten", "onderwerpobjectidentificatorObjectId=wamid.X", True),
]


async def test_the_others_are_found_too_and_a_bare_plus_is_a_blank(client: Client) -> None:
    uuids = await client.filled()
    for resource, query, there in OTHERS:
        answer = await client.ask("GET", f"/{resource}?{query.format(**uuids)}")
        assert (answer.status, answer.body["count"]) == (200, int(there)), query
    assert (await client.ask("GET", "/internetaken?status=klaar")).status == 400


async def test_a_task_is_listed_once_for_each_of_its_actors_of_that_name(client: Client) -> None:
    uuids = await client.filled()
    namesake = await client.post("actoren", {"naam": "Reiniging", "soortActor": "medewerker"})
    [task] = (await client.ask("GET", "/internetaken")).body["results"]
    both = {"toegewezenAanActoren": [{"uuid": uuids["actor"]}, {"uuid": namesake["uuid"]}]}
    await client.ask("PATCH", f"/internetaken/{task['uuid']}", both)
    path = "/internetaken?status=te_verwerken&actoren__naam=Reiniging&pageSize=1"
    answer = await client.ask("GET", path)
    assert (answer.body["count"], len(answer.body["results"])) == (2, 1)
    by_name = "?actoren__naam=Reiniging&page=2&pageSize=1&status=te_verwerken"
    assert answer.body["next"].endswith(by_name)
    assert (await client.ask("GET", "/internetaken?status=te_verwerken")).body["count"] == 1


async def test_an_actor_of_whom_nothing_more_is_told_has_no_identification(client: Client) -> None:
    given = {"naam": "Reiniging", "soortActor": "organisatorische_eenheid"}
    for more in ({}, {"actorIdentificatie": {}}, {"actorIdentificatie": {"functie": "x"}}):
        assert (await client.post("actoren", given | more))["actorIdentificatie"] is None
    told = await client.post("actoren", given | {"actorIdentificatie": {"omschrijving": ""}})
    assert told["actorIdentificatie"]["omschrijving"] == ""


async def test_what_is_not_asked_for_is_not_expanded(client: Client) -> None:
    uuids = await client.filled()
    path = f"/klantcontacten/{uuids['klantcontact']}"
    assert "_expand" not in (await client.ask("GET", path)).body
    [row] = (await client.ask("GET", "/klantcontacten")).body["results"]
    assert row["_expand"] == {}
    inner = (await client.ask("GET", f"{path}?expand=hadBetrokkenen")).body["_expand"]
    assert inner["hadBetrokkenen"][0]["volledigeNaam"] == "Sam"
    assert "_expand" not in inner["hadBetrokkenen"][0]


async def test_a_contact_goes_with_all_that_hangs_on_it(client: Client) -> None:
    uuids = await client.filled()
    path = f"/klantcontacten/{uuids['klantcontact']}"
    answer = await client.ask("DELETE", path)
    assert (answer.status, answer.body) == (204, "")
    assert (await client.ask("GET", path)).status == 404
    counts = (await client.control("GET", "summary"))["counts"]
    left = {name for name, count in counts.items() if count}
    assert left == {"actoren", "digitaleadressen"}
