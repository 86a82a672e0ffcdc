"""The checker for strangers, docs/municipality/check-proof.mjs: what holds and what does not.

Forgeries are made with the keys of the right ones, but for the one thing that each changes.
"""

from pathlib import Path

import pytest

from tests.support.checker import (
    COSIGNS,
    LEAVES,
    LOG,
    OPENER,
    OTHER,
    VECTORS,
    WITNESSES,
    Check,
    Json,
    Key,
    b64,
    body,
    continuation,
    cosigned,
    note,
    run_node,
    signed,
    with_second,
)
from tests.support.transparency import mth, subproof

pytestmark = pytest.mark.slow
PROOFS = {case["about"]: case for case in VECTORS["proofs"]}


@pytest.mark.parametrize("about", PROOFS)
def test_inclusion_proof_holds_and_opens_as_published(
    check: Check, tmp_path: Path, about: str
) -> None:
    case = PROOFS[about]
    proof, opened = case["proof"], (0, "")
    code, printed = check(proof, VECTORS["verifier"])
    if proof.get("key"):
        opened = run_node(OPENER, tmp_path, proof)
    assert (code == 0 and opened[0] == 0) == case["holds"], (printed, opened)
    assert all(part in opened[1].splitlines() for part in (case["opens"] or {}).values())
    assert ("it does not hold: " in printed) == (code != 0)
    assert ("it does not open: " in opened[1]) == (opened[0] != 0)
    assert ("open-entry.mjs tells" in printed) == bool(code == 0 and proof.get("key"))


def test_entry_does_not_open_with_another_key_or_for_another_content(tmp_path: Path) -> None:
    proof = PROOFS["a bound entry with its key"]["proof"]
    for changed in ({"key": b64(bytes(32))}, {"sealed": b64(bytes(64))}, {"key": "x"}):
        code, printed = run_node(OPENER, tmp_path, proof | changed)
        assert code == 1 and printed.startswith("it does not open: "), printed


@pytest.mark.parametrize("sizes", [(1, 2), (2, 7), (3, 5), (4, 7), (6, 7), (7, 7)])
def test_consistency_proof_with_cosignatures_holds(check: Check, sizes: tuple[int, int]) -> None:
    words = [word for witness in WITNESSES for word in ("--witness", witness.published)]
    code, printed = check(continuation(*sizes), LOG.published, *words)
    said = "co-signed by witness.example/2 at 2027-01-15T08:00:00.000Z"
    assert code == 0 and said in printed, printed


TEXT = body(7)
TIMELESS = TEXT.replace("2027-01-01T00:01:00Z\n", "")
OURS = LOG.line(TEXT)
ONE, TWO = (witness.cosign(TEXT) for witness in WITNESSES)
NAMESAKE = Key(WITNESSES[1].name, COSIGNS, bytes(32))
PATH = continuation(3, 7)["path"]
FORK = [*LEAVES[:5], bytes(32), LEAVES[6]]
FORKED = signed(6, mth(FORK[:6]))
FORGERIES: dict[str, Json] = {
    "a fork": continuation(6, 7, checkpoints=[FORKED, cosigned(7)]),
    "a fork with its own path": continuation(
        6, 7, checkpoints=[FORKED, cosigned(7)], path=[b64(hash) for hash in subproof(6, FORK)]
    ),
    "two roots of one size": continuation(
        7, 7, checkpoints=[signed(7, mth(FORK)), cosigned(7)]
    ),
    "a smaller log": continuation(6, 7)
    | {"first": 7, "second": 6, "checkpoints": [signed(7), cosigned(6)], "path": []},
    "another size than it says": continuation(3, 7, first=4),
    "a path that is too short": continuation(3, 7, path=[]),
    "a path that is too long": continuation(3, 7, path=[*PATH, b64(bytes(32))]),
    "a path with another hash": continuation(3, 7, path=[*PATH[:-1], b64(bytes(32))]),
    "a path in another order": continuation(3, 7, path=PATH[::-1]),
    "a first checkpoint that another signed": continuation(
        3, 7, checkpoints=[note(body(3), OTHER.line(body(3))), cosigned(7)]
    ),
    "a second checkpoint that another signed": with_second(OTHER.line(TEXT), ONE, TWO),
    "no line of a witness": with_second(OURS, ONE),
    "a co-signature of another checkpoint": with_second(OURS, ONE, WITNESSES[1].cosign(body(6))),
    "a co-signature with another time": with_second(
        OURS, ONE, WITNESSES[1].cosign(TEXT, stated=7)
    ),
    "a witness that signs as a log does": with_second(OURS, ONE, WITNESSES[1].line(TEXT)),
    "a key of the witness's name": with_second(OURS, ONE, NAMESAKE.cosign(TEXT)),
    "a line that is no signature": with_second(OURS, ONE, TWO, "x\n"),
    "no time": continuation(3, 7, checkpoints=[signed(3), note(TIMELESS, LOG.line(TIMELESS),
        *(witness.cosign(TIMELESS) for witness in WITNESSES))]),
    "another version": continuation(3, 7, version=2),
}  # fmt: skip


@pytest.mark.parametrize("about", FORGERIES)
def test_forged_consistency_or_cosignature_is_refused(check: Check, about: str) -> None:
    words = [word for witness in WITNESSES for word in ("--witness", witness.published)]
    code, printed = check(FORGERIES[about], LOG.published, *words)
    assert code == 1 and "it does not hold: " in printed, printed


def test_key_of_another_log_or_of_a_witness_is_refused(check: Check) -> None:
    proof = continuation(3, 7)
    right = LOG.published
    keys = [OTHER.published, WITNESSES[0].published, right.replace(LOG.id.hex(), "00000000"), "x"]
    for key in keys:
        code, printed = check(proof, key)
        assert code == 1, (key, printed)
    assert check(proof, right, "--witness", right)[0] == 1
    assert check(proof, right)[0] == 0
