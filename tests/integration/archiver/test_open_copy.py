"""`postkamer tenant export-open`: everything of a municipality, read back without our code."""

import asyncio
import base64
import json
import signal
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from archiver.open_copy import copier
from services import clock
from services.postgres.database import Pool
from tests.support.archiver.commands import OPERATOR, Archive
from tests.support.archiver.desk import ANNA, BERT, Desk
from tests.support.integration.media_provider import damage, flipped
from tests.support.transfer.copy_reader import CopyFault, read_copy
from tests.support.transfer.killed_export import COPY_POINTS, FOLDER, killed
from tests.support.transfer.town import SAMPLES, TransferTown, bytes_of, fill

COMMAND = "export-open", "almelo"
REASON = "--reason", "einde contract"


class Copy:
    """The command; each call writes another folder."""

    def __init__(self, url: str, town: TransferTown) -> None:
        self.town, self._count = town, 0
        env = {
            "POSTKAMER_CONFIG": str(town.config),
            "POSTKAMER_OBJECT_STORE": (town.folder / "objects").as_uri(),
        }
        self.archive, self.tenant = Archive(url, **env), Archive(url, **env)
        self.tenant.group = "tenant"

    async def __call__(self, *options: object, out: str = "") -> Path:
        self._count += 1
        folder = self.town.folder / (out or f"copy-{self._count}")
        self.said = await self.tenant(*COMMAND, folder, *REASON, *options)
        return folder


@pytest.fixture
async def town(desk: Desk, tmp_path: Path) -> TransferTown:
    return TransferTown(desk, tmp_path)


@pytest.fixture
def copy(empty: str, town: TransferTown) -> Copy:
    return Copy(empty, town)


async def fill_beside(town: TransferTown, copy: Copy, made: dict[str, str]) -> None:
    """Add what else a record has: of each kind one."""
    answered, archive = made["answered"], copy.archive
    consent = {
        "event": "given", "purpose": "nieuws", "givenAt": "2026-11-01T10:00:00Z", "to": BERT.phone,
        "source": "formulier 7", "by": {"token": "crm", "author": None}, "status": "done",
    }  # fmt: skip
    await town.desk.add("consent", "", consent)
    view = {"what": "messages", "employee": "m.devries", "token": "desk", "count": 2}
    await town.desk.add("view", answered, view)
    operation = {"what": "parked drop", "about": "", "by": OPERATOR, "why": "oud"}
    await town.desk.add("operation", "", operation)
    await town.desk.add("of a kind to come", answered, {"new": [1, {"b": 2.5, "a": None}]})
    await town.desk.delivered(answered, "kiss")
    await town.desk.changed(BERT, "user_changed_number", new_wa_id="31600000099")
    message = await town.pool.fetchval(
        "select message from archiver.entry where conversation = $1 and kind = 'message' limit 1",
        answered,
    )
    await archive("annotate", message, "--text", "het was de andere", "--by", OPERATOR)
    await archive(
        "hold", "place", "--ground", "woo", "--conversation", answered, "--review-on",
        "2027-06-01", "--text", "Woo 17", "--by", "P. Bakker",
    )  # fmt: skip
    await archive(
        "request", "open", "--kind", "access", "--received", "2026-11-25", "--phone-file", "-",
        "--by", OPERATOR, stdin=f"+{ANNA.phone}",
    )  # fmt: skip
    given = {
        "department": "openbare-ruimte", "code": "13.1.3", "source": "person", "reason": "monument",
        "startsOn": "2026-12-01", "by": OPERATOR, "identified": "proven",
    }  # fmt: skip
    await town.desk.add("valuation", answered, given)
    await archive(
        "disclosure", "draw", "--words", "container", "--review-on", "2027-06-01", "--text",
        "Woo 18", "--by", "E. Smit",
    )  # fmt: skip
    await archive(
        "disclosure", "redact", "WOO-2026-0001", 1, "--list", "-", "--reason", "Woo 18", "--by",
        "D. Kok", stdin="what,words,ground\nwords,container,5.1.2e\n",
    )  # fmt: skip
    for statement in (_LIST, _ITEM, _DECLARATION, _HANDOVER):
        await town.pool.execute(statement)
    await town.pool.execute(_CHARGE, clock.new_id(), datetime(2026, 11, 3, 9, tzinfo=UTC))
    files = msgspec.msgpack.encode({"postkamer.toml": "[[tenants]]\n", "a.toml": "é"})
    await town.pool.execute(_VERSION, clock.new_id(), datetime(2026, 11, 1, tzinfo=UTC), files)
    await town.pool.execute("insert into router.approval values ('v1', 'A. Arts', 'proven')")
    source = "urn:nld:gemeente-almelo.systeem:postkamer"
    await town.pool.execute(_ANSWER, clock.new_id(), source)
    await town.pool.execute(_ANSWER, clock.new_id(), source.replace("almelo", "borne"))
    await town.keeps()


