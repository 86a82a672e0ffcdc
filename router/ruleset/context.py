"""What the router decides by, made from what a municipality chose, and what is kept of it. Pure."""

from datetime import datetime
from uuid import UUID

import msgspec
import re2

from router.model.decision import Hash, RoutingContext
from router.rules.engine import RuleTable, compile_config
from router.ruleset.validation import validate
from services.calendar.opening_hours import Hours, compile_hours
from services.config.loader import LoadedConfig
from services.config.model import Configuration
from services.contract import Record
from services.ids import uuid7

RECORD = "configuration"
"""Kind of the record that a version is."""
_json = msgspec.json.Encoder(order="deterministic").encode
_pack = msgspec.msgpack.Encoder(order="deterministic").encode
_unpack = msgspec.msgpack.Decoder(dict[str, str]).decode


class RulesetVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of rules and texts, whole, as it is kept."""

    version: str
    record: UUID
    first_at: datetime
    """When anything could first be decided by it."""
    approved_by: str
    files: bytes
    """MessagePack: name -> text."""


def build_context(choices: LoadedConfig, hash: Hash) -> RoutingContext:
    """ConfigError where something in them cannot be decided by."""
    config = validate(choices, patterns=False).config
    return RoutingContext(
        config=config,
        rules=_compiled(choices),
        hash=hash,
        hours=opening_hours(config),
        contacts=contacts(config),
        texts=choices.texts,
        version=choices.version,
    )


def _compiled(choices: LoadedConfig) -> dict[str, RuleTable]:
    try:
        return compile_config(choices.config)
    except re2.error:  # of patterns that take too much memory together
        validate(choices)
        raise


def opening_hours(config: Configuration) -> dict[tuple[str, str], Hours]:
    """Of each department, with the closings that hold for it."""
    return {
        (d.tenant, d.id): compile_hours(
            d.hours, [c for c in config.closings if c.holds_for(d.tenant, d.id)]
        )
        for d in config.departments
    }


def contacts(config: Configuration) -> dict[tuple[str, str], tuple[str, ...]]:
    """The tags of each person that the configuration knows, by telephone number without +."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for entry in config.contacts:
        for phone in entry.phones:
            key = entry.tenant, phone.removeprefix("+")
            found[key] = (*found.get(key, ()), entry.tag)
    return found


def new_version(choices: LoadedConfig, at: datetime, hash: Hash) -> RulesetVersion:
    """What is kept of them when nothing is kept yet."""
    return RulesetVersion(
        version=choices.version,
        record=uuid7(at, hash("version", choices.version)),
        first_at=at,
        approved_by=choices.config.approved_by,
        files=_pack(choices.files),
    )


def version_record(kept: RulesetVersion, choices: LoadedConfig) -> Record:
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
