"""The committed scorer is what its table gives, and the table is what it says it is."""

import hashlib
from collections import Counter
from itertools import groupby

import pytest

from deploy.danger.__main__ import EXAMPLES, MEANINGS, WEIGHTS, load_rows
from deploy.danger.judgement import CALM, Judged, count_errors, report
from deploy.danger.model_file import encode_model
from deploy.danger.table import Row, hash_rows, read_rows
from deploy.danger.training import train
from deploy.danger.validation import AT_LEAST, build_model, count_right, name_version
from router.danger.model import KINDS, load_model

LARGEST = 300_000
"""Bytes of the weights, at most: a file that people still open."""


def test_committed_model_is_of_this_table_and_these_meanings() -> None:
    model = load_model()
    assert model.table == hash_rows(load_rows())
    assert model.meanings == hashlib.sha256(MEANINGS.read_bytes()).hexdigest()
    assert model.at_least == AT_LEAST
    assert WEIGHTS.read_bytes() == encode_model(model)
    assert list(model.weights) == sorted(model.weights)
    assert len(WEIGHTS.read_bytes()) <= LARGEST
    rows = Counter(row.kind for row in load_rows())
    assert {kind: found.rows for kind, found in model.validated.items()} == rows


def test_committed_weights_judge_the_table_as_they_did_after_training() -> None:
    model = load_model()
    assert model.version == name_version(model)
    assert model.right == count_right(load_rows(), model)


def test_committed_weights_are_those_that_training_gives() -> None:
    model = load_model()
    assert train(load_rows()) == (model.bias, model.weights)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_committed_model_has_the_figures_of_cross_validation() -> None:
    """It trains six times, so only a long run does it."""
    assert build_model(load_rows(), MEANINGS.read_bytes()) == load_model()


def test_order_of_files_and_lines_changes_nothing() -> None:
    one = {"kind": "threat", "groups": [{"language": "nl", "note": "x", "texts": "b\n a \n\na"}]}
    other = {"kind": CALM, "groups": [{"language": "en", "note": "y", "texts": "c"}]}
    rows = read_rows([one, other])
    assert rows == read_rows([other, one])
    assert rows[0] == Row("a", "threat", "nl", "x") and len(rows) == 3
    assert hash_rows(rows) != hash_rows(rows[:2])


def test_training_twice_gives_the_same_and_learns_the_table() -> None:
    rows = [
        *(Row(f"hij slaat mij {n}", "violence", "nl", "") for n in "abcdef"),
        *(Row(f"mijn kliko is vol {n}", CALM, "nl", "") for n in "abcdef"),
    ]
    bias, weights = train(rows)
    assert (bias, weights) == train(rows)
    assert weights["#blows"][KINDS.index("violence")] > 0 > max(weights["~kliko"])


def test_table_is_large_and_of_all_kinds_and_languages() -> None:
    rows = load_rows()
    kinds = Counter(row.kind for row in rows)
    assert kinds[CALM] >= 600 and sum(kinds.values()) - kinds[CALM] >= 600
    assert kinds.keys() == {CALM, *KINDS} and min(kinds.values()) >= 150
    for language in ("en", "tr", "pl", "ar", "uk", "de"):
        assert {r.kind for r in rows if r.language == language} == kinds.keys()
    assert all(row.note for row in rows)
    folded = Counter(row.text.casefold() for row in rows)
    assert folded.most_common(1)[0][1] == 1, "each message is there once"


def test_files_of_the_table_are_toml_that_is_read_whole() -> None:
    names = sorted(path.stem for path in EXAMPLES.iterdir())
    kinds = [kind for kind, _ in groupby(name.split("-")[0] for name in names)]
    assert kinds == sorted({CALM, *KINDS})


def test_judgement_counts_missed_dangers_and_false_alarms() -> None:
    rows = [
        Judged("a", "threat", "nl", True, 0.1),
        Judged("b", "threat", "nl", False, 0.95),
        Judged("c", "suicide", "en", False, 0.2),
        Judged("d", CALM, "nl", False, 0.93),
        Judged("e", CALM, "nl", False, 0.1),
    ]
    assert tuple(count_errors(rows, lambda row: row.by_rules)) == (2, 3, 0, 2)
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in report(rows, 0.92)}
    assert lines["all"] == "2 of 3 (66.7%) 1 of 3 (33.3%) 0 of 2 (0.0%) 1 of 2 (50.0%)"
    assert lines["threat"] == "1 of 2 (50.0%) 0 of 2 (0.0%) - -"
    assert lines["en"] == "1 of 1 (100.0%) 1 of 1 (100.0%) - -"