_CHARGE = """
insert into router.charge values ($1, 'almelo', '1', 'balie', 'utility', 'regular', 'PMP', true,
    'delivered', $2)
"""
_LIST = """
insert into archiver.destruction_list (id, tenant, kind, up_to, waiting, is_joined, drawn_by)
values ('VL-2026-0001', 'almelo', 'term', '2026-12-01', '14 days', false, 'E. Smit')
"""
_ITEM = """
insert into archiver.destruction_item (list, tenant, conversation, department, code, closed_on)
values ('VL-2026-0001', 'almelo', 'gone', 'balie', '6.1.3', '2025-11-01')
"""
_DECLARATION = """
insert into archiver.declaration
values ('VL-2026-0001', gen_random_uuid(), now(), '{"list": "VL-2026-0001"}')
"""
_HANDOVER = """
insert into archiver.handover (tenant, target, conversation, sequence, closed_at, due_at, due_since)
values ('almelo', 'zaaksysteem', 'gone', 4, now(), now(), now())
"""
_VERSION = "insert into router.version values ('v1', $1, $2, 'A. Arts', $3)"
_ANSWER = "insert into desk.standard_answer values ($1, $2, '', 'Groet', 'Dag {naam}', 'm', now())"


def of(rows: list[dict[str, Any]], **values: object) -> list[dict[str, Any]]:
    return [row for row in rows if all(row[name] == value for name, value in values.items())]


async def test_copy_is_read_back_whole_without_our_code(
    town: TransferTown, copy: Copy, pool: Pool
) -> None:
    made = await fill(town, SAMPLES)
    await town.desk.add("message", "", {"text": "van Borne"}, tenant="borne", message=None)
    await fill_beside(town, copy, made)
    folder = await copy()
    tables = read_copy(folder)
    for type, content in SAMPLES.items():
        said, sent = of(tables["messages"], conversation=made[type])
        assert said["text"] == f"hierbij een bestand, {type}" and sent["file_type"] == type
        [file] = of(tables["files"], message=sent["id"])
        assert (folder / file["path"]).read_bytes() == content and file["scanned"]
    check_conversation(tables, made["answered"])
    check_beside(tables)
    operations = await pool.fetch("select what, by, data from access.operation order by id")
    looks = [json.loads(row["data"]) for row in operations if row["what"] == "tenant export-open"]
    assert {look["why"] for look in looks} == {"einde contract"}
    assert {id for look in looks for id in look["conversations"]} >= set(made.values())
    assert not any(b"van Borne" in content for content in bytes_of(folder).values())
    assert tables["rules"] == tables["approvals"] == []  # they are of Borne too


def check_conversation(tables: dict[str, list[dict[str, Any]]], id: str) -> None:
    [conversation] = of(tables["conversations"], id=id)
    assert conversation["closed_at"] and conversation["departments"] == ["openbare-ruimte"]
    counts = [conversation[name] for name in ("messages", "received", "notes", "destroyed")]
    assert counts == [3, 2, 1, 0] and conversation["number"] == "106540352242922"
    heard, answer, changed = of(tables["messages"], conversation=id)
    assert (heard["text"], answer["text"]) == ("de container is vol \u0001 \U0001f62d", "Wij komen")
    assert heard["rule"] == "afval" and answer["author_kind"] is None and answer["token"] == "crm"
    assert changed["type"] == "system"
    [raw] = of(tables["records"], id=heard["record"])
    assert json.loads(base64.b64decode(raw["raw"]))["text"]["body"] == heard["text"]
    assert [each["status"] for each in of(tables["statuses"], message=answer["id"])] == ["read"]
    events = [each["event"] for each in of(tables["decisions"], conversation=id)]
    assert events == ["opened", "closed"]
    [closed] = of(tables["decisions"], conversation=id, event="closed")
    assert closed["retention_code"] == "13.1.3" and closed["token"] == "crm"
    assert [each["text"] for each in of(tables["notes"], conversation=id)] == ["bij de school"]
    assert [each["text"] for each in tables["annotations"]] == ["het was de andere"]
    names = {(each["kind"], each["value"]) for each in of(tables["persons"], conversation=id)}
    assert {("phone", BERT.phone), ("bsuid", BERT.bsuid), ("name", "naam van NL.1001")} <= names
    [term] = of(tables["terms"], conversation=id)
    assert (term["state"], term["code"]) == ("permanent", "13.1.3")
    logged = of(tables["processing"], subject=conversation["subject"])
    assert {each["name"] for each in logged} >= {"bericht ontvangen", "bericht verstuurd"}
    [unknown] = of(tables["records"], kind="of a kind to come")
    assert unknown["data"] == {"new": [1, {"b": 2.5, "a": None}]}


