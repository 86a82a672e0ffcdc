"""What the router decides by, made from what a municipality chose, and what is kept of it. Pure."""

from datetime import datetime
from uuid import UUID

import msgspec

from router.model.decision import Ground, Hash
from router.rules.engine import compile_config
from router.ruleset.validation import sound
from services.calendar.opening_hours import Hours, compiled
from services.config.loader import Choices
from services.config.model import Config
from services.contract import Record
from services.ids import uuid7

RECORD = "configuration"
"""Kind of the record that a version is."""
_json = msgspec.json.Encoder(order="deterministic").encode
_pack = msgspec.msgpack.Encoder(order="deterministic").encode
_unpack = msgspec.msgpack.Decoder(dict[str, str]).decode


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of rules and texts, whole, as it is kept."""

    version: str
    record: UUID
    first_at: datetime
    """When anything could first be decided by it."""
    approved_by: str
    files: bytes
    """MessagePack: name -> text."""


def grounded(choices: Choices, hash: Hash) -> Ground:
    """ConfigError where something in them cannot be decided by."""
    config = sound(choices).config
    return Ground(
        config=config,
        rules=compile_config(config),
        hash=hash,
        hours=opening_hours(config),
        contacts=contacts(config),
        texts=choices.texts,
        version=choices.version,
    )


def opening_hours(config: Config) -> dict[tuple[str, str], Hours]:
    """Of each department, with the closings that hold for it."""
    return {
        (d.tenant, d.id): compiled(
            d.hours, [c for c in config.closings if c.holds_for(d.tenant, d.id)]
        )
        for d in config.departments
    }


def contacts(config: Config) -> dict[tuple[str, str], tuple[str, ...]]:
    """The tags of each person that the configuration knows, by telephone number without +."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for entry in config.contacts:
        for phone in entry.phones:
            key = entry.tenant, phone.removeprefix("+")
            found[key] = (*found.get(key, ()), entry.tag)
    return found


def version_of(choices: Choices, at: datetime, hash: Hash) -> Version:
    """What is kept of them when nothing is kept yet."""
    return Version(
        version=choices.version,
        record=uuid7(at, hash("version", choices.version)),
        first_at=at,
        approved_by=choices.config.approved_by,
        files=_pack(choices.files),
    )


def version_record(kept: Version, choices: Choices) -> Record:
    """A version in the archive: the same whoever says it, and whenever."""
    files = _unpack(kept.files)
    data = {
        "version": kept.version,
        "approvedBy": kept.approved_by,
        "files": {name: len(text.encode()) for name, text in files.items()},
        "texts": {
            language: {id: text.version for id, text in there.items()}
            for language, there in choices.texts.languages.items()
        },
    }
    return Record(id=kept.record, kind=RECORD, at=kept.first_at, data=_json(data), raw=_json(files))
