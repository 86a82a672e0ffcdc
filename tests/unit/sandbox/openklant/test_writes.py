"""What Open Klant wants of fields together, of rows beside each other, and what it sets itself."""

from datetime import UTC, datetime

import pytest

from sandbox.openklant import writes
from sandbox.openklant.schema import RESOURCES
from sandbox.openklant.serializers import Serializer
from sandbox.openklant.store import Conflict, Store
from sandbox.openklant.validation import Fault
from sandbox.openklant.writes import CheckedWrite, Stamp
from tests.support.openklant.api_client import ACTOR, AT, CONTACT, NOWHERE, Json, Register

NUMBERED = CONTACT | {"referentienummer": "42"}


@pytest.fixture
def register() -> Register:
    return Register()


def test_a_task_goes_to_actors_or_to_an_actor_and_never_to_both_or_neither(
    register: Register,
) -> None:
    body = register.body("internetaken")
    actor = {"uuid": register.actor}
    neither = {key: value for key, value in body.items() if key != "toegewezenAanActoren"}
    assert register.check("internetaken", neither) == ["nonFieldErrors invalid"]
    both = body | {"toegewezenAanActor": actor}
    assert register.check("internetaken", both) == ["nonFieldErrors invalid"]
    one = register.take("internetaken", neither | {"toegewezenAanActor": actor})
    many = register.take("internetaken", body | {"toegewezenAanActoren": [actor]})
    assert one["toegewezenAanActoren"] == many["toegewezenAanActoren"] == (register.actor,)


def test_a_change_of_a_task_need_not_name_actors_and_replaces_them_when_it_does(
    register: Register,
) -> None:
    actor = {"uuid": register.actor}
    row = register.take("internetaken", register.body("internetaken"))
    assert register.change("internetaken", row, {"toelichting": "x"})["toegewezenAanActoren"] == ()
    changed = register.change("internetaken", row, {"toegewezenAanActoren": [actor]})
    assert changed["toegewezenAanActoren"] == (register.actor,)


def test_a_put_of_a_task_must_name_its_actors_as_a_post_must(register: Register) -> None:
    body = register.body("internetaken")
    row = register.take("internetaken", body)
    assert isinstance(writes.check_write(register.store, "internetaken", body, row), CheckedWrite)
    del body["toegewezenAanActoren"]
    [fault] = as_faults(writes.check_write(register.store, "internetaken", body, row))
    assert (fault.name, fault.code) == ("nonFieldErrors", "invalid")


def as_faults(found: CheckedWrite | list[Fault]) -> list[Fault]:
    return [] if isinstance(found, CheckedWrite) else found


def test_the_server_says_when_a_task_was_assigned_and_dealt_with(register: Register) -> None:
    told = {"toegewezenOp": "2000-01-01T00:00:00Z"}
    row = register.take("internetaken", register.body("internetaken") | told)
    assert (row["toegewezenOp"], row["afgehandeldOp"]) == (AT, None)
    done = register.change("internetaken", row, {"status": "verwerkt"})
    assert done["afgehandeldOp"] == AT
    again = register.change("internetaken", row, {"status": "te_verwerken"})
    assert again["afgehandeldOp"] is None
    when = "2026-11-20T10:02:00Z"
    said = register.change("internetaken", row, {"status": "verwerkt", "afgehandeldOp": when})
    assert said["afgehandeldOp"] == datetime(2026, 11, 20, 10, 2, tzinfo=UTC)


def test_a_contact_that_succeeded_needs_no_further_action(register: Register) -> None:
    row = register.take("klantcontacten", CONTACT | {"indicatieContactGelukt": True})
    more = {"verdereActieOndernomen": True}
    fault = "nonFieldErrors no-further-action-when-contact-succesful"
    assert register.check("klantcontacten", more, row) == [fault]
    assert register.check("klantcontacten", more | {"indicatieContactGelukt": None}, row) == []


def test_a_number_is_taken_once_as_it_is_written(register: Register) -> None:
    row = register.take("klantcontacten", NUMBERED)
    for again in ("42", 42, " 42 "):
        body = CONTACT | {"referentienummer": again}
        assert register.check("klantcontacten", body) == ["referentienummer unique"]
    zeros = register.take("klantcontacten", CONTACT | {"referentienummer": "0042"})
    assert register.check("klantcontacten", {"referentienummer": "42"}, row) == []
    assert register.check("klantcontacten", {"referentienummer": "42"}, zeros) == [
        "referentienummer unique"
    ]
    task = register.body("internetaken") | {"referentienummer": "42"}
    register.take("internetaken", task)
    assert register.check("internetaken", task) == ["referentienummer unique"]


def test_a_number_is_free_again_when_its_row_is_gone_or_has_another(register: Register) -> None:
    row = register.take("klantcontacten", NUMBERED)
    register.change("klantcontacten", row, {"referentienummer": "43"})
    register.take("klantcontacten", NUMBERED)
    register.store.remove("klantcontacten", row["uuid"])
    assert register.check("klantcontacten", CONTACT | {"referentienummer": "43"}) == []


@pytest.mark.parametrize("resource", ["klantcontacten", "internetaken"])
def test_the_second_empty_number_only_meets_the_database(register: Register, resource: str) -> None:
    body = register.body(resource) | {"referentienummer": ""}
    register.take(resource, body)
    assert register.check(resource, body) == []
    with pytest.raises(Conflict):
        register.take(resource, body)


