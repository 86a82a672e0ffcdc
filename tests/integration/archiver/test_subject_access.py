"""`postkamer archive subject`: everything about one person and nothing about anyone else, over a
real router's decisions."""

import random
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest

from archiver.index.record_fields import Identity
from archiver.subject_access.person_finder import PersonFinder
from services.calendar.opening_hours import AMSTERDAM
from services.contract import Author
from services.postgres.database import Pool
from tests.support.archiver.commands import OPERATOR, Archive
from tests.support.archiver.desk import ANNA, BERT, CORA, TENANT, Citizen, Desk
from tests.support.archiver.records import message
from tests.support.decrypted_record import keys_of
from tests.support.router.batch_office import consent

SUCCESSOR = Citizen(ANNA.phone, "NL.2000")
"""The holder of Anna's number after her."""
WHY = ("--reason", "verzoek om inzage")


class Reporting:
    """Makes reports about one person."""

    def __init__(self, archive: Archive, folder: Path) -> None:
        self.archive, self.file = archive, folder / "report.json"

    async def __call__(self, *arguments: str, **more: str) -> dict[str, Any]:
        done = await self.archive("subject", *WHY, "--out", self.file, *arguments, **more)
        report: dict[str, Any] = msgspec.json.decode(self.file.read_bytes())
        return report | {"stderr": done.stderr}

    async def texts(self, *arguments: str) -> list[str]:
        return texts(await self(*arguments))

    @property
    def written(self) -> str:
        return self.file.read_text()


@pytest.fixture
def about(town_archive: Archive, tmp_path: Path) -> Reporting:
    return Reporting(town_archive, tmp_path)


def texts(report: dict[str, Any]) -> list[str]:
    return [said["text"] for each in report["conversations"] for said in each["messages"]]


async def test_report_has_one_of_three_citizens_who_came_in_one_body(
    desk: Desk, about: Reporting
) -> None:
    words = {one: f"woorden van {one.bsuid}" for one in (ANNA, BERT, CORA)}
    await desk.heard(*words.items())
    for one, text in words.items():
        report = await about("--phone", f"+{one.phone}")
        assert texts(report) == [text]
        for other in set(words) - {one}:
            marks = (other.phone, other.bsuid, words[other])
            assert not any(mark in about.written for mark in marks)
        assert [(each["value"], each["asked"]) for each in report["about"]] == [
            (one.phone, True),
            (one.bsuid, False),
            (f"naam van {one.bsuid}", False),
        ]


async def test_report_by_number_leaves_out_and_counts_its_former_holder(
    desk: Desk, about: Reporting
) -> None:
    await desk.heard((ANNA, "van Anna"), close=True)
    await desk.heard((Citizen(bsuid=ANNA.bsuid), "van Anna, zonder nummer"), close=True)
    await desk.heard((SUCCESSOR, "van wie later kwam"), close=True)
    report = await about("--phone", ANNA.phone)
    assert texts(report) == ["van wie later kwam"]
    assert "van Anna" not in about.written
    assert "1 more conversation by this number: another person's" in report["stderr"]
    [change] = report["identityChanges"]
    assert (change["kind"], change["before"], change["after"]) == ("phone", "", ANNA.phone)
    hers = await about.texts("--bsuid", ANNA.bsuid)
    assert hers == ["van Anna", "van Anna, zonder nummer"]
    assert "later" not in about.written


async def test_report_follows_a_person_through_changes_of_identity(
    desk: Desk, about: Reporting
) -> None:
    new = Citizen("31600000019", "NL.3000")
    await desk.heard((ANNA, "een"), close=True)
    await desk.changed(ANNA, "user_changed_user_id", user_id=new.bsuid)
    await desk.heard((Citizen(ANNA.phone, new.bsuid), "twee"), close=True)
    await desk.changed(Citizen(ANNA.phone, new.bsuid), "user_changed_number", wa_id=new.phone)
    await desk.heard((new, "drie"), close=True)
    await desk.heard((Citizen(ANNA.phone, "NL.9999"), "van een ander"), close=True)
    for name in (("--phone", new.phone), ("--bsuid", ANNA.bsuid), ("--bsuid", new.bsuid)):
        report = await about(*name)
        theirs = [text for text in texts(report) if text in ("een", "twee", "drie")]
        assert theirs == ["een", "twee", "drie"]
        assert "van een ander" not in about.written
    changes = [(c["kind"], c["before"], c["after"]) for c in report["identityChanges"]]
    assert changes == [("bsuid", "", new.bsuid), ("phone", ANNA.phone, new.phone)]
    assert await about.texts("--phone", ANNA.phone) == ["van een ander"]


