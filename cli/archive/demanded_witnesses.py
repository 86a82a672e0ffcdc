"""Witnesses that a command demands, and their answers."""

import asyncio
import os
from collections.abc import Sequence

import click
import msgspec

from archiver.audit.cosignatures import Seen, WitnessOptions, list_copies
from archiver.witnesses.client import WitnessAway, WitnessClient, witness_client
from services.config import settings
from services.files.object_store import ObjectStore
from services.transparency.cosignature import Witness, read_witness


class WitnessType(click.ParamType[Witness]):
    """A witness by its key, with or without its address before it."""

    name = "key"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Witness:
        try:
            return read_witness(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Demanded(msgspec.Struct, frozen=True):
    """Witnesses that must have co-signed, their number (0 for all), and who told nothing: they did
    not answer, knew nothing, or have no address."""

    options: WitnessOptions
    silent: tuple[str, ...] = ()

    @property
    def too_few_answered(self) -> bool:
        """True if a newer co-signed checkpoint could exist that nobody told of."""
        count = len(self.options.witnesses)
        return len(self.silent) > count - min(self.options.quorum or count, count)


def load_witnesses(given: Sequence[Witness]) -> WitnessOptions:
    """Return the witnesses that were given, all of which must have co-signed, else those of the
    settings. A given one without an address has that of the settings. Raises SettingsError."""
    options = settings.load(settings.WitnessSettings, os.environ)
    urls = {each.key: each.url for each in options.archive_witnesses}
    named = tuple(
        msgspec.structs.replace(each, url=each.url or urls.get(each.key, "")) for each in given
    )
    if named:
        return WitnessOptions(tuple(dict.fromkeys(named)))
    witnesses = tuple(dict.fromkeys(options.archive_witnesses))
    return WitnessOptions(witnesses, options.archive_witness_quorum)


async def ask_witnesses(
    options: WitnessOptions, outside: ObjectStore | None, origin: str
) -> Demanded:
    """Add what the witnesses say, and what is kept outside. Call it before the database is read: a
    checkpoint that is co-signed in between is no fault. Raises StoreUnavailable."""
    if not options.witnesses:
        return Demanded(options)
    asked = [each for each in options.witnesses if each.url]
    async with witness_client() as client:
        answers = await asyncio.gather(*(_ask(client, each, origin) for each in asked))
    answered = {each.witness: each for each in answers if each}
    away = tuple(each for each in options.witnesses if each not in answered)
    seen = tuple(each for each in answered.values() if each.note)
    # A stranger in the place of a witness would say too that it knows nothing.
    told = {each.witness for each in seen}
    silent = tuple(each.name for each in options.witnesses if each not in told)
    copies = await list_copies(outside, options.witnesses) if outside else options.copies
    given = msgspec.structs.replace(options, seen=seen, away=away, copies=copies)
    return Demanded(given, silent)


async def _ask(client: WitnessClient, witness: Witness, origin: str) -> Seen | None:
    """Return what a witness says, '' if it knows nothing; None if it does not answer."""
    try:
        return Seen(witness, await client.newest(witness, origin) or "")
    except WitnessAway:
        return None
