"""A conversation about a street, the Signalen that gets its reports, and the archive that has its
messages, all over real HTTP.

The stand-in of Signalen, or a real one: SIGNALEN_URL is the address of its API, which ends in
/signals/v1, and SIGNALEN_SOURCE one of its sources. SIGNALEN_TOKEN_URL is where it takes tokens
from, unless it lets everybody in (SIGNALS_AUTH_ALWAYS_OK).
"""

import base64
import os
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from aiohttp import web

from archiver.api.examples import MESSAGE
from deliverer.crm.destination_kind import Credentials, ReceiverContext, Secrets
from deliverer.crm.oauth_session import token_session
from deliverer.destinations.openklant.client import Sender
from deliverer.destinations.signalen.archive_reader import ArchiveReader
from deliverer.destinations.signalen.client import SignalenClient
from deliverer.destinations.signalen.destination import KIND, report_options
from deliverer.destinations.signalen.saga import Calls, SignalenReceiver
from deliverer.destinations.signalen.store import ReportStore
from deliverer.transport.http_client import HttpClient, http_client
from deliverer.transport.response import Response
from sandbox.signalen.routes import Signalen, SignalenMode
from services.config.organisation import Department, SignalenDestination
from services.contract import Delivery
from services.http.application import api_app
from services.http.server import serve
from services.postgres.database import Pool
from tests.support.integration.destination_harness import HERE, NOON
from tests.support.openklant.link import ProcessEnded

Json = dict[str, Any]
CLIENT, SECRET, TOKEN = "postkamer", "a-secret-of-the-client", "a-token-for-the-archive"
TALK = "10000001-c1"
DAM = {"latitude": 52.37303, "longitude": 4.89271}
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGD4DwABBAEAX+XDSwAA"
    "AABJRU5ErkJggg=="
)
"""A PNG of one pixel."""
BROKEN_LAMP = "De lantaarnpaal brandt niet."
REAL = os.environ.get("SIGNALEN_URL", "").rstrip("/")
needs_stand_in = pytest.mark.skipif(bool(REAL), reason="a real one has no modes of failure")
OWN_NOTES = ("Melder via WhatsApp", "[", "Een bestand van de melder")
"""Beginnings of the notes that we add, beside those that Signalen makes."""
DJANGO_SUFFIX = re.compile(r"_[A-Za-z0-9]{7}(?=\.)")