async def test_report_has_both_sides_of_a_merge(desk: Desk, about: Reporting) -> None:
    [mine] = await desk.heard((ANNA, "van het ene nummer"))
    [other] = await desk.heard((BERT, "van het andere"))
    [(_, done, *_)] = await desk.takes(desk.office.order("merge", conversation=mine, other=other))
    assert done.status == "done"
    for phone in (ANNA.phone, BERT.phone):
        merged = sorted(await about.texts("--phone", phone))
        assert merged == ["van het andere", "van het ene nummer"]


async def test_report_leaves_out_other_municipalities_periods_and_destroyed_conversations(
    desk: Desk, about: Reporting, pool: Pool
) -> None:
    [gone] = await desk.heard((ANNA, "vernietigd"), close=True)
    await desk.heard((ANNA, "hier"), close=True)
    elsewhere = message("elders", phone=ANNA.phone, at=desk.office.start, tenant="borne")
    await desk.writer.add([elsewhere])
    await pool.execute("delete from archiver.conversation_key where conversation = $1", gone)
    asked, today = ("--phone", ANNA.phone), desk.office.later.astimezone(AMSTERDAM).date()
    assert await about.texts(*asked) == ["hier"]
    assert await about.texts(*asked, "--since", "2000-01-01", "--until", f"{today}") == ["hier"]
    past = await about(*asked, "--until", "2000-01-01")
    assert past["conversations"] == [] and past["period"]["until"] == "2000-01-01"


async def test_report_about_an_unknown_person_says_so(desk: Desk, about: Reporting) -> None:
    await desk.heard((ANNA, "hallo"))
    report = await about("--phone", "+31699999999")
    assert report["conversations"] == [] and report["about"][0]["found"] is False
    assert [copy["place"] for copy in report["copies"]] == ["WhatsApp (Meta)", "Back-ups"]


async def _fill_conversation(desk: Desk, archive: Archive) -> None:
    """One conversation with everything that the record can have of it."""
    [id] = await desk.heard((ANNA, "de container is vol"))
    author, order = Author(kind="employee", id="m.devries"), desk.office.order
    sent = order("text", conversation=id, text="Wij komen", author=author)
    [(_, answer, *_)] = await desk.takes(sent)
    await desk.takes(order("note", conversation=id, text="staat bij de school"))
    await desk.takes(
        order("consent", to=ANNA.phone, **consent("afval")),
        order("withdraw", to=ANNA.phone, purpose="afval"),
    )
    status = {"status": "read", "wamid": "w", "at": desk.office.later, "reason": ""}
    await desk.add("status", id, status, message=answer.message)
    for state in ("settled", "settled", "parked"):
        await desk.delivered(id, "crm", state)
    view = {"token": "crm", "employee": "m.devries", "reason": "behandelen", "what": "gesprek"}
    await desk.add("view", id, view | {"department": "openbare-ruimte"})
    first = await desk.pool.fetchval(
        "select message from archiver.entry where kind = 'message' order by position limit 1"
    )
    await archive("annotate", first, "--text", "-", "--by", "P. Bakker", stdin="de overkant")


async def test_report_has_all_that_the_record_has_but_no_employee(
    desk: Desk, about: Reporting
) -> None:
    await _fill_conversation(desk, about.archive)
    report = await about("--phone", ANNA.phone)
    [conversation] = report["conversations"]
    heard, said = conversation["messages"]
    assert (heard["direction"], heard["department"]) == ("in", "Openbare ruimte")
    assert heard["reason"] == '"container" staat erin (regel afval)'
    [annotation] = heard["annotations"]
    assert (annotation["by"], annotation["text"]) == ("Openbare ruimte", "de overkant")
    assert (said["author"], [s["status"] for s in said["statuses"]]) == ("employee", ["read"])
    assert [note["text"] for note in conversation["notes"]] == ["staat bij de school"]
    assert [(c["purpose"], bool(c["endedAt"])) for c in report["consents"]] == [("afval", True)]
    deliveries = [(d["state"], d["count"]) for d in report["deliveries"]]
    assert deliveries == [("delivered", 2), ("parked", 1)]
    assert [(view["token"], view["why"]) for view in report["views"]] == [("crm", "behandelen")]
    places = [copy["place"] for copy in report["copies"]]
    assert places[0].startswith("crm, het systeem van") and places[-1] == "Back-ups"
    assert "m.devries" not in about.written and "Bakker" not in about.written