def check_beside(tables: dict[str, list[dict[str, Any]]]) -> None:
    [consent] = tables["consents"]
    assert (consent["purpose"], consent["event"]) == ("nieuws", "given")
    assert consent["happened_at"] == "2026-11-01T10:00:00Z" and consent["recipient"] == BERT.phone
    assert [each["employee"] for each in tables["views"]] == ["m.devries"]
    assert "parked drop" in [each["what"] for each in tables["operations"]]
    assert [each["destination"] for each in tables["deliveries"]] == ["kiss"]
    assert tables["identities"][0]["changes"]
    hold, searched = tables["holds"]
    assert hold["review_on"] == "2027-06-01" and hold["placed_by"] == "P. Bakker"
    assert searched["words"] == "container" and searched["kind"] == "selection"
    [disclosure], [document] = tables["disclosures"], tables["disclosure_documents"]
    assert disclosure["hold"] == searched["id"] and disclosure["drawn_by"] == "E. Smit"
    assert [each["ground"] for each in document["redactions"]["spans"]] == ["5.1.2e"]
    assert document["handled_by"] == ["D. Kok"]
    [given] = tables["valuations"]
    assert (given["code"], given["starts_on"]) == ("13.1.3", "2026-12-01")
    [listed], [item], [handover] = tables["lists"], tables["list_items"], tables["handovers"]
    assert listed["declaration"] == {"list": "VL-2026-0001"} and listed["state"] == "drawn"
    assert item["closed_on"] == "2025-11-01" and handover["state"] == "waiting"
    [request] = tables["requests"]
    assert request["received_on"] == "2026-11-25" and request["conversations"]
    assert {each["kind"] for each in tables["steps"]} == {"hold", "request", "disclosure"}
    [opened] = of(tables["steps"], kind="request")
    assert {"kind": "phone", "value": ANNA.phone} in opened["data"]["names"]
    [charge] = tables["charges"]
    assert charge["billable"] is True and charge["delivered_at"] == "2026-11-03T09:00:00Z"
    assert tables["figures"] and date.fromisoformat(tables["figures"][0]["day"])
    assert tables["month_figures"]
    [answer] = tables["standard_answers"]
    assert answer["text"] == "Dag {naam}"


