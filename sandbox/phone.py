"""The citizens' phones: what they send goes to the gateway just as Meta would bring it."""

import asyncio
from typing import Any, Literal

import msgspec
from aiohttp import web

from sandbox import media, statuses, webhooks
from sandbox.town import Number
from sandbox.webhooks import Citizen
from sandbox.world import World
from services import clock
from services.http import json, problem, read_body

TEXT_LONGEST = 65_536
"""Characters that the app itself takes in one message."""
COPIES_MOST = 10
"""How often one body may be posted at the same time, to try Meta's repeats."""
LIST_MOST = 1_000
"""Messages in one answer."""
UPLOAD_SECONDS = 30.0


class Outgoing(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"sender": "from"}
):
    """The body of POST /phone/messages."""

    sender: str
    number: str
    name: str = ""
    hidden: bool = False
    """Keeps the phone number from the municipality, as usernames allow."""
    kind: Literal["text", "image", "document", "audio", "location", "reaction", "choice"] = "text"
    text: str = ""
    """Words of a text, caption of a picture, title of a choice."""
    media: str = ""
    """Id from POST /phone/media."""
    filename: str = "bijlage.pdf"
    """Of a document."""
    sample: str = ""
    """Name of a picture that the sandbox brings along."""
    latitude: float = 52.3508
    longitude: float = 6.6617
    place: str = "Marktplein"
    address: str = "Marktplein 1"
    about: str = ""
    """Wamid that a reaction or choice is about."""
    emoji: str = ""
    row: str = ""
    """Id of the chosen row or button."""
    button: bool = False
    copies: int = 1


