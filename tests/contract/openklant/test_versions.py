"""The stand-in for Open Klant as four versions, which each answer as theirs was seen to."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sandbox.openklant.versions import API_VERSIONS
from tests.support.openklant.api_client import CONTACT, TASK, UNKNOWN_ID, Client, Json
from tests.support.sandbox_world import World

SetVersion = Callable[[str], Awaitable[object]]
OWN = {"reactie": "Geleegd", "metadata": {"a": "b"}, "referentienummer": "17"}
E = (
    "leiddeTotInterneTaken,gingOverOnderwerpobjecten,hadBetrokkenen,"
    "hadBetrokkenen.digitaleAdressen,hadBetrokkenen.wasPartij"
)
"""Expansion that ITA asks for."""


@pytest.fixture
async def client(sandbox: World) -> Client:
    client = Client(sandbox.url, sandbox.http)
    await client.control("POST", "pace", {"factor": 0})
    return client


@pytest.fixture
def set_version(client: Client) -> SetVersion:
    return lambda version: client.control("POST", "version", {"version": version})


async def new_task(client: Client, contact: str, **changed: object) -> Json:
    about = {"aanleidinggevendKlantcontact": {"uuid": contact}, "toegewezenAanActoren": []}
    task = {key: value for key, value in TASK.items() if key != "referentienummer"}
    return await client.post("internetaken", task | about | changed)


@pytest.mark.parametrize("version", API_VERSIONS)
async def test_each_answer_names_the_version_errors_too(
    client: Client, set_version: SetVersion, version: str
) -> None:
    await set_version(version)
    for path, status in (("/klantcontacten", 200), (f"/internetaken/{UNKNOWN_ID}", 404)):
        answer = await client.ask("GET", path)
        found = (answer.status, answer.headers["API-version"])
        assert found == (status, API_VERSIONS[version])  # type: ignore[index]
    assert (await client.control("GET", "summary"))["version"] == version


async def test_2_15_numbers_rows_itself_and_nothing_later_does(
    client: Client, set_version: SetVersion
) -> None:
    await set_version("2.15")
    contacts = [await client.post("klantcontacten", CONTACT | {"nummer": n}) for n in ("41", "")]
    contacts.append(
        (await client.post("maak-klantcontact", {"klantcontact": CONTACT}))["klantcontact"]
    )
    assert [one["nummer"] for one in contacts] == ["41", "0000000042", "0000000043"]
    assert (await new_task(client, contacts[0]["uuid"]))["nummer"] == "0000000001"
    null = await client.ask("POST", "/klantcontacten", CONTACT | {"nummer": None})
    assert (null.status, null.faults) == (400, [("nummer", "null")])
    await set_version("2.16")
    assert (await client.post("klantcontacten", CONTACT))["nummer"] is None
    assert (await new_task(client, contacts[0]["uuid"]))["nummer"] is None
    statuses = [
        (await client.ask("POST", "/klantcontacten", CONTACT | {"nummer": ""})).status
        for _ in range(2)
    ]
    assert statuses == [201, 500], "it does not check an empty number, but its database does"


async def test_a_number_of_a_client_moves_the_counter_of_2_15_until_it_ends(
    client: Client, set_version: SetVersion
) -> None:
    await set_version("2.15")
    await client.post("klantcontacten", CONTACT | {"nummer": "9999999998"})
    assert (await client.post("klantcontacten", CONTACT))["nummer"] == "9999999999"
    ended = await client.ask("POST", "/klantcontacten", CONTACT)
    assert (ended.status, ended.body["code"]) == (409, "conflict")
    await client.post("klantcontacten", CONTACT | {"nummer": "5"})


async def test_of_two_posts_that_draw_the_same_number_one_fails(
    client: Client, set_version: SetVersion
) -> None:
    await set_version("2.15")
    await client.control("POST", "mode", {"mode": "race", "together": 2})
    posts = (client.ask("POST", "/klantcontacten", CONTACT) for _ in range(2))
    assert sorted(each.status for each in await asyncio.gather(*posts)) == [201, 500]


FIELDS = [
    ("2.15", set[str](), set[str]()),
    ("2.16", {*OWN}, {*OWN}),
    ("2.17", {*OWN}, {*OWN}),
    ("2.18", {*OWN}, {*OWN, "hoofdOnderwerpType", "verdereActieOndernomen"}),
]


@pytest.mark.parametrize(("version", "kept", "shown"), FIELDS)
async def test_a_field_that_a_version_does_not_know_is_ignored_and_not_shown(
    client: Client, set_version: SetVersion, version: str, kept: set[str], shown: set[str]
) -> None:
    await set_version(version)
    created = await client.post("klantcontacten", CONTACT | OWN)
    later = {*OWN, "hoofdOnderwerpType", "verdereActieOndernomen"}
    assert created.keys() & later == shown
    await set_version("2.18")
    now = (await client.ask("GET", f"/klantcontacten/{created['uuid']}")).body
    assert {name for name in OWN if now[name] == OWN[name]} == kept


LIMITS = [
    ("2.16", {"reactie": "x" * 1001}, "reactie", "max_length"),
    ("2.17", {"metadata": {"a": "x" * 101}}, "metadata.a", "max_length"),
    ("2.18", {"reactie": "x" * 4000, "metadata": {"a": "x" * 255}}, "", ""),
    (
        "2.18",
        {"verdereActieOndernomen": True, "indicatieContactGelukt": True},
        "nonFieldErrors",
        "no-further-action-when-contact-succesful",
    ),
    ("2.17", {"verdereActieOndernomen": True, "indicatieContactGelukt": True}, "", ""),
]


@pytest.mark.parametrize(("version", "values", "name", "code"), LIMITS)
async def test_limits_are_those_of_the_version(
    client: Client, set_version: SetVersion, version: str, values: Json, name: str, code: str
) -> None:
    await set_version(version)
    answer = await client.ask("POST", "/klantcontacten", CONTACT | values)
    assert (answer.status == 201, answer.faults[:1] if name else []) == (
        not name,
        [(name, code)] if name else [],
    )


SINCE = [
    ("/klantcontacten?referentienummer=1", "2.16"),
    ("/klantcontacten?reactie=x", "2.16"),
    ("/internetaken?klantcontact__referentienummer=1", "2.16"),
    ("/klantcontacten?leiddeTotInterneTaken=true", "2.18"),
    ("/klantcontacten?hadBetrokkene__digitaaladres__adres__icontains=6", "2.18"),
]


@pytest.mark.parametrize("version", API_VERSIONS)
async def test_a_parameter_of_a_later_version_is_refused(
    client: Client, set_version: SetVersion, version: str
) -> None:
    await set_version(version)
    for path, since in SINCE:
        answer = await client.ask("GET", path)
        assert answer.status == (200 if version >= since else 400), path


async def test_lists_show_the_newest_made_first_before_2_18(
    client: Client, set_version: SetVersion
) -> None:
    for day in ("22", "21"):
        when = {"plaatsgevondenOp": f"2026-11-{day}T08:00:00Z", "onderwerp": day}
        await client.post("klantcontacten", CONTACT | when)
    for version in API_VERSIONS:
        await set_version(version)
        found = (await client.ask("GET", "/klantcontacten")).body["results"]
        newest = ["22", "21"] if version == "2.18" else ["21", "22"]
        assert [one["onderwerp"] for one in found] == newest


async def test_ita_sees_a_contact_with_whole_rows_inside(client: Client) -> None:
    uuids = await client.deliver_message()
    path = f"/klantcontacten/{uuids['klantcontacten']}"
    shown = (await client.ask("GET", f"{path}?expand={E}")).body
    [party], [task] = (
        shown["_expand"][name] for name in ("hadBetrokkenen", "leiddeTotInterneTaken")
    )
    assert party["_expand"]["wasPartij"] is None
    assert party["_expand"]["digitaleAdressen"][0]["adres"] == "+31612345678"
    assert task["uuid"] == uuids["internetaken"]
    subject = shown["_expand"]["gingOverOnderwerpobjecten"][0]
    assert subject["onderwerpobjectidentificator"].keys() == {
        "objectId",
        "codeObjecttype",
        "codeRegister",
        "codeSoortObjectId",
    }
    assert shown["hadBetrokkenActoren"][0]["naam"] == "Openbare Ruimte"
    for query, code in (("expand=x", "invalid_choice"), ("x=1", "unknown-parameters")):
        refused = await client.ask("GET", f"{path}?{query}")
        assert (refused.status, refused.faults[0][1]) == (400, code)


MARK = {
    "objectId": "3b7",
    "codeObjecttype": "postkamer-contact",
    "codeRegister": "postkamer",
    "codeSoortObjectId": "uuid",
}


async def test_a_mark_is_removed_with_its_contact_unless_another_refers_to_it(
    client: Client,
) -> None:
    subject = {"onderwerpobjectidentificator": MARK}
    party = {"rol": "klant", "initiator": True}
    body = {"klantcontact": CONTACT, "betrokkene": party, "onderwerpobject": subject}
    asked, later = [await client.post("maak-klantcontact", body) for _ in range(2)]
    address = {
        "verstrektDoorBetrokkene": {"uuid": asked["betrokkene"]["uuid"]},
        "verstrektDoorPartij": None,
        "adres": "a@almelo.nl",
        "soortDigitaalAdres": "email",
    }
    await client.post("digitaleadressen", address)
    link = {
        "klantcontact": {"uuid": later["klantcontact"]["uuid"]},
        "wasKlantcontact": {"uuid": asked["klantcontact"]["uuid"]},
    }
    answer = await client.post("onderwerpobjecten", link)
    removed = [
        (await client.ask("DELETE", f"/onderwerpobjecten/{uuid}?cascade=true")).body["behouden"]
        for uuid in (asked["onderwerpobject"]["uuid"], answer["uuid"])
    ]
    assert removed == [[asked["klantcontact"]["url"]], [later["klantcontact"]["url"]]]
    counts = (await client.control("GET", "summary"))["counts"]
    left = ("klantcontacten", "betrokkenen", "digitaleadressen", "onderwerpobjecten")
    assert [counts[name] for name in left] == [1, 1, 0, 1]


async def test_an_unknown_version_is_refused(client: Client) -> None:
    for body in ({"version": "2.14"}, {}):
        assert (await client.ask("POST", f"{client.url}/openklant/version", body)).status == 400