async def test_same_record_gives_the_same_bytes_again(
    town: TransferTown, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill_beside(town, copy, await fill(town))
    first = await copy()
    before, tables = bytes_of(first), read_copy(first)
    size = max(each["position"] for each in tables["records"])
    rules = [(each["file"], each["text"]) for each in tables["rules"]]
    assert rules == [("a.toml", "é"), ("postkamer.toml", "[[tenants]]\n")]  # almelo is alone
    assert [each["done_by"] for each in tables["approvals"]] == ["A. Arts"]
    monkeypatch.setattr(copier, "AT_ONCE", 1)
    monkeypatch.setattr(copier, "WINDOW", 1)
    assert bytes_of(await copy()) == before
    await town.desk.heard((ANNA, "later"))
    await town.signs()
    later = bytes_of(await copy("--as-of", str(size + 1)))
    for name in ("messages", "records", "decisions", "persons", "destroyed", "files"):
        assert later[f"{name}.parquet"] == before[f"{name}.parquet"], name
    assert b"later" in (await copy() / "messages.jsonl").read_bytes()
    taken = await copy.tenant.fails(*COMMAND, first, *REASON)
    assert "is there already" in taken


async def test_killed_copy_goes_on_to_the_same_bytes(town: TransferTown, copy: Copy) -> None:
    """SIGKILL at ten points, each time in a process of its own."""
    await fill_beside(town, copy, await fill(town))
    expected, folder = bytes_of(await copy()), town.folder / "killed"
    folder.mkdir()
    codes = await killed(copy.tenant, folder, "tenant", *COMMAND, FOLDER, *REASON)
    assert codes == [-signal.SIGKILL] * len(COPY_POINTS)
    for point in COPY_POINTS:
        out = folder / point
        if point == "after-the-name":
            assert "is there already" in await copy.tenant.fails(*COMMAND, out, *REASON)
        else:
            assert not out.exists()
            if point != "amid-the-plan":
                other = await copy.tenant.fails(*COMMAND, out, *REASON, "--as-of", "3")
                assert "another copy began there" in other
            await copy(out=f"killed/{point}")
        assert bytes_of(out) == expected, point
    assert {path.name for path in folder.iterdir()} == {*COPY_POINTS}  # nothing unfinished


async def test_destroyed_conversation_is_not_in_it_but_named(
    town: TransferTown, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the copy, one message alone, and while the copy is made."""
    made = await fill(town)
    first, second = await town.desk.heard((ANNA, "geheim"), (BERT, "blijft"))
    one = "select id from archiver.entry where conversation = $1 and kind = 'message'"
    await town.erases(await town.pool.fetchval(one, first))
    await town.destroys(made["taxes"])
    await town.signs()
    find_gone, loop = copier.find_gone, asyncio.get_running_loop()

    file = await town.pool.fetchval(f"{one} and sequence = 2", made["image/jpeg"])

    async def destroy() -> None:
        await town.destroys(made["image/png"])
        await town.erases(file)

    async def destroy_first(connection: Any, tenant: str, conversations: list[str]) -> set[str]:
        in_its_loop = asyncio.run_coroutine_threadsafe(destroy(), loop)
        await asyncio.wrap_future(in_its_loop)
        return await find_gone(connection, tenant, conversations)

    monkeypatch.setattr(copier, "find_gone", destroy_first)
    folder = await copy()
    tables = read_copy(folder)
    ids = {each["id"] for each in tables["conversations"]}
    assert ids == {made["image/jpeg"], made["answered"], first, second}
    assert [each["destroyed"] for each in of(tables["conversations"], id=first)] == [1]
    named = {(each["conversation"], bool(each["entry"])) for each in tables["destroyed"]}
    assert named == {(made["taxes"], False), (first, True)}
    written = bytes_of(folder)
    for gone in (b"wat kost de hond", b"geheim", b"hierbij een bestand, image/png"):
        assert not any(gone in content for content in written.values()), gone
    assert any(b"blijft" in content for content in written.values())
    assert tables["files"] == [] == [*(folder / "files").iterdir()]
    [kept] = of(tables["messages"], conversation=made["image/jpeg"])
    assert kept["type"] == "text" and of(tables["records"], id=str(file)) == []


async def test_damage_is_counted_and_said(town: TransferTown, copy: Copy, pool: Pool) -> None:
    await fill(town)
    sealed = sorted((town.folder / "objects" / "sealed").iterdir(), key=lambda p: p.stat().st_size)
    damage(sealed[-1], flipped(-1))
    await pool.execute(
        "update archiver.entry set sealed = set_byte(sealed, 20, 255 - get_byte(sealed, 20))"
        " where kind = 'note'"
    )
    await copy.archive(
        "hold", "place", "--ground", "woo", "--words", "container", "--review-on", "2027-06-01",
        "--text", "Woo 17", "--by", "P. Bakker",
    )  # fmt: skip
    await pool.execute("update archiver.hold set sealed = salt")
    await town.signs()
    folder = await copy()
    assert "missing: 2 records that did not open, 1 file gone or altered" in copy.said.stdout
    tables = read_copy(folder)
    assert [each["state"] for each in tables["files"] if not each["path"]] == ["damaged"]
    assert tables["notes"] == [] and [each["words"] for each in tables["holds"]] == [""]
    assert "2 records did not open, and 1 files" in (folder / "README.md").read_text()


async def test_without_its_library_there_is_no_parquet(
    town: TransferTown, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(town)
    whole = await copy()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    folder = await copy()
    monkeypatch.undo()
    assert "Without Parquet: its library is not installed" in copy.said.stderr
    assert read_copy(folder, has_parquet=False) == read_copy(whole)
    refuse_each_fault(whole)
    other = await copy.tenant.fails("export-open", "borne", folder, *REASON, code=2)
    assert "expected one of almelo" in other
    none = town.folder / "none"
    late = await copy.tenant.fails(*COMMAND, none, *REASON, "--as-of", "9999")
    assert "no such checkpoint" in late and not [*town.folder.glob("none*")]


def refuse_each_fault(folder: Path) -> None:
    """See that the reader finds each fault of a copy: the tests rely on it."""
    for path in ("messages.jsonl", "messages.parquet", "datapackage.json", "README.md"):
        before = (folder / path).read_bytes()
        (folder / path).write_bytes(before.replace(b"a", b"b", 1))
        with pytest.raises(CopyFault):
            read_copy(folder)
        (folder / path).write_bytes(before)
    read_copy(folder)
    extra = folder / "files" / "extra.bin"
    extra.write_bytes(b"")
    with pytest.raises(CopyFault):
        read_copy(folder)
    extra.unlink()