def test_who_looked_before_another_stored_meets_the_database(register: Register) -> None:
    looked = [writes.check_write(register.store, "klantcontacten", NUMBERED) for _ in range(2)]
    assert all(isinstance(each, CheckedWrite) for each in looked)
    register.take("klantcontacten", NUMBERED)
    count = register.store.count("klantcontacten")
    for each in looked:
        assert isinstance(each, CheckedWrite)
        with pytest.raises(Conflict):
            writes.create(register.store, each, Stamp(AT, register.new_id))
    assert register.store.count("klantcontacten") == count


def test_an_actor_is_tied_to_a_contact_once_and_may_be_there_twice(register: Register) -> None:
    body = register.body("actorklantcontacten")
    register.take("actorklantcontacten", body)
    assert register.check("actorklantcontacten", body) == ["nonFieldErrors unique"]
    other = register.take("actoren", ACTOR)
    assert register.check("actorklantcontacten", body | {"actor": {"uuid": other["uuid"]}}) == []


PARTY: Json = {"rol": "klant", "initiator": True}
TOGETHER = [
    ({"klantcontact": NUMBERED}, []),
    ({"klantcontact": NUMBERED, "betrokkene": PARTY, "onderwerpobject": {}}, []),
    ({}, ["klantcontact required"]),
    ({"klantcontact": NUMBERED, "betrokkene": None}, ["betrokkene null"]),
    ({"klantcontact": CONTACT | {"taal": "nl-NL"}}, ["klantcontact.taal max_length"]),
    (
        {"klantcontact": NUMBERED, "betrokkene": PARTY | {"wasPartij": {"uuid": NOWHERE}}},
        ["betrokkene.wasPartij.uuid invalid"],
    ),
    ([], ["nonFieldErrors invalid"]),
]


@pytest.mark.parametrize(("body", "faults"), TOGETHER)
def test_a_contact_with_its_party_is_taken_whole_or_not_at_all(
    register: Register, body: object, faults: list[str]
) -> None:
    assert register.check("maak-klantcontact", body) == faults


def test_a_repeat_of_all_together_is_told_by_its_dotted_name(register: Register) -> None:
    body = {"klantcontact": NUMBERED, "betrokkene": PARTY}
    looked = [writes.check_write(register.store, "maak-klantcontact", body) for _ in range(2)]
    first, second = looked
    assert isinstance(first, CheckedWrite)
    assert isinstance(second, CheckedWrite)
    stamp = Stamp(AT, register.new_id)
    made = writes.create_together(register.store, first, stamp)
    assert made["betrokkene"]["hadKlantcontact"] == made["klantcontact"]["uuid"]
    parties = register.store.count("betrokkenen")
    with pytest.raises(Conflict):
        writes.create_together(register.store, second, stamp)
    assert register.store.count("betrokkenen") == parties
    again = register.check("maak-klantcontact", body)
    assert again == ["klantcontact.referentienummer unique"]


def test_with_a_contact_goes_what_cannot_be_without_it_and_an_address_stays(
    register: Register,
) -> None:
    party = {"verstrektDoorBetrokkene": {"uuid": register.party}}
    address = register.take("digitaleadressen", register.body("digitaleadressen") | party)
    for resource in ("internetaken", "actorklantcontacten", "bijlagen", "onderwerpobjecten"):
        register.take(resource, register.body(resource))
    register.store.remove("klantcontacten", register.contact)
    left = {name for name in RESOURCES if register.store.count(name)}
    assert left == {"actoren", "digitaleadressen"}
    assert address["verstrektDoorBetrokkene"] is None


def test_an_actor_that_is_removed_has_no_tasks_any_more(register: Register) -> None:
    actors = {"toegewezenAanActoren": [{"uuid": register.actor}]}
    row = register.take("internetaken", register.body("internetaken") | actors)
    shown = Serializer(register.store, "http://x").serialize("internetaken", row)
    assert shown["toegewezenAanActor"]["uuid"] == register.actor
    register.store.remove("actoren", register.actor)
    shown = Serializer(register.store, "http://x").serialize("internetaken", row)
    assert (shown["toegewezenAanActor"], shown["toegewezenAanActoren"]) == ({"uuid": None}, [])


def test_the_oldest_go_when_there_are_too_many_and_they_are_counted(register: Register) -> None:
    register.store = Store(contacts=2, others=3)
    for number in "123":
        register.take("klantcontacten", CONTACT | {"referentienummer": number})
    assert (register.store.count("klantcontacten"), register.store.dropped) == (2, 1)
    assert register.check("klantcontacten", CONTACT | {"referentienummer": "1"}) == []
    for _ in range(5):
        register.take("actoren", ACTOR)
    assert (register.store.count("actoren"), register.store.dropped) == (3, 3)


def test_what_refers_to_a_contact_that_went_meanwhile_meets_the_database(
    register: Register,
) -> None:
    looked = writes.check_write(register.store, "betrokkenen", register.body("betrokkenen"))
    register.store.remove("klantcontacten", register.contact)
    assert isinstance(looked, CheckedWrite)
    with pytest.raises(Conflict):
        writes.create(register.store, looked, Stamp(AT, register.new_id))
    assert register.store.count("betrokkenen") == 0
