"""Getting files: asked for, brought into the store, looked at; each step again until it is done.

A file is fetched first and scanned after that, from the store: a scanner that is away costs time,
and Meta's seven days run on.
"""

import asyncio
import base64
import random
from collections.abc import Mapping
from datetime import timedelta
from functools import partial

import structlog

from archiver.media.arriving import Arriving, TooLarge
from archiver.media.book import RENEW_SECONDS, Book, File
from archiver.media.judging import (
    EXPIRED,
    MALWARE,
    SENTENCES,
    STOPS,
    TOO_LARGE,
    UNSCANNABLE,
    UNUSABLE,
    About,
    Ended,
    Fetched,
    Missed,
    expired,
    quarantine,
    usable,
    wait,
    whole,
)
from archiver.media.source import Source
from services import clock, objects, observe, scanner
from services.database import DATABASE_ERRORS, until_it_answers
from services.graph import Account
from services.objects import Missing, Objects
from services.scanner import Scanner
from services.tasks import beside, within

AT_ONCE = 4
"""Files under way: each holds up to 15 MiB (`objects.PIECE_BYTES`), so 60 MiB together."""
LOOK_SECONDS = 1.0
"""Between two looks at whether there is one."""
ADDRESSES = 2
"""Asked for in one attempt: an address is good for five minutes, and a slow one may be over."""
LET_GO_SECONDS = 2.0

log = structlog.get_logger()


class Fetcher:
    def __init__(
        self,
        book: Book,
        source: Source,
        store: Objects,
        accounts: Mapping[str, Account],
        scanner: Scanner | None,
    ) -> None:
        self._book, self._source, self._store = book, source, store
        self._accounts, self._scanner = accounts, scanner

    async def run(self) -> None:
        """One file after the other, for as long as the service runs."""
        scanning = self._scanner is not None
        while True:
            claim = partial(self._book.claim, clock.now(), scanning=scanning)
            if file := await until_it_answers(claim, "media"):
                await self._take(file)
            else:
                await asyncio.sleep(LOOK_SECONDS)

    async def _take(self, file: File) -> None:
        try:
            async with beside(self._renew(file)):
                came = await self._step(file)
        except asyncio.CancelledError:
            await self._let_go(file)
            raise
        except Exception as error:  # a fault of ours costs this file a while, and no other anything
            log.error("media.failed", message=file.id, exc_info=error)
            came = Missed("strange")
        await until_it_answers(partial(self._settle, file, came), "media")

    async def _renew(self, file: File) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await until_it_answers(partial(self._book.renew, file, clock.now()), "media")

    async def _step(self, file: File) -> Fetched | Ended | Missed:
        if file.state == "waiting":
            return await self._fetch(file)
        return await self._scan(file)

    async def _fetch(self, file: File) -> Fetched | Ended | Missed:
        account = self._accounts.get(file.number)
        if account is None:
            return Missed("shut")  # the number was taken out of the configuration
        if not usable(file.announced.id):
            return Ended("lost", UNUSABLE)
        try:
            return await self._from(account, file)
        except TooLarge:
            return Ended("lost", TOO_LARGE)

    async def _from(self, account: Account, file: File) -> Fetched | Ended | Missed:
        missed = Missed("unknown")
        for _ in range(ADDRESSES):
            said = await self._source.about(account, file.announced.id)
            if isinstance(said, Missed):
                return said
            came = await self._source.fetch(account, said, objects.media(file.id))
            if isinstance(came, Arriving):
                return self._judged(file, came, said)
            missed = came
            if came.word not in ("unknown", "shut"):  # of an address that is over Meta says either
                break
        return missed

    def _judged(self, file: File, came: Arriving, said: About) -> Fetched | Missed:
        got = came.fetched(said.mime_type or file.announced.mime_type)
        return got if whole(got, said) else Missed("cut")

    async def _scan(self, file: File) -> Ended | Missed:
        try:
            return await self._looked_at(file)
        except (objects.Away, Missing):
            return Missed("store")
        except scanner.Away:
            return Missed("scanner")
        except scanner.TooLarge:
            return Ended("quarantined", UNSCANNABLE)

    async def _looked_at(self, file: File) -> Ended:
        types = (file.announced.mime_type, file.mime_type)
        if differs := quarantine(types, await self._head(file)):
            return differs
        if self._scanner is None:
            return Ended("available")
        pieces = await self._store.read(objects.media(file.id))
        if found := (await self._scanner.look(pieces)).found:
            return Ended("quarantined", MALWARE.format(found), scanned=True)
        return Ended("available", scanned=True)

    async def _head(self, file: File) -> bytes:
        async for piece in await self._store.read(objects.media(file.id)):
            return piece
        return b""

    async def _settle(self, file: File, came: Fetched | Ended | Missed) -> None:
        now = clock.now()
        if isinstance(came, Fetched):
            await self._book.fetched(file, came, _agrees(file, came), now)
            return
        if isinstance(came, Missed) and file.state == "waiting" and expired(file.sent_at, now):
            came = Ended("lost", EXPIRED)
        if isinstance(came, Ended):
            await self._book.ended(file, came, now)
            observe.media.labels(outcome=came.state).inc()
            if came.state != "available":
                log.warning("media.ended", message=file.id, kind=came.state, reason=came.reason)
            return
        seconds = wait(file.attempts, random.random())
        reason = SENTENCES[came.word]
        say = log.error if came.word in STOPS else log.warning
        say("media.put_off", message=file.id, number=file.number, reason=reason, seconds=seconds)
        observe.media_attempts.labels(outcome=came.word).inc()
        await self._book.put_off(file, now + timedelta(seconds=seconds), reason)

    async def _let_go(self, file: File) -> None:
        try:
            await within(LET_GO_SECONDS, self._book.let_go(file, clock.now()))
        except DATABASE_ERRORS as error:  # then another takes it when its time here is over
            log.warning("media.not_let_go", message=file.id, exc_info=error)


def _agrees(file: File, got: Fetched) -> bool:
    """Whether the hash is the one of the webhook, in base64 or hex: Meta does not say of what it is
    taken, so that it differs is noted and no more. Pure."""
    said = file.announced.sha256
    in_base64 = base64.b64encode(bytes.fromhex(got.sha256)).decode()
    return said in ("", in_base64, got.sha256)
