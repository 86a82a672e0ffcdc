"""`postkamer archive subject`: everything about one person and nothing of anybody else; the router
that decides, the record and the commands are the real ones."""

import json
import random
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from archiver.index.record_fields import Identity
from archiver.subject_access.identity_linking import Names
from archiver.subject_access.person_finder import PersonFinder
from router.store.store import Store
from services.calendar.opening_hours import AMSTERDAM
from services.contract import Author
from services.postgres.database import Pool, connection_pool
from tests.support.decrypted_record import keys_of, writer_of
from tests.support.integration.subject_persons import TENANT, Citizen, Desk, typed
from tests.support.router.batch_office import Office, consent

ANNA, BERT, CORA = (Citizen(f"3160000001{n}", f"NL.100{n}") for n in range(3))
LATER = Citizen(ANNA.phone, "NL.2000")
"""Who has Anna's number after her."""
WHY = ("--why", "verzoek om inzage")


@pytest.fixture
async def desk(empty: str, pool: Pool) -> AsyncIterator[Desk]:
    async with connection_pool(f"{empty}?role=postkamer_router", "test", 4) as own:
        store = Store(own)
        office = Office(store, await store.take_epoch(0))
        yield Desk(office, await writer_of(pool), pool)


class Asking:
    """About a citizen, on this database."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.file = url, folder / "report.json"

    async def __call__(self, *arguments: str, **more: Any) -> dict[str, Any]:
        to = ("--json", str(self.file))
        done = await typed(self.url, "subject", *WHY, *to, *arguments, **more)
        assert done.exit_code == 0, done.output
        report: dict[str, Any] = json.loads(self.file.read_bytes())
        return report | {"stderr": done.stderr}


@pytest.fixture
def about(empty: str, tmp_path: Path) -> Asking:
    return Asking(empty, tmp_path)


def texts(report: dict[str, Any]) -> list[str]:
    return [said["text"] for each in report["conversations"] for said in each["messages"]]


async def test_of_three_citizens_in_one_body_each_gets_their_own_and_no_more(
    desk: Desk, about: Asking
) -> None:
    said = {citizen: f"woorden van {citizen.bsuid}" for citizen in (ANNA, BERT, CORA)}
    await desk.heard(*said.items())
    for citizen in said:
        report = await about("--phone", f"+{citizen.phone}")
        assert texts(report) == [said[citizen]]
        whole = about.file.read_text()
        for other in set(said) - {citizen}:
            assert not any(mark in whole for mark in (other.phone, other.bsuid, said[other]))
        assert [(each["value"], each["asked"]) for each in report["about"]] == [
            (citizen.phone, True),
            (citizen.bsuid, False),
            (f"naam van {citizen.bsuid}", False),
        ]


async def test_who_had_the_number_before_is_not_in_it_and_is_counted(
    desk: Desk, about: Asking
) -> None:
    await desk.heard((ANNA, "van Anna"), close=True)
    await desk.heard((Citizen(bsuid=ANNA.bsuid), "van Anna, zonder nummer"), close=True)
    await desk.heard((LATER, "van wie later kwam"), close=True)
    report = await about("--phone", ANNA.phone)
    assert texts(report) == ["van wie later kwam"]
    assert "van Anna" not in about.file.read_text()
    assert "1 more conversations by this number are somebody else's" in report["stderr"]
    assert report["identityChanges"] == [
        {"at": report["identityChanges"][0]["at"], "kind": "phone", "before": "",
         "after": ANNA.phone}
    ]  # fmt: skip
    hers = await about("--bsuid", ANNA.bsuid)
    assert texts(hers) == ["van Anna", "van Anna, zonder nummer"]
    assert "later" not in about.file.read_text()


async def test_whoever_meta_says_is_the_same_is_in_it_under_every_name(
    desk: Desk, about: Asking
) -> None:
    new = Citizen("31600000019", "NL.3000")
    await desk.heard((ANNA, "een"), close=True)
    await desk.changed(ANNA, "user_changed_user_id", user_id=new.bsuid)
    await desk.heard((Citizen(ANNA.phone, new.bsuid), "twee"), close=True)
    await desk.changed(Citizen(ANNA.phone, new.bsuid), "user_changed_number", wa_id=new.phone)
    await desk.heard((new, "drie"), close=True)
    await desk.heard((Citizen(ANNA.phone, "NL.9999"), "van een ander"), close=True)
    for asked in (("--phone", new.phone), ("--bsuid", ANNA.bsuid), ("--bsuid", new.bsuid)):
        report = await about(*asked)
        assert [text for text in texts(report) if text in ("een", "twee", "drie")] == [
            "een",
            "twee",
            "drie",
        ]
        assert "van een ander" not in about.file.read_text()
    changed = [(c["kind"], c["before"], c["after"]) for c in report["identityChanges"]]
    assert changed == [("bsuid", "", new.bsuid), ("phone", ANNA.phone, new.phone)]
    assert texts(await about("--phone", ANNA.phone)) == ["van een ander"]


async def test_what_was_merged_is_in_it_from_either_side(desk: Desk, about: Asking) -> None:
    [mine] = await desk.heard((ANNA, "van het ene nummer"))
    [other] = await desk.heard((BERT, "van het andere"))
    merge = desk.office.order("merge", conversation=mine, other=other)
    [(_, done, *_)] = await desk.takes(merge)
    assert done.status == "done"
    for asked in (ANNA.phone, BERT.phone):
        assert sorted(texts(await about("--phone", asked))) == [
            "van het andere",
            "van het ene nummer",
        ]


async def test_nothing_is_found_over_the_border_of_a_municipality(
    desk: Desk, about: Asking, tmp_path: Path
) -> None:
    person = {"identities": [{"kind": "phone", "value": ANNA.phone}], "name": "Anna"}
    data = {"direction": "in", "type": "text", "text": "elders", "from": person,
            "department": "balie", "decision": {"rule": "", "reason": ""},
            "receivedAt": desk.office.start}  # fmt: skip
    await desk.heard((ANNA, "hier"))
    await desk.kept("message", "206540352242923-" + "a" * 26, data, tenant="borne")
    assert texts(await about("--phone", ANNA.phone)) == ["hier"]


async def _much_became_of_it(desk: Desk, url: str) -> None:
    [conversation] = await desk.heard((ANNA, "de container is vol"))
    author = Author(kind="employee", id="m.devries")
    sent = desk.office.order("text", conversation=conversation, text="Wij komen", author=author)
    [(_, answer, *_)] = await desk.takes(sent)
    note = desk.office.order("note", conversation=conversation, text="staat bij de school")
    await desk.takes(note)
    await desk.takes(
        desk.office.order("consent", to=ANNA.phone, **consent("afval")),
        desk.office.order("withdraw", to=ANNA.phone, purpose="afval"),
    )
    status = {"status": "read", "wamid": "w", "at": desk.office.later, "reason": ""}
    await desk.kept("status", conversation, status, message=answer.message)
    for state in ("settled", "settled", "parked"):
        await desk.delivered(conversation, "crm", state)
    view = {"token": "crm", "employee": "m.devries", "reason": "behandelen", "what": "gesprek"}
    await desk.kept("view", conversation, view | {"department": "openbare-ruimte"})
    first = await desk.pool.fetchval(
        "select message from archiver.entry where kind = 'message' order by position limit 1"
    )
    done = await typed(
        url, "annotate", str(first), "--text", "-", "--by", "P. Bakker", stdin="de overkant"
    )
    assert done.exit_code == 0, done.output


async def test_all_that_became_of_it_is_in_it(desk: Desk, about: Asking, empty: str) -> None:
    await _much_became_of_it(desk, empty)
    report = await about("--phone", ANNA.phone)
    [told] = report["conversations"]
    heard, said = told["messages"]
    assert (heard["direction"], heard["reason"], heard["department"]) == (
        "in",
        '"container" staat erin (regel afval)',
        "Openbare ruimte",
    )
    [beside] = heard["annotations"]
    assert (beside["by"], beside["text"]) == ("Openbare ruimte", "de overkant")
    assert (said["author"], [step["status"] for step in said["statuses"]]) == (
        "employee",
        ["read"],
    )
    assert [note["text"] for note in told["notes"]] == ["staat bij de school"]
    assert [(c["purpose"], bool(c["endedAt"])) for c in report["consents"]] == [("afval", True)]
    assert [(d["state"], d["count"]) for d in report["deliveries"]] == [
        ("delivered", 2),
        ("parked", 1),
    ]
    [looked] = report["views"]
    assert (looked["token"], looked["why"]) == ("crm", "behandelen")
    places = [copy["place"] for copy in report["copies"]]
    assert places[0].startswith("crm, het systeem van") and places[-1] == "Back-ups"
    whole = about.file.read_text()
    assert "m.devries" not in whole and "Bakker" not in whole


async def test_it_is_on_the_record_who_asked_and_why_and_not_about_whom(
    desk: Desk, about: Asking, pool: Pool
) -> None:
    [conversation] = await desk.heard((ANNA, "hallo"))
    await about("--phone-file", "-", stdin=f"+31 6 {ANNA.phone[3:]}\n")
    assert stat.S_IMODE(about.file.stat().st_mode) == 0o600
    [row] = await pool.fetch("select * from access.operation")
    data = json.loads(row["data"])
    assert (row["what"], row["by"], row["tenant"]) == ("archive subject", "sanne", TENANT)
    assert data["why"] == WHY[1] and data["conversations"] == [conversation]
    hashes = await pool.fetch("select distinct encode(hash, 'hex') as hash from archiver.subject")
    assert hashes and not any(each["hash"] in row["data"] for each in hashes)
    assert ANNA.phone not in str(dict(row)) and ANNA.bsuid not in str(dict(row))


async def test_of_a_period_it_has_what_was_said_in_it(desk: Desk, about: Asking) -> None:
    await desk.heard((ANNA, "hallo"))
    today = desk.office.start.astimezone(AMSTERDAM).date()
    asked = ("--phone", ANNA.phone)
    assert texts(await about(*asked, "--since", "2000-01-01", "--until", f"{today}"))
    past = await about(*asked, "--until", "2000-01-01")
    assert past["conversations"] == [] and past["period"]["until"] == "2000-01-01"


async def test_whose_key_was_destroyed_is_not_in_it(desk: Desk, about: Asking, pool: Pool) -> None:
    [gone] = await desk.heard((ANNA, "vernietigd"), close=True)
    await desk.heard((ANNA, "bewaard"), close=True)
    await pool.execute("delete from archiver.conversation_key where conversation = $1", gone)
    assert texts(await about("--phone", ANNA.phone)) == ["bewaard"]


async def test_of_nobody_there_is_a_report_that_says_so(desk: Desk, about: Asking) -> None:
    await desk.heard((ANNA, "hallo"))
    report = await about("--phone", "+31699999999")
    assert report["conversations"] == [] and report["about"][0]["found"] is False
    assert [copy["place"] for copy in report["copies"]] == ["WhatsApp (Meta)", "Back-ups"]


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (("--phone", "0687654321"), "", "--phone: expected a telephone number with its country"),
        (("--phone-file", "-"), "\xff geen nummer 31687654321", "--phone: expected a telephone"),
        (("--bsuid", "jan de vries"), "", "--bsuid: expected Meta's id"),
        ((), "", "say whom"),
        (("--phone", "+31687654321", "--tenant", "borne"), "", "--tenant: there is no 'borne'"),
        (("--phone", "+31687654321", "--why", ""), "", "--why: expected"),
        (("--phone", "+31687654321", "--request", "AVG-1"), "", "almelo has no request 'AVG-1'"),
    ],
)
async def test_what_is_wrong_is_said_without_what_was_given(
    pool: Pool, empty: str, arguments: tuple[str, ...], stdin: str, said: str, tmp_path: Path
) -> None:
    to = ("--json", str(tmp_path / "r.json"))
    done = await typed(empty, "subject", *WHY, *to, *arguments, stdin=stdin)
    assert done.exit_code in (1, 2) and said in done.stderr
    assert not any(given in done.output for given in ("0687654321", "31687654321", "jan de vries"))
    assert not (tmp_path / "r.json").exists()
    assert await pool.fetchval("select count(*) from access.operation") == 0


async def test_the_pdf_is_one(desk: Desk, empty: str, tmp_path: Path) -> None:
    await desk.heard((ANNA, "hallo"))
    file = tmp_path / "r.pdf"
    done = await typed(empty, "subject", *WHY, "--phone", ANNA.phone, "--pdf", str(file))
    assert done.exit_code == 0, done.output
    assert file.read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("seed", range(12))
async def test_whom_the_router_takes_for_one_is_one_and_nobody_else(
    desk: Desk, pool: Pool, seed: int
) -> None:
    """The router's own tables say whose each conversation is: by every name that was the one of
    somebody at Meta exactly theirs are found."""
    chance = random.Random(seed)
    phones, names = ("31600000021", "31600000022", ""), ("NL.1", "NL.2", "NL.3", "")
    for n in range(14):
        citizen = Citizen(chance.choice(phones), chance.choice(names))
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
    for name in names[:-1]:
        asked: Names = frozenset([Identity("bsuid", name)])
        async with pool.acquire() as on, on.transaction():
            finder = PersonFinder(on, keys, TENANT, await keys.hash_key(TENANT))
            found = set((await finder.find(asked)).conversations)
        theirs = [those for those in persons.values() if those & found]
        assert found == set().union(*theirs), name
        assert len(theirs) <= 1, name
