"""The vectors in docs/municipality hold for our code, and for the recipe beside them."""

import base64
import hashlib
import json
import re
import runpy
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from archiver.encryption.sealing import PLAIN, encode_columns
from archiver.log.entry import PlainColumns, encode_leaf, entry_leaf_hash, plain_columns
from archiver.log.inclusion_proof import InclusionProof, verify_proof
from services.contract import Record
from services.transparency import merkle
from services.transparency.merkle import Tree
from services.transparency.signed_note import InvalidNote

FOLDER = Path(__file__).parents[4] / "docs" / "municipality"
VECTORS: Any = json.loads((FOLDER / "archive-vectors.json").read_text())
OF_THE_CONTENT = ("another sealed content", "a bound entry of which the department was changed")
PROOFS = [pytest.param(case, id=case["about"]) for case in VECTORS["proofs"]]


@pytest.mark.parametrize("vector", VECTORS["leaves"])
def test_leaf_of_an_entry_has_the_published_encoding_and_hash(vector: dict[str, Any]) -> None:
    columns = msgspec.convert(vector["columns"], PlainColumns)
    sealed = base64.b64decode(vector["sealed"])
    assert encode_leaf(columns, sealed).decode() == vector["leaf"]
    assert entry_leaf_hash(columns, sealed).hex() == vector["hash"]


def test_root_of_each_size_is_the_published_one() -> None:
    tree, roots = Tree(), [merkle.EMPTY.hex()]
    for vector in VECTORS["leaves"]:
        tree.append(bytes.fromhex(vector["hash"]))
        roots.append(tree.root().hex())
    assert VECTORS["roots"] == [{"size": n, "root": root} for n, root in enumerate(roots)]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.datetimes(), st.integers(-14, 14))
def test_leaf_is_plain_json_without_spaces_and_its_time_is_in_utc(
    text: str, at: datetime, hours: int
) -> None:
    zone = timezone(timedelta(hours=hours))
    moment = at.replace(year=max(2, min(at.year, 9998)), day=1, tzinfo=zone)
    record = Record(id=UUID(int=1), kind=text, at=moment, data=b"{}", sequence=2**63 - 1)
    leaf = encode_leaf(plain_columns(record, text), b"").decode()
    read = json.loads(leaf)
    assert leaf == json.dumps(read, ensure_ascii=False, separators=(",", ":"))
    assert (len(read), read[2], read[6], read[10]) == (12, text, text, 2**63 - 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", read[3])
    assert datetime.fromisoformat(read[3]) == moment
    assert ("." in read[3]) == bool(moment.microsecond)


@pytest.mark.parametrize("case", PROOFS)
def test_proof_holds_as_published(case: dict[str, Any]) -> None:
    """Only the recipe compares the ciphertext and opens it: the archive takes leaf and ciphertext
    from one row."""
    proof = msgspec.convert(case["proof"], InclusionProof)
    leaf_hash = merkle.leaf_hash(proof.leaf.encode())
    try:
        holds = verify_proof(proof, leaf_hash)
    except InvalidNote:
        holds = False
    assert holds == (case["holds"] or case["about"] in OF_THE_CONTENT)


@pytest.mark.parametrize("case", PROOFS)
def test_recipe_comes_to_the_published_result(
    case: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    [code] = re.findall(r"```python\n(.*?)```", (FOLDER / "archive.md").read_text(), re.S)
    program, proof = tmp_path / "recipe.py", tmp_path / "proof.json"
    program.write_text(code)
    proof.write_text(json.dumps(case["proof"]))
    monkeypatch.setattr(sys, "argv", ["recipe", str(proof), VECTORS["verifier"]])
    try:
        runpy.run_path(str(program))
        holds = True
    except (SystemExit, InvalidSignature):
        holds = False
    assert holds == case["holds"]
    printed = capsys.readouterr().out
    assert all(part in printed for part in (case["opens"] or {}).values())


@pytest.mark.parametrize("case", VECTORS["contents"], ids=lambda case: case["about"])
def test_content_opens_with_the_published_additional_data(case: dict[str, Any]) -> None:
    leaf, sealed = json.loads(case["leaf"]), base64.b64decode(case["sealed"])
    assert leaf[11] == hashlib.sha256(sealed).hexdigest()
    is_of_before = case["about"].startswith("of before")
    columns = case["leaf"].rsplit(",", 1)[0].encode()
    aad = UUID(leaf[1]).bytes if is_of_before else columns
    cipher = AESGCM(base64.b64decode(case["key"]))
    opened = msgspec.msgpack.decode(cipher.decrypt(sealed[:12], sealed[12:], aad))
    assert [part.decode() for part in opened] == list(case["opens"].values())
    read = msgspec.convert(dict(zip(PLAIN, leaf[1:], strict=False)), PlainColumns)
    assert encode_columns(msgspec.structs.astuple(read)) == columns