class Archive:
    """The part of the archive's API that a report needs, in the form of its own example."""

    def __init__(self) -> None:
        self.messages: list[Json] = []
        self.files: dict[str, bytes] = {}
        self.token, self.until = TOKEN, NOON
        """Time of the last message that it has."""
        self.misses = 0
        """Requests for messages that come before the last one is there."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/conversations/{id}/messages", self.list_messages),
            web.get("/v1/media/{id}", self.get_file),
        ]

    async def list_messages(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401)
        known = [each for each in self.messages if each["sentAt"] <= self.until]
        if not known:
            return web.Response(status=404)
        shown = known[:-1] if self.misses > 0 else known
        self.misses -= 1
        body = msgspec.json.encode({"messages": shown[::-1], "next": None})
        return web.Response(body=body, content_type="application/json")

    async def get_file(self, request: web.Request) -> web.Response:
        content = self.files.get(request.match_info["id"])
        return web.Response(status=451) if content is None else web.Response(body=content)


class Street:
    """`signalen` and `archive` are there at `origin`; `link` is between them and the deliverer."""

    def __init__(self, pool: Pool, signalen: Signalen, archive: Archive, origin: str) -> None:
        self.pool, self.signalen, self.archive, self.origin = pool, signalen, archive, origin
        self.settings: Json = {}
        self.sequence, self._base = 0, secrets.randbits(64)
        self._former = 0
        """Id of the last report in a real one that is of another test."""
        self.session: Sender
        self.files: HttpClient

    @property
    def destination(self) -> SignalenDestination:
        tokens = os.environ.get("SIGNALEN_TOKEN_URL") or f"{self.origin}/token"
        oauth = {"token_url": tokens, "client_id": CLIENT}
        fixed = {
            "id": "straat",
            "kind": "signalen",
            "url": REAL or f"{self.origin}/signals/v1",
            "source": os.environ.get("SIGNALEN_SOURCE", "WhatsApp"),
            "oauth": oauth | {"client_secret": "env:SIGNALEN"},
            "archive_secret": "env:ARCHIVE",
            "default_place": {"latitude": 52.35, "longitude": 6.66},
        }
        return SignalenDestination.model_validate(fixed | self.settings)

    @property
    def context(self) -> ReceiverContext:
        return ReceiverContext(self.pool, department, lambda: [], HERE, self.origin)

    @property
    def credentials(self) -> Credentials:
        return Credentials(Secrets((TOKEN.encode(),), SECRET))

    def whole(self) -> Any:
        """The receiver as the deliverer runs it."""
        return KIND.receiver(self.destination, self.credentials, self.context)

    def deliverer(self, link: Any = None) -> SignalenReceiver:
        """Return the receiver of a process that starts now. Its requests go over the link, if one
        is given: `link` makes it from what sends them."""
        destination = self.destination
        signalen, archive = self.session, self.files
        if link is not None:
            signalen = archive = link
        return SignalenReceiver(
            destination.id,
            report_options(destination, self.origin),
            timedelta(minutes=destination.burst_minutes),
            department,
            ReportStore(self.pool, destination.id),
            lambda: Calls(
                SignalenClient(signalen, destination.url),
                ArchiveReader(archive, self.origin, lambda: TOKEN),
            ),
        )

    async def request(self, method: str, url: str, body: Any, headers: Any) -> Response:
        """Send a request to whom it is for, so that a link can break any of them."""
        sender = self.files if "/signals/" not in url else self.session
        return await sender.request(method, url, body, headers)

    def fail(self, mode: str, count: int = 1, **where: str) -> None:
        switch = self.signalen.failures
        switch.mode = SignalenMode(mode=mode, **where)  # type: ignore[arg-type]
        switch._remaining = count

    async def clear(self) -> None:
        """Have a Signalen, an archive and tables without anything in them."""
        if REAL:
            newest = await self.get("private/signals/?ordering=-id&page_size=1")
            self._former = max((each["id"] for each in newest["results"]), default=0)
        self.signalen.reports.clear()
        self.signalen.files.clear()
        self.archive.messages.clear()
        self.archive.files.clear()
        self.archive.until, self.sequence, self._base = NOON, 0, secrets.randbits(64)
        await self.pool.execute("truncate deliverer.report")

    async def get(self, path: str) -> Any:
        answer = await self.session.request("GET", f"{REAL}/{path}", b"", {})
        return msgspec.json.decode(answer.body)

    def _id(self, kind: int, nth: int) -> UUID:
        return UUID(int=self._base << 32 | kind << 16 | nth)

    async def settle_posts(self) -> None:
        """Let the minutes pass in which a post without an answer may still be carried out."""
        await self.pool.execute(
            "update deliverer.report set posted_at = posted_at - interval '121 s'"
        )

    def event(self, type: str, minutes: float, data: Json, **fields: Any) -> Delivery:
        self.sequence += 1
        at = NOON + timedelta(minutes=minutes)
        return Delivery(
            id=self._id(1, self.sequence),
            type=f"nl.postkamer.{type}.v1",
            tenant="almelo",
            conversation=TALK,
            department="straat",
            sequence=self.sequence,
            time=at,
            received_at=at,
            data=msgspec.json.encode({"department": "straat"} | data),
            **fields,
        )

    def message(
        self, text: str = "", minutes: float = 0, *, task: bool = False, **more: Any
    ) -> Delivery:
        """Return a message, which the archive has too."""
        at, id = NOON + timedelta(minutes=minutes), self._id(2, self.sequence)
        data = {"type": "text", "text": text, "receivedAt": at, "sentAt": at} | more
        data["from"] = {"identities": [{"kind": "phone", "value": "31612345678"}], "name": "Sam"}
        raw = {"location": data["place"]} if "place" in data else {}
        own = {"id": id, "media": [], "sensitive": [], "raw": raw, "direction": "in"}
        self.archive.messages.append(MESSAGE | own | data)
        return self.event("message-received", minutes, data | {"task": task}, message=id)

    def place(self, minutes: float, **degrees: float) -> Delivery:
        return self.message(type="location", minutes=minutes, place=DAM | degrees)

    def photograph(
        self, minutes: float, text: str = "", mime: str = "image/png", content: bytes = PICTURE
    ) -> list[Delivery]:
        """Return a message with a file, and the event that its file is there."""
        link = f"/v1/media/{self._id(2, self.sequence)}"
        file = {"link": link, "mimeType": mime}
        kind = mime.partition("/")[0]
        sent = self.message(text, minutes, type=kind, media=[file])
        known = file | {"state": "available", "size": len(content), "reason": ""}
        self.archive.messages[-1]["media"] = [known]
        self.archive.files[link.rpartition("/")[2]] = content
        data = {"media": [file | {"size": len(content)}], "state": "available", "reason": ""}
        return [sent, self.event("media-available", minutes, data, message=sent.message)]

    def transfer(self, minutes: float, to: str = "straat") -> Delivery:
        data = {"department": to, "from": "balie", "reason": "straat", "by": {"token": "balie"}}
        return self.event("conversation-transferred", minutes, data)

    async def reports(self) -> list[Json]:
        """Return the reports, the oldest first, with the names of their `files`."""
        if not REAL:
            files = self.signalen.files
            return [
                report | {"files": [name for name, _ in files.get(report["id"], [])]}
                for report in self.signalen.reports
            ]
        page = await self.get("private/signals/?ordering=-id&page_size=20")
        found = [each for each in page["results"][::-1] if each["id"] > self._former]
        return [await self._with_files(each) for each in found]

    async def _with_files(self, report: Json) -> Json:
        page = await self.get(f"private/signals/{report['id']}/attachments/")
        names = [each["location"].partition("?")[0].rpartition("/")[2] for each in page["results"]]
        return report | {"files": [DJANGO_SUFFIX.sub("", name) for name in names]}

    async def attempt(self, receiver: Any, delivery: Delivery) -> Response:
        """Deliver an event when the archive has no later message."""
        self.archive.until = max(delivery.time, self.archive.until)
        answer: Response = await receiver.deliver(delivery)
        return answer

    async def deliver(self, receiver: Any, *deliveries: Delivery) -> None:
        for delivery in deliveries:
            answer = await self.attempt(receiver, delivery)
            assert receiver.judge(answer).outcome == "settled", (delivery.type, answer)

    async def deliver_all(self, deliveries: Sequence[Delivery], link: Any) -> None:
        """Deliver all, and each that fails once more, by a new process two minutes later."""
        receiver = self.deliverer(link)
        for delivery in deliveries:
            try:
                if (await self.attempt(receiver, delivery)).status == 200:
                    continue
            except ProcessEnded:
                receiver = self.deliverer(link)
            await self.settle_posts()
            await self.deliver(receiver, delivery)

    async def outline(self) -> list[Json]:
        """Return the reports without their ids and times, with our own notes, the newest first. Ids
        of messages have only their end, which is the same in each run."""
        own = str(self._id(0, 0))[:28]
        return [
            {
                "text": report["text"],
                "coordinates": report["location"]["geometrie"]["coordinates"],
                "notes": [
                    note["text"].replace(own, "")
                    for note in report["notes"]
                    if note["text"].startswith(OWN_NOTES)
                ],
                "files": [name.replace(own, "") for name in report["files"]],
            }
            for report in await self.reports()
        ]


def department(tenant: str, id: str) -> Department | None:
    destination = "straat" if id == "straat" else "crm"
    given = {"id": id, "tenant": tenant, "name": id.title(), "destination": destination}
    return Department.model_validate(given)


@asynccontextmanager
async def run_street(pool: Pool) -> AsyncIterator[Street]:
    signalen, archive = Signalen(CLIENT, SECRET), Archive()
    app = api_app([*signalen.routes(), *archive.routes()])
    async with (
        serve(app, "127.0.0.1", 0) as port,
        http_client(8, networks=HERE, answer_bytes=1024 * 1024) as sender,
        http_client(8, answer_bytes=1024 * 1024) as files,
    ):
        street = Street(pool, signalen, archive, f"http://127.0.0.1:{port}")
        destination = street.destination
        async with token_session(
            destination.id, destination.oauth, lambda: SECRET, sender
        ) as session:
            street.session, street.files = session, files
            await street.clear()
            yield street
            signalen.failures.release()
