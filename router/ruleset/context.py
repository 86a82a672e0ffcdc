"""Build the routing context from a loaded configuration, and the record of its version. Pure."""

from datetime import datetime
from uuid import UUID

import msgspec
import re2

from router.model.hashes import Hash, Hashes
from router.model.work import RoutingContext
from router.rules.engine import RuleTable, compile_rule_tables
from router.rules.reasons import DUTCH, Reasons
from router.ruleset.validation import validate
from services.config.loader import LoadedConfig
from services.config.model import Configuration
from services.contract import Record
from services.ids import uuid7

RECORD = "configuration"
"""Kind of the record of a version."""
_json = msgspec.json.Encoder(order="deterministic").encode
_pack = msgspec.msgpack.Encoder(order="deterministic").encode
_unpack = msgspec.msgpack.Decoder(dict[str, str]).decode


class RulesetVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One complete version of rules and texts, as stored."""

    version: str
    record: UUID
    first_at: datetime
    """First moment at which it could decide anything."""
    approved_by: str
    files: bytes
    """MessagePack: name -> text."""


def build_context(
    loaded: LoadedConfig, hashes: Hashes, *, few_texts: bool = False, reasons: Reasons = DUTCH
) -> RoutingContext:
    """Raise ConfigError if the router cannot decide by some part of it. For `few_texts` it is built
    in half of the time, and decides slower."""
    config = validate(loaded, patterns=False).config
    texts = loaded.texts.usable(drafts=config.environment != "production")
    return RoutingContext(
        config=config,
        rules=_compile_rules(loaded, few_texts=few_texts, reasons=reasons),
        hashes=hashes,
        hours=config.opening_hours(),
        contacts=index_contacts(config),
        texts=texts,
        text_words=texts.index_words(),
        version=loaded.version,
        reasons=reasons,
    )


def _compile_rules(
    loaded: LoadedConfig, *, few_texts: bool, reasons: Reasons
) -> dict[str, RuleTable]:
    try:
        return compile_rule_tables(loaded.config, few_texts=few_texts, reasons=reasons)
    except re2.error:  # the patterns take too much memory together
        validate(loaded)
        raise


def index_contacts(config: Configuration) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the tags of each person in the configuration, by telephone number without +."""
    tags: dict[tuple[str, str], tuple[str, ...]] = {}
    for entry in config.contacts:
        for phone in entry.phones:
            key = entry.tenant, phone.removeprefix("+")
            tags[key] = (*tags.get(key, ()), entry.tag)
    return tags


def create_version(loaded: LoadedConfig, at: datetime, hash: Hash) -> RulesetVersion:
    """Return the version to store if it is not stored yet."""
    return RulesetVersion(
        version=loaded.version,
        record=uuid7(at, hash("version", loaded.version)),
        first_at=at,
        approved_by=loaded.config.approved_by,
        files=_pack(loaded.files),
    )


def build_version_record(version: RulesetVersion, loaded: LoadedConfig) -> Record:
    """Return the archive record of a version, which is the same at any time and from any sender."""
    files = _unpack(version.files)
    data = {
        "version": version.version,
        "approvedBy": version.approved_by,
        "files": {name: len(text.encode()) for name, text in files.items()},
        "texts": {
            language: {id: text.version for id, text in texts.items()}
            for language, texts in loaded.texts.languages.items()
        },
    }
    return Record(
        id=version.record, kind=RECORD, at=version.first_at, data=_json(data), raw=_json(files)
    )