class Looked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /phone/read."""

    number: str
    bsuid: str


EXAMPLES = (
    Citizen("31600000011", "Fatima El Amrani"),
    Citizen("31600000012", "Jan de Boer"),
    Citizen("31600000013", "Sanne Visser"),
    Citizen("31600000014", "Piotr Kowalski"),
    Citizen("31600000015", "Noor", hidden=True),
)
"""Citizens to try with; 06-00 numbers belong to nobody. The last one hides hers."""

TROUBLED = (
    Citizen("31601131047", "Kees Mulder"),
    Citizen("31600131026", "Aylin Demir"),
    Citizen("31600000499", "Tom Bakker"),
    Citizen("31602130429", "Ravi Sharma"),
    Citizen("31603000000", "Els Smit"),
)
"""Citizens with whom it goes wrong: their numbers stand in the table of faults."""


class Phone:
    def __init__(self, world: World, samples: dict[str, bytes]) -> None:
        self._world = world
        self._samples = samples

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/phone/messages", self._send),
            web.post("/phone/media", self._upload),
            web.get("/phone/media/{id}", self._show),
            web.post("/phone/read", self._read),
            web.get("/phone/received", self._received),
            web.get("/phone/summary", self._summary),
            web.delete("/phone/received", self._clear),
        ]

    async def _send(self, request: web.Request) -> web.Response:
        try:
            outgoing = msgspec.json.decode(await request.read(), type=Outgoing)
            examine(outgoing)
            content = self._content(outgoing)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            return problem(400, "this message cannot be sent", str(error))
        number = self._world.town.number(outgoing.number)
        if number is None:
            return problem(400, "this message cannot be sent", "number: is not in postkamer.toml")
        citizen = Citizen(outgoing.sender.removeprefix("+"), outgoing.name, outgoing.hidden)
        self._world.handsets.meet(citizen)
        id = webhooks.wamid(citizen.phone, self._world.chance, outgoing=False)
        self._publish(outgoing, citizen, id, content)
        status = await self._post(number, citizen, id, content, outgoing.copies)
        accepted = status == 200
        answer = {"wamid": id, "bsuid": citizen.bsuid, "accepted": accepted, "gateway": status}
        return json(answer, status=200 if accepted else 202)

    async def _post(
        self, number: Number, citizen: Citizen, id: str, content: webhooks.Json, copies: int
    ) -> int:
        """Bring the message to the gateway; its status, the worst one of several copies."""
        message = webhooks.message(citizen, id, clock.now(), content)
        body = webhooks.wire(webhooks.incoming(number, citizen, message))

        def told(status: int) -> None:
            self._world.stream.publish("webhook", {"wamid": id, "status": status})

        return min(
            await asyncio.gather(*(self._world.meta.now(body, told) for _ in range(copies))),
            key=lambda status: status == 200,
        )

    def _content(self, outgoing: Outgoing) -> webhooks.Json:
        """The message as Meta has it; ValueError says what is missing."""
        match outgoing.kind:
            case "text":
                return webhooks.text(needed(outgoing.text, "text"))
            case "image" | "audio":
                return webhooks.media(outgoing.kind, self._about(outgoing), outgoing.text)
            case "document":
                about = self._about(outgoing) | {"filename": outgoing.filename}
                return webhooks.media("document", about, outgoing.text)
            case "location":
                where = outgoing.latitude, outgoing.longitude, outgoing.place, outgoing.address
                return webhooks.location(*where)
            case "reaction":
                return webhooks.reaction(needed(outgoing.about, "about"), outgoing.emoji)
            case "choice":
                return self._choice(outgoing)

    def _choice(self, outgoing: Outgoing) -> webhooks.Json:
        number = self._world.town.number(outgoing.number) or self._world.town.numbers[0]
        return webhooks.choice(
            number,
            needed(outgoing.about, "about"),
            row=needed(outgoing.row, "row"),
            title=needed(outgoing.text, "text"),
            kind="button_reply" if outgoing.button else "list_reply",
        )

    def _about(self, outgoing: Outgoing) -> webhooks.Json:
        if outgoing.media:
            medium = self._world.media.get(outgoing.media)
            if medium is None:
                raise ValueError("media: there is no such file")
            return medium.about()
        name = outgoing.sample or next(iter(self._samples))
        if name not in self._samples:
            raise ValueError("sample: there is no such picture")
        return self._world.media.add("image/png", self._samples[name]).about()

    def _publish(
        self, outgoing: Outgoing, citizen: Citizen, id: str, content: webhooks.Json
    ) -> None:
        said: dict[str, Any] = {"wamid": id, "number": outgoing.number, "bsuid": citizen.bsuid}
        said |= {"content": content, "sample": outgoing.sample, "at": clock.now()}
        self._world.stream.publish("citizen", said)

    async def _upload(self, request: web.Request) -> web.Response:
        largest = media.LARGEST.get(request.content_type, 0)
        content = await read_body(request, largest, UPLOAD_SECONDS) or b""
        if fault := media.fault(request.content_type, len(content)):
            return problem(400, "this file cannot be sent", fault)
        return json({"id": self._world.media.add(request.content_type, content).id}, status=201)

    async def _show(self, request: web.Request) -> web.Response:
        medium = self._world.media.get(request.match_info["id"])
        if medium is None:
            return problem(404, "there is no such file")
        return web.Response(body=medium.content, content_type=medium.mime_type)

    async def _read(self, request: web.Request) -> web.Response:
        try:
            looked = msgspec.json.decode(await request.read(), type=Looked)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem(400, "expected number and bsuid", str(error))
        number = self._world.town.number(looked.number)
        unread = self._world.handsets.read(looked.number, looked.bsuid) if number else []
        for sent in unread:
            self._tell_read(sent)
        return json({"read": len(unread)})

    def _tell_read(self, sent: webhooks.Sent) -> None:
        number = self._world.town.number(sent.number)
        if number is None:
            return
        seconds = statuses.read_after(self._world.chance, self._world.settings.status_seconds)

        def make() -> bytes:
            return webhooks.wire(webhooks.status(number, sent, "read", clock.now()))

        self._world.meta.later(seconds, make)

    async def _received(self, request: web.Request) -> web.Response:
        after = request.query.get("after", "0")
        if not after.isdecimal():
            return problem(400, "after: expected a whole number")
        return json(self._world.handsets.after(int(after), LIST_MOST))

    async def _summary(self, _: web.Request) -> web.Response:
        counts = self._world.handsets.summary() | {"webhooksWaiting": self._world.meta.waiting}
        return json(counts | {"webhooks": self._world.meta.counts})

    async def _clear(self, _: web.Request) -> web.Response:
        self._world.handsets.clear()
        return web.Response(status=204)


def examine(outgoing: Outgoing) -> None:
    """ValueError for what no phone could send."""
    if not outgoing.sender.removeprefix("+").isdecimal():
        raise ValueError("from: expected a phone number with country code")
    if not 1 <= outgoing.copies <= COPIES_MOST:
        raise ValueError(f"copies: expected 1 to {COPIES_MOST}")
    if len(outgoing.text) > TEXT_LONGEST:
        raise ValueError(f"text: expected at most {TEXT_LONGEST} characters")


def needed(value: str, name: str) -> str:
    if not value.strip():
        raise ValueError(f"{name}: is missing")
    return value
