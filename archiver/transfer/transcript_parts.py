"""The transcript as parts of a dossier: a page, a PDF/A, or both."""

from collections.abc import AsyncIterator, Collection
from typing import Literal, get_args

from archiver.encryption.key_store import KeyStore
from archiver.transcript.contents import ContentLoader, TooLarge, Wish
from archiver.transcript.maker import ReadConversation, Scope, TooLong, TranscriptReader
from archiver.transcript.page import render_page
from archiver.transcript.pdf import transcript_pdf
from archiver.transfer.parts import Part, PartSource, Place, whole
from services.config.model import Configuration
from services.postgres.database import Connection
from services.printing.typesetter import Unprintable

Form = Literal["html", "pdf"]
FORMS: tuple[Form, ...] = get_args(Form)
TYPES = {"html": "text/html", "pdf": "application/pdf; profile=a-2a"}
WITHOUT = "Van dit gesprek is geen afschrift gemaakt: {}. Alles staat in gesprek.json.\n"
"""Stands in place of a transcript that cannot be made, so that nobody looks for it."""


def transcript_parts(
    keys: KeyStore, config: Configuration, loader: ContentLoader, forms: Collection[Form]
) -> PartSource:
    """Return the source of transcripts in these forms, of all departments together."""

    async def write(read: ReadConversation, form: Form) -> bytes:
        wish = Wish(form == "pdf", False, config.environment == "production")
        transcript = read.build(await loader.load(read.files, wish))
        return transcript_pdf(transcript) if form == "pdf" else render_page(transcript)

    async def parts(connection: Connection, place: Place) -> AsyncIterator[Part]:
        scope = Scope(place.tenant, log_size=place.log_size)
        try:
            read = await TranscriptReader(connection, keys, config).read(place.conversation, scope)
            made = {form: await write(read, form) for form in FORMS if read and form in forms}
        except (TooLong, TooLarge, Unprintable) as error:
            sentence = WITHOUT.format(str(error).partition(":")[0])
            yield Part("transcript.txt", "text/plain", whole(sentence.encode()))
            return
        for form, body in made.items():
            yield Part(f"transcript.{form}", TYPES[form], whole(body))

    return parts
