"""Make the transcript of a conversation for a target."""

import asyncio

from archiver.handover.document import Content
from archiver.handover.failure import HandoverFailed
from archiver.handover.store import PendingHandover
from archiver.handover.targets import reached_departments
from archiver.media.thumbnail_maker import MakerBusy, ThumbnailMaker
from archiver.transcript.contents import ContentLoader, TooLarge, Wish
from archiver.transcript.maker import ReadConversation, Scope, TooLong, TranscriptReader
from archiver.transcript.page import render_page
from archiver.transcript.printer import print_transcript
from archiver.transcript.routes import ServedArchive
from services.calendar.opening_hours import day_of
from services.config.handover import Handover
from services.config.model import Configuration
from services.files.object_store import StoreUnavailable
from services.printing.typesetter import Unprintable

READ_SECONDS = 20.0
"""Longest time to read the entries of one: the longest takes some two seconds."""
STORE_AWAY = "the object store of the archive does not answer"
BUSY = "a picture could not be made smaller: too many were"


class HandedConversation:
    """A conversation as a target may have it."""

    def __init__(
        self, archive: ServedArchive, read: ReadConversation, row: PendingHandover
    ) -> None:
        self._archive, self._read, self._row = archive, read, row
        transcript = read.build({})
        self.zaak = transcript.zaak
        self._author = transcript.municipality

    async def make(self, format: str) -> Content:
        """Return the transcript. Raises HandoverFailed."""
        wish = Wish(format == "pdf", False, self._archive.scanned_only)
        loader = ContentLoader(self._archive.objects, ThumbnailMaker())
        try:
            transcript = self._read.build(await loader.load(self._read.files, wish))
            if format == "pdf":
                body = await print_transcript(transcript)
            else:
                body = await asyncio.to_thread(render_page, transcript)
        except StoreUnavailable:
            raise HandoverFailed(STORE_AWAY) from None
        except MakerBusy:
            raise HandoverFailed(BUSY) from None
        except (TooLarge, Unprintable) as error:
            raise HandoverFailed(str(error), is_final=True) from None
        return Content(body, day_of(self._row.closed_at), self._author)


async def read_conversation(
    archive: ServedArchive, row: PendingHandover, target: Handover
) -> HandedConversation | None:
    """Read the conversation; None if nothing of it is left. Raises HandoverFailed."""
    config = archive.config()
    scope = _scope(config, row.tenant, target)
    try:
        async with (
            asyncio.timeout(READ_SECONDS),
            archive.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            reader = TranscriptReader(connection, archive.keys, config)
            read = await reader.read(row.conversation, scope)
    except TooLong as error:
        raise HandoverFailed(str(error), is_final=True) from None
    return HandedConversation(archive, read, row) if read else None


def _scope(config: Configuration, tenant: str, target: Handover) -> Scope:
    departments = reached_departments(config, tenant, target)
    return Scope(tenant, departments, departments.__contains__)
