"""`postkamer archive export`: a package that a program without our code reads back whole."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from archiver.encryption import row_batches
from archiver.transfer import dossier_export, dossier_reader, exporter
from archiver.transfer.exporter import Exporter, Look, Means
from archiver.transfer.package import Package, Plan
from archiver.transfer.selection import Choice, Selection
from archiver.transfer.tree_reader import find_note
from services import clock
from services.config import loader
from services.postgres.database import Pool
from tests.support.archiver.commands import OPERATOR, Archive
from tests.support.archiver.desk import ANNA, BERT, CORA, Desk
from tests.support.decrypted_record import keys_of
from tests.support.integration.media_provider import damage, flipped
from tests.support.transfer.killed_export import FOLDER, POINTS, killed
from tests.support.transfer.package_reader import PackageFault, ReadPackage, read_package
from tests.support.transfer.schema import PATH, Schema
from tests.support.transfer.town import SAMPLES, TransferTown, bytes_of, fill

TARGET = ("--target", "Archief Almelo", "--reason", "overbrenging", "--made-at", "2026-12-01T12:00")


@pytest.fixture
async def town(desk: Desk, tmp_path: Path) -> TransferTown:
    return TransferTown(desk, tmp_path)


class Export:
    """The command; each call writes another folder."""

    def __init__(self, url: str, town: TransferTown) -> None:
        self.folder, self._count = town.folder, 0
        self.archive = Archive(
            url, POSTKAMER_CONFIG=str(town.config),
            POSTKAMER_OBJECT_STORE=(town.folder / "objects").as_uri(),
        )  # fmt: skip

    async def __call__(self, *options: object, out: str = "", **more: Any) -> Path:
        self._count += 1
        folder = self.folder / (out or f"sip-{self._count}")
        self.said = await self.archive("export", "--out", folder, *TARGET, *options, **more)
        return folder

    async def read(self, *options: object) -> ReadPackage:
        return read_package(await self(*options))


@pytest.fixture
def export(empty: str, town: TransferTown) -> Export:
    return Export(empty, town)


def schema_faults(package: ReadPackage) -> list[str]:
    """Faults of all metadata against the schema. It is not ours to copy: where it is absent, the
    unit tests say that they are skipped."""
    if not PATH.exists():
        return []
    schema = Schema()
    return [fault for each in package.documents for fault in schema.faults(each)]


ALL = ("--since", "2020-01-01")


async def test_package_is_read_back_whole_without_our_code(
    town: TransferTown, export: Export, pool: Pool
) -> None:
    made = await fill(town, SAMPLES)
    package = await export.read()
    assert set(package.messages) == set(made.values())
    for type, content in SAMPLES.items():
        said, sent = package.messages[made[type]]
        assert said["text"] == f"hierbij een bestand, {type}" and sent["media"][0]["size"]
        [name] = [path for path in package.files if f"{made[type]}_bijlage-0001/" in path]
        assert (export.folder / "sip-1" / name).read_bytes() == content
    _, answer = package.messages[made["answered"]]
    assert answer["text"] == "Wij komen" and answer["statuses"][-1]["status"] == "read"
    assert schema_faults(package) == []
    names = [path.rpartition("_bijlage-0001_")[2] for path in package.files]
    assert "brief_één_twee.pdf" in names and max(map(len, names)) < 180
    operations = await pool.fetch("select what, by, data from access.operation order by id")
    looks = [msgspec.json.decode(row["data"]) for row in operations]
    assert {row["what"] for row in operations} == {"archive export"}
    assert {row["by"] for row in operations} == {OPERATOR} and looks[0]["why"] == "overbrenging"
    assert {id for look in looks for id in look["conversations"]} == set(made.values())


async def test_metadata_says_how_long_it_is_kept_and_who_may_see_it(
    town: TransferTown, export: Export
) -> None:
    made = await fill(town)
    package = await export.read()

    def label(of: Any) -> str:
        return str(of["begripLabel"][0])

    kept, taxes = (package.objects[made[name]] for name in ("answered", "taxes"))
    assert label(kept["waardering"][0]) == "Blijvend te bewaren" and not kept["bewaartermijn"]
    assert kept["informatiecategorie"][0]["begripCode"] == ["13.1.3"]
    assert label(taxes["waardering"][0]) == "Tijdelijk te bewaren"
    [term] = taxes["bewaartermijn"]
    assert term["termijnLooptijd"] == ["P1Y"] and term["termijnEinddatum"]
    limits = [each["beperkingGebruikNadereBeschrijving"][0] for each in taxes["beperkingGebruik"]]
    assert limits[1:] == ["Vertrouwelijke afdeling: Belastingen"]
    assert len(kept["beperkingGebruik"]) == 1
    assert kept["archiefvormer"][0]["verwijzingIdentificatie"][0]["identificatieKenmerk"] == [
        "gm0141"
    ]
    events = [label(each["eventType"][0]) for each in kept["event"]]
    assert events == ["Ontvangst", "Bevriezing"]
    written = b"".join(package.documents)
    for citizen in (ANNA, BERT, CORA):
        assert citizen.phone.encode() not in written and citizen.bsuid.encode() not in written


async def test_same_record_gives_the_same_bytes_again(
    town: TransferTown, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await fill(town)
    first, again = bytes_of(await export()), bytes_of(await export())
    assert first == again
    for module, name in (
        (dossier_reader, "BATCH"),
        (row_batches, "BATCH"),
        (dossier_export, "BODIES"),
    ):
        monkeypatch.setattr(module, name, 1)
    assert bytes_of(await export()) == first  # as a conversation too long for one batch is read
    monkeypatch.undo()
    [size] = [msgspec.json.decode(content)["size"] for path, content in first.items()
              if path.endswith("bewijzen.json")][:1]  # fmt: skip
    await town.desk.heard((ANNA, "later"))
    late = {"status": "failed", "wamid": "w", "at": town.desk.office.later, "reason": "te laat"}
    about = (
        "select message from archiver.entry where conversation = $1 and kind = 'message' limit 1"
    )
    answered = await town.pool.fetchval(about, made["answered"])
    await town.desk.add("status", made["answered"], late, message=answered)
    await town.keeps()
    assert bytes_of(await export("--as-of", size)) == first
    assert bytes_of(await export()) != first


async def test_selection_takes_what_its_conditions_name_and_counts_the_rest(
    town: TransferTown, export: Export, pool: Pool
) -> None:
    made = await fill(town)
    [linked] = await town.desk.heard((BERT, "over mijn zaak"))
    await town.desk.takes(town.desk.office.order("link", conversation=linked, zaak="Z-17"))
    await town.closes(linked)
    [open] = await town.desk.heard((CORA, "nog open"))
    await town.keeps()
    day = await pool.fetchval(
        "select max((closed_at at time zone 'Europe/Amsterdam')::date) from archiver.dossier"
    )
    for options, expected in (
        (("--permanent",), {made["answered"]}),
        (("--code", "13.1.3"), {made["answered"]}),
        (("--department", "belastingen"), {made["taxes"]}),
        (("--zaak", "Z-17"), {linked}),
        (("--conversation", made["image/png"]), {made["image/png"]}),
        (("--since", "2020-01-01", "--until", day), {*made.values(), linked}),
    ):
        package = await export.read(*options)
        assert set(package.messages) == expected, options
        assert export.said.stdout.startswith(f"{len(expected)} conversation")
    refused = "no conversation goes along; left out: 1 not closed"
    assert refused in await export.archive.fails(
        "export", "--out", town.folder / "none", *TARGET, "--conversation", open
    )
    assert not (town.folder / "none").exists()


async def test_held_and_destroyed_conversations_are_left_out_and_counted(
    town: TransferTown, export: Export, pool: Pool
) -> None:
    made = await fill(town)
    await export.archive(
        "hold", "place", "--ground", "woo", "--conversation", made["image/png"], "--review-on",
        "2027-06-01", "--text", "Woo 17", "--by", "P. Bakker",
    )  # fmt: skip
    former = await export()
    await town.destroys(made["taxes"])
    package = await export.read()
    assert set(package.messages) == {*made.values()} - {made["image/png"], made["taxes"]}
    [left_out] = package.slip["weggelaten"]
    assert left_out["gesprekken"] == ["1"]
    assert (former / made["taxes"]).is_dir()  # what was handed over before stays


async def test_destroyed_message_leaves_its_place_and_nothing_else(
    town: TransferTown, export: Export, pool: Pool
) -> None:
    [id] = await town.desk.heard((ANNA, "geheim woord"))
    await town.desk.heard((ANNA, "blijft"))
    await town.closes(id)
    row = await pool.fetchrow(
        "select id, message from archiver.entry where kind = 'message' order by position limit 1"
    )
    await town.erases(row["id"])
    await town.keeps()
    folder = await export()
    package = read_package(folder)
    assert [each["text"] for each in package.messages[id]] == ["blijft"]
    assert not any(b"geheim woord" in content for content in bytes_of(folder).values())
    gone = [each for each in package.entries[id] if each["message"] == str(row["message"])]
    assert gone and all(each["data"] is None for each in gone)


async def test_body_with_others_is_not_handed_over(town: TransferTown, export: Export) -> None:
    [mine, other] = await town.desk.heard((ANNA, "van Anna"), (BERT, "van Bert"))
    for id in (mine, other):
        await town.closes(id)
    await town.keeps()
    folder = await export("--conversation", mine)
    assert [each["text"] for each in read_package(folder).messages[mine]] == ["van Anna"]
    for content in bytes_of(folder).values():
        assert b"van Bert" not in content and BERT.phone.encode() not in content


async def test_killed_export_goes_on_to_the_same_bytes(town: TransferTown, export: Export) -> None:
    """SIGKILL at eight points, each time in a process of its own."""
    made = await fill(town)
    expected, folder = bytes_of(await export(*ALL)), town.folder / "killed"
    folder.mkdir()
    typed = ("archive", "export", *TARGET, *ALL, "--out", FOLDER)
    codes = await killed(export.archive, folder, *typed)
    assert codes == [-signal.SIGKILL] * len(POINTS)
    for point in POINTS:
        out = folder / point
        there = {path.name for path in out.glob("1*")} & {*made.values()}
        assert all((out / id / f"{id}.mdto.xml").exists() for id in there)
        if point != "amid-the-plan":
            other = ("export", "--out", out, *TARGET, "--permanent")
            assert "another export began there" in await export.archive.fails(*other)
        await export(*ALL, out=f"killed/{point}")
        assert bytes_of(out) == expected, point
    assert {path.name for path in folder.iterdir()} == {*POINTS}  # no journal, nothing unfinished
    done = ("export", "--out", town.folder / "sip-1", *TARGET, *ALL)
    assert "is there already" in await export.archive.fails(*done)


async def test_conversation_with_a_damaged_file_stays_behind(
    town: TransferTown, export: Export
) -> None:
    made = await fill(town)
    before = bytes_of(await export())
    sealed = sorted((town.folder / "objects" / "sealed").iterdir(), key=lambda p: p.stat().st_size)
    damage(sealed[-1], flipped(-1))
    package = await export.read()
    assert set(package.messages) == {*made.values()} - {made["image/jpeg"]}
    assert "1 with a file that is damaged or gone" in export.said.stdout
    same = bytes_of(town.folder / "sip-2")
    assert all(before[path] == same[path] for path in same if path != "pakbon.xml")


async def test_altered_log_is_not_exported(town: TransferTown, export: Export, pool: Pool) -> None:
    await fill(town)
    await pool.execute("update archiver.entry set leaf = sealed where position = 7")
    error = await export.archive.fails("export", "--out", town.folder / "bent", *TARGET)
    assert "the log is not what was signed: see postkamer archive verify" in error


async def test_reader_finds_each_fault_of_a_package(town: TransferTown, export: Export) -> None:
    """The reader is what the other tests rely on."""
    [id] = await town.desk.heard((ANNA, "hallo"))
    await town.sends(ANNA, "image/png", SAMPLES["image/png"])
    await town.closes(id)
    await town.keeps()
    folder = await export()
    read_package(folder)
    for pattern, change in (
        ("**/*_bijlage-0001.png", flipped(-1)),
        ("**/*_gesprek.json", lambda body: body.replace(b"hallo", b"hella")),
        (
            "**/*_bijlage-0001.png.bestand.mdto.xml",
            lambda body: body.replace(b"0001.png", b"2.png"),
        ),
        ("**/*_bewijzen.json", lambda body: body.replace(b'"path":["', b'"path":["AAAA', 1)),
        ("**/*_bron-0001.json", None),
        ("**/*_gesprek.mdto.xml", None),
        ("pakbon.xml", lambda body: body.replace(b"<hash", b"<hash a='1'>00</hash><oud")),
        ("pakbon.xml", lambda body: body.replace(b"Almelo</locatie", b"Borne</locatie")),
        ("controlepunt/controlepunt.txt", flipped(10)),
    ):
        [path] = folder.glob(pattern)
        before = path.read_bytes()
        path.unlink() if change is None else path.write_bytes(change(before))
        with pytest.raises((PackageFault, ElementTree.ParseError, ValueError)):
            read_package(folder)
        path.write_bytes(before)
    read_package(folder)


async def test_transcript_is_another_form_of_the_conversation(
    town: TransferTown, export: Export
) -> None:
    """It is read as the log was: what is said later changes no byte of it."""
    id = (await fill(town))["image/png"]
    forms = "--transcript", "html", "--transcript", "pdf"
    read = await export.read("--conversation", id, *forms)
    assert schema_faults(read) == []
    formats = {
        path.rpartition("_")[2]: tree["bestandsformaat"][0]["begripCode"]
        for path, tree in read.files.items()
        if path.startswith(f"{id}/{id}_gesprek/")
    }
    assert formats == {
        "gesprek.json": ["fmt/817"], "transcript.html": ["fmt/471"], "transcript.pdf": ["fmt/476"],
    }  # fmt: skip
    [page] = [path for path in export.folder.rglob("*_transcript.html")]
    assert b"hierbij een bestand" in page.read_bytes() and b"data:image/png" in page.read_bytes()


async def test_conversation_destroyed_meanwhile_is_taken_out_again(
    town: TransferTown, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await fill(town)
    monkeypatch.setattr(exporter, "AT_ONCE", 1)
    first, second, third = made["image/jpeg"], made["image/png"], made["taxes"]

    async def look(conversations: Sequence[str]) -> None:
        if [*conversations] == [second]:
            assert (town.folder / "direct" / first).is_dir()
            await town.destroys(first)
            await town.destroys(third)

    read = await exported(town, export, [first, second, third], look)
    assert set(read.messages) == {second} and not (town.folder / "direct" / first).exists()
    [left_out] = read.slip["weggelaten"]
    assert left_out["gesprekken"] == ["2"]


async def exported(
    town: TransferTown, export: Export, chosen: Sequence[str], look: Look
) -> ReadPackage:
    """Export these conversations without the command, and read them back."""
    pool, keys = town.pool, await keys_of(town.pool)
    async with pool.acquire() as connection:
        note = await find_note(connection, None)
    assert note
    plan = Plan(
        selection=Selection(tenant="almelo"), choice=Choice(tuple(chosen), {}),
        log_size=int(note.splitlines()[1]), note=note, target="Archief", target_id="", title="",
        contact="", made_at=clock.now(),
    )  # fmt: skip
    means = Means(
        pool=pool, keys=keys, objects=town.objects, config=loader.load(town.config).config,
        verifier=(await export.archive("key")).stdout.strip(),
    )  # fmt: skip
    package = Package(town.folder / "direct")
    package.begin(plan)
    await Exporter(means, package, plan).run(look, lambda done, of: None)
    return read_package(package.folder)
