"""Rules of Open Klant across fields and rows, and the fields that it sets itself."""

import pytest

from sandbox.openklant import writes
from sandbox.openklant.schema import RESOURCES
from sandbox.openklant.serializers import Serializer
from sandbox.openklant.store import Conflict, Store
from sandbox.openklant.writes import Stamp
from tests.support.openklant.api_client import AT, CONTACT, UNKNOWN_ID, FilledStore, Json

NUMBERED = CONTACT | {"referentienummer": "42"}
TAKEN = ["referentienummer unique"]


@pytest.fixture
def filled() -> FilledStore:
    return FilledStore()


def test_a_task_names_its_actors_and_a_change_of_it_need_not(filled: FilledStore) -> None:
    body = filled.bodies["internetaken"]
    without = {key: value for key, value in body.items() if key != "toegewezenAanActoren"}
    assert filled.faults("internetaken", without) == ["nonFieldErrors invalid"]
    row = filled.create("internetaken")
    assert filled.change("internetaken", row, toelichting="x")["toegewezenAanActoren"] == (
        filled.actor,
    )
    assert filled.change("internetaken", row, toegewezenAanActoren=[])["toegewezenAanActoren"] == ()


def test_the_server_sets_when_a_task_was_assigned_and_done(filled: FilledStore) -> None:
    row = filled.create("internetaken", toegewezenOp="2000-01-01T00:00:00Z")
    assert (row["toegewezenOp"], row["afgehandeldOp"]) == (AT, None)
    assert filled.change("internetaken", row, status="verwerkt")["afgehandeldOp"] == AT
    assert filled.change("internetaken", row, status="te_verwerken")["afgehandeldOp"] is None


def test_a_number_is_unique_as_it_is_written(filled: FilledStore) -> None:
    row = filled.create("klantcontacten", referentienummer="42")
    for again in ("42", 42, " 42 "):
        assert filled.faults("klantcontacten", CONTACT | {"referentienummer": again}) == TAKEN
    zeros = filled.create("klantcontacten", referentienummer="0042")
    assert filled.faults("klantcontacten", {"referentienummer": "42"}, row) == []
    assert filled.faults("klantcontacten", {"referentienummer": "42"}, zeros) == TAKEN
    filled.create("internetaken", referentienummer="42")
    body = filled.bodies["internetaken"] | {"referentienummer": "42"}
    assert filled.faults("internetaken", body) == TAKEN


def test_a_number_is_free_when_its_row_is_removed_or_renumbered(filled: FilledStore) -> None:
    row = filled.create("klantcontacten", referentienummer="42")
    filled.change("klantcontacten", row, referentienummer="43")
    filled.create("klantcontacten", referentienummer="42")
    filled.store.remove("klantcontacten", row["uuid"])
    assert filled.faults("klantcontacten", CONTACT | {"referentienummer": "43"}) == []


def test_only_the_database_refuses_a_second_empty_number(filled: FilledStore) -> None:
    filled.create("klantcontacten", referentienummer="")
    with pytest.raises(Conflict):
        filled.create("klantcontacten", referentienummer="")


def test_a_write_conflicts_if_its_number_was_taken_after_the_check(filled: FilledStore) -> None:
    body = {"klantcontact": NUMBERED, "betrokkene": {"rol": "klant", "initiator": True}}
    first, second = (filled.check("maak-klantcontact", body) for _ in range(2))
    alone, stamp = filled.check("klantcontacten", NUMBERED), Stamp(AT, filled.new_id)
    created = writes.create_together(filled.store, first, stamp)
    assert created["betrokkene"]["hadKlantcontact"] == created["klantcontact"]["uuid"]
    with pytest.raises(Conflict):
        writes.create_together(filled.store, second, stamp)
    with pytest.raises(Conflict):
        writes.create(filled.store, alone, stamp)
    assert [filled.store.count(name) for name in ("klantcontacten", "betrokkenen")] == [2, 2]
    assert filled.faults("maak-klantcontact", body) == ["klantcontact.referentienummer unique"]


def test_a_write_conflicts_if_what_it_refers_to_was_removed_after_the_check(
    filled: FilledStore,
) -> None:
    checked = filled.check("betrokkenen", filled.bodies["betrokkenen"])
    filled.store.remove("klantcontacten", filled.contact)
    with pytest.raises(Conflict):
        writes.create(filled.store, checked, Stamp(AT, filled.new_id))
    assert filled.store.count("betrokkenen") == 0


def test_an_actor_is_linked_to_a_contact_once(filled: FilledStore) -> None:
    filled.create("actorklantcontacten")
    body = filled.bodies["actorklantcontacten"]
    assert filled.faults("actorklantcontacten", body) == ["nonFieldErrors unique"]
    other = {"uuid": filled.create("actoren")["uuid"]}
    assert filled.faults("actorklantcontacten", body | {"actor": other}) == []


PARTY: Json = {"rol": "klant", "initiator": True}
TOGETHER = [
    ({"klantcontact": NUMBERED}, []),
    ({"klantcontact": NUMBERED, "betrokkene": PARTY, "onderwerpobject": {}}, []),
    ({}, ["klantcontact required"]),
    ({"klantcontact": NUMBERED, "betrokkene": None}, ["betrokkene null"]),
    ({"klantcontact": CONTACT | {"taal": "nl-NL"}}, ["klantcontact.taal max_length"]),
    (
        {"klantcontact": NUMBERED, "betrokkene": PARTY | {"wasPartij": {"uuid": UNKNOWN_ID}}},
        ["betrokkene.wasPartij.uuid invalid"],
    ),
    ([], ["nonFieldErrors invalid"]),
]


@pytest.mark.parametrize(("body", "faults"), TOGETHER)
def test_a_contact_with_its_party_is_accepted_whole_or_refused(
    filled: FilledStore, body: object, faults: list[str]
) -> None:
    assert filled.faults("maak-klantcontact", body) == faults


def test_a_removed_contact_takes_all_along_but_an_address(filled: FilledStore) -> None:
    address = filled.create("digitaleadressen", verstrektDoorBetrokkene={"uuid": filled.party})
    for resource in ("internetaken", "actorklantcontacten", "onderwerpobjecten"):
        filled.create(resource)
    filled.store.remove("klantcontacten", filled.contact)
    left = {name for name in RESOURCES if filled.store.count(name)}
    assert left == {"actoren", "digitaleadressen"}
    assert address["verstrektDoorBetrokkene"] is None


def test_a_removed_actor_leaves_its_tasks_without_an_actor(filled: FilledStore) -> None:
    serializer, row = Serializer(filled.store, "http://x"), filled.create("internetaken")
    assert serializer.serialize("internetaken", row)["toegewezenAanActor"]["uuid"] == (filled.actor)
    filled.store.remove("actoren", filled.actor)
    shown = serializer.serialize("internetaken", row)
    assert (shown["toegewezenAanActor"], shown["toegewezenAanActoren"]) == ({"uuid": None}, [])


def test_the_oldest_rows_make_room_and_are_counted(filled: FilledStore) -> None:
    filled.store = Store(contacts=2, others=3)
    for number in "123":
        filled.create("klantcontacten", referentienummer=number)
    assert (filled.store.count("klantcontacten"), filled.store.dropped) == (2, 1)
    assert filled.faults("klantcontacten", CONTACT | {"referentienummer": "1"}) == []
    for _ in range(5):
        filled.create("actoren")
    assert (filled.store.count("actoren"), filled.store.dropped) == (3, 3)