async def test_report_is_private_and_recorded_without_the_person(
    desk: Desk, about: Reporting, pool: Pool
) -> None:
    [conversation] = await desk.heard((ANNA, "hallo"))
    await about("--phone-file", "-", stdin=f"+31 6 {ANNA.phone[3:]}\n")
    assert stat.S_IMODE(about.file.stat().st_mode) == 0o600
    [row] = await pool.fetch("select * from access.operation")
    data = msgspec.json.decode(row["data"])
    assert (row["what"], row["by"], row["tenant"]) == ("archive subject", OPERATOR, TENANT)
    assert data["why"] == WHY[1] and data["conversations"] == [conversation]
    hashes = await pool.fetch("select distinct encode(hash, 'hex') as hash from archiver.subject")
    assert hashes and not any(each["hash"] in row["data"] for each in hashes)
    assert ANNA.phone not in str(dict(row)) and ANNA.bsuid not in str(dict(row))


NUMBER = ("--phone", "+31687654321")


async def test_wrong_options_are_refused_without_repeating_the_person(
    pool: Pool, town_archive: Archive, tmp_path: Path
) -> None:
    for code, options, stdin, error in (
        (2, ("--phone", "0687654321"), "", "--phone: expected a telephone number with its country"),
        (2, ("--phone-file", "-"), "\xff geen 31687654321", "--phone: expected a telephone"),
        (2, ("--bsuid", "jan de vries"), "", "--bsuid: expected Meta's id"),
        (2, (), "", "say whom"),
        (2, (*NUMBER, "--tenant", "borne"), "", "--tenant: there is no 'borne'"),
        (2, (*NUMBER, "--reason", ""), "", "--reason: expected"),
        (1, (*NUMBER, "--request", "AVG-1"), "", "almelo has no request 'AVG-1'"),
    ):
        report = ("subject", *WHY, "--out", tmp_path / "r.json", *options)
        found = await town_archive.fails(*report, code=code, stdin=stdin)
        assert error in found
        assert not any(name in found for name in ("0687654321", "31687654321", "jan de vries"))
    assert not (tmp_path / "r.json").exists()
    assert await pool.fetchval("select count(*) from access.operation") == 0


async def test_report_can_be_a_pdf(desk: Desk, town_archive: Archive, tmp_path: Path) -> None:
    await desk.heard((ANNA, "hallo"))
    file = tmp_path / "r.pdf"
    await town_archive("subject", *WHY, "--phone", ANNA.phone, "--out", file)
    assert file.read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("seed", range(12))
async def test_conversations_found_by_id_are_those_of_one_person_of_the_router(
    desk: Desk, pool: Pool, seed: int
) -> None:
    chance = random.Random(seed)
    phones, ids = ("31600000021", "31600000022", ""), ("NL.1", "NL.2", "NL.3", "")
    for n in range(14):
        citizen = Citizen(chance.choice(phones), chance.choice(ids))
        if citizen == Citizen():
            continue
        if citizen.phone and chance.random() < 0.2:
            await desk.changed(citizen, "user_changed_number", wa_id=chance.choice(phones[:2]))
        else:
            await desk.heard((citizen, f"{n}"), close=True)
    persons: dict[Any, set[str]] = {}
    for row in await pool.fetch("select id, person from router.conversation"):
        persons.setdefault(row["person"], set()).add(row["id"])
    keys = await keys_of(pool)
    for id in ids[:-1]:
        async with pool.acquire() as on, on.transaction():
            finder = PersonFinder(on, keys, TENANT, await keys.index_keys(TENANT))
            person = await finder.find(frozenset([Identity("bsuid", id)]))
        found = set(person.conversations)
        theirs = [those for those in persons.values() if those & found]
        assert found == set().union(*theirs), id
        assert len(theirs) <= 1, id
