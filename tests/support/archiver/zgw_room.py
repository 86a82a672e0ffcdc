"""A municipality whose transcripts are handed over, a ZGW provider over real HTTP, and the parts of
the archiver that hand over."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from archiver.handover.follower import HandoverFollower
from archiver.handover.sender import HandoverSender
from archiver.handover.zgw_client import zgw_session
from archiver.log.writer import Writer
from archiver.transcript.routes import ServedArchive
from sandbox.zgw.routes import ZgwMode, ZgwProvider
from services.config.model import Configuration, parse
from services.contract import Record
from services.files.object_store import ObjectStore
from services.http.application import api_app
from services.http.server import serve
from services.postgres.database import Pool
from tests.support.archiver.transcripts import FATIMA, FRONT, LOTTE, STREETS, TENANT, Story
from tests.support.decrypted_record import keys_of, writer_of

CLIENT, SECRET, RSIN = "postkamer", "a-secret-of-the-client-at-the-provider", "002220647"
TYPE = "https://catalogi.example/api/v1/informatieobjecttypen/1"
ZAAK = "ZAAK-2026-0012345"
WORDS = "De stoep bij de speeltuin ligt al een week open"


def town(documents: str = "", store: str = "", *, format: str = "html") -> Configuration:
    """Almelo with a target of each kind that is given: documents at an origin, objects at a
    store."""
    text = '[[tenants]]\nid = "almelo"\nname = "Gemeente Almelo"\n'
    if documents:
        text += (
            '[[tenants.handover]]\nid = "zaaksysteem"\nto = "documenten-api"\nafter_minutes = 0\n'
            f'format = "{format}"\nurl = "{documents}/documenten/api/v1/"\n'
            f'zaken_url = "{documents}/zaken/api/v1"\nclient_id = "{CLIENT}"\n'
            f'client_secret = "env:ZGW"\ninformatieobjecttype = "{TYPE}"\n'
            f'bronorganisatie = "{RSIN}"\nvertrouwelijkheidaanduiding = "zaakvertrouwelijk"\n'
        )
    if store:
        text += (
            '[[tenants.handover]]\nid = "depot"\nto = "objects"\nafter_minutes = 0\n'
            f'format = "{format}"\nstore = "{store}"\n'
        )
    for id in (FRONT, STREETS):
        text += f'[[departments]]\nid = "{id}"\ntenant = "almelo"\nname = "{id}"\n'
        text += 'destination = "crm"\n'
    text += '[[departments]]\nid = "zorg"\ntenant = "almelo"\nname = "Zorg"\n'
    text += 'destination = "crm"\nconfidential = true\npublic_name = "Gemeente"\n'
    text += '[[numbers]]\nid = "106540352242922"\ntenant = "almelo"\nfallback = "klantcontact"\n'
    text += '[[destinations]]\nid = "crm"\nkind = "cloudevents"\nurl = "http://127.0.0.1:1"\n'
    return parse(text, "postkamer.toml")


class ZgwRoom:
    """The archiver's parts and the provider. `config` may be replaced."""

    def __init__(self, pool: Pool, provider: ZgwProvider, origin: str) -> None:
        self.pool, self.provider, self.origin = pool, provider, origin
        self.config = town(origin)
        self.writer: Writer
        self.follower: HandoverFollower
        self.sender: HandoverSender
        self.secrets = {(TENANT, "zaaksysteem"): SECRET}

    async def add(self, records: list[Record]) -> None:
        await self.writer.add(records)
        await self.follower.catch_up()

    async def hand_over(self) -> int:
        """Hand over all that is due, and return the number of attempts."""
        attempts = 0
        while await self.sender.hand_over_next():
            attempts += 1
        return attempts

    async def make_due(self) -> None:
        """Have what was put off due again, as after its pause."""
        await self.pool.execute("update archiver.handover set due_at = now()")
        self.sender._paused.clear()

    def fail(self, mode: str, **more: Any) -> None:
        """Set the mode of the provider, as its users do."""
        switch = self.provider.failures
        switch.mode, switch._remaining = ZgwMode(mode=mode, **more), more.get("count", 0)  # type: ignore[arg-type]

    async def rows(self) -> list[dict[str, Any]]:
        rows = await self.pool.fetch("select * from archiver.handover order by target, sequence")
        return [dict(row) for row in rows]

    async def row(self) -> dict[str, Any]:
        [row] = await self.rows()
        return row


def closed_story(name: str = "mfrggzdfmztwq2lknnwg23tpoa", zaak: str = ZAAK) -> Story:
    """A question, its zaak if any, and the closing."""
    story = Story(name, FATIMA)
    story.step("opened", decision={"rule": "", "reason": "geen regel past", "version": "v1"})
    story.hears("text", {"text": {"body": WORDS}}, WORDS)
    story.passes(minutes=5)
    if zaak:
        story.step("linked", LOTTE, zaak=zaak)
    close(story)
    return story


def close(story: Story) -> None:
    story.step("closed", LOTTE, outcome="answered", reason="klaar")


@asynccontextmanager
async def zgw_room(
    pool: Pool, folder: Path, *, networks: str = "127.0.0.0/8"
) -> AsyncIterator[ZgwRoom]:
    provider = ZgwProvider(CLIENT, SECRET, frozenset({TYPE}))
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        port = await enter(serve(api_app(provider.routes()), "127.0.0.1", 0))
        room = ZgwRoom(pool, provider, f"http://127.0.0.1:{port}")
        keys, objects = await keys_of(pool), ObjectStore((folder / "own").as_uri())
        archive = ServedArchive(pool, keys, lambda: room.config, objects, False)
        session = await enter(zgw_session([ip_network(networks)]))
        room.writer = await writer_of(pool)
        room.follower = HandoverFollower(pool, keys, lambda: room.config)
        room.sender = HandoverSender(archive, room.writer.add, session, room.secrets)
        yield room
