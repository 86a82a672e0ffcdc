"""Versions of rules and texts: the routing context, and the record in the archive."""

from datetime import timedelta
from pathlib import Path

import msgspec

from router.model.hashes import Hashes
from router.ruleset.context import RECORD, build_context, build_version_record, create_version
from services import ids
from services.config import loader
from services.config.loader import LoadedConfig
from services.texts.catalogue import Text, Texts
from tests.support.router.harness import TOML
from tests.support.router.names import NOON

HASHES = Hashes(b"a key of the tests")
RULE = '[[rules]]\nid = "terras"\nwords = ["café"]\ndepartment = "groen"\n'


def chosen(folder: Path) -> LoadedConfig:
    """A configuration of two files, and two texts."""
    (folder / "extra.toml").write_text(RULE, encoding="utf-8")
    path = folder / "postkamer.toml"
    path.write_text('include = ["extra.toml"]\napproved_by = "De secretaris"\n' + TOML)
    said = {"gesloten": Text("nl", "gesloten", "Wij zijn dicht.", "KCC", "2026-11")}
    english = {"gesloten": Text("en", "gesloten", "We are closed.", "KCC", "2026-10")}
    texts = Texts({"nl": said, "en": english}, {})
    return msgspec.structs.replace(loader.load(path), texts=texts)


def test_context_has_all_of_one_version(tmp_path: Path) -> None:
    town = chosen(tmp_path)
    ground = build_context(town, HASHES)
    assert (ground.version, ground.texts, ground.config) == (town.version, town.texts, town.config)
    assert len(ground.rules["almelo"].rules.rules) == 3


def test_version_is_stored_whole_with_its_approver_and_its_start(tmp_path: Path) -> None:
    town = chosen(tmp_path)
    kept = create_version(town, NOON, HASHES.own)
    assert (kept.version, kept.first_at, kept.approved_by) == (town.version, NOON, "De secretaris")
    assert msgspec.msgpack.decode(kept.files) == town.files
    assert ids.created_at(kept.record) == NOON


def test_version_has_an_id_of_its_own_for_each_moment(tmp_path: Path) -> None:
    town = chosen(tmp_path)
    other = msgspec.structs.replace(town, version="0" * 12)
    later = NOON + timedelta(milliseconds=1)
    made = [create_version(each, at, HASHES.own) for each in (town, other) for at in (NOON, later)]
    assert len({kept.record for kept in made}) == 4
    assert create_version(chosen(tmp_path), NOON, HASHES.own) == made[0]


def test_record_of_a_version_is_the_same_each_time(tmp_path: Path) -> None:
    town = chosen(tmp_path)
    kept = create_version(town, NOON, HASHES.own)
    record = build_version_record(kept, town)
    assert (record.id, record.kind, record.at) == (kept.record, RECORD, NOON)
    assert (record.tenant, record.conversation, record.message) == ("", "", None)
    assert msgspec.json.decode(record.raw) == town.files
    assert msgspec.json.decode(record.data) == {
        "version": town.version,
        "approvedBy": "De secretaris",
        "files": {
            "postkamer.toml": len((tmp_path / "postkamer.toml").read_bytes()),
            "extra.toml": len(RULE.encode()),
        },
        "texts": {"nl": {"gesloten": "2026-11"}, "en": {"gesloten": "2026-10"}},
    }
    files = dict(reversed(town.files.items()))
    again = create_version(msgspec.structs.replace(town, files=files), NOON, HASHES.own)
    assert build_version_record(again, town) == record
