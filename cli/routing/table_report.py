"""The report on a table of messages: as JSON, and as lines for a person. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from cli.support.output import count, format_table
from router.message_table.comparison import CHANGES, Change, ChangedRow
from router.message_table.judgement import (
    JudgedRow,
    count_confusions,
    percent,
    score_all,
    score_departments,
    score_labels,
)

WORDS = {
    "nl": {
        "messages": "bericht|berichten",
        "all": "{}: {} van {} goed ({})",
        "below": "dat is minder dan de gevraagde {}",
        "departments": "afdeling|berichten|goed|fout|aandeel",
        "confusion": "waar ze heen gaan; een rij is waar ze horen, een kolom waar ze kwamen:",
        "labels": "label|berichten|goed|gemist|te veel",
        "labels of all": "labels: {} van {} goed",
        "wrong": "fout:",
        "row": "regel {line}: hoort bij {expected}, gaat naar {got}: {reason}",
        "missed": "regel {}: label {} ontbreekt",
        "extra": "regel {}: label {} is te veel",
        "against": "vergeleken met {}, waarbij {} van {} goed waren:",
        "right": "nu goed: {}",
        "now wrong": "nu fout: {}",
        "other": "anders fout: {}",
        "changed": "regel {line}: hoort bij {expected}, ging naar {then}, nu naar {now}: {reason}",
        "decimal": ",",
    },
    "en": {
        "messages": "message|messages",
        "all": "{}: {} of {} right ({})",
        "below": "this is less than the {} that is asked",
        "departments": "department|messages|right|wrong|share",
        "confusion": "where they go; a row is where they belong, a column where they came:",
        "labels": "label|messages|right|missed|too many",
        "labels of all": "labels: {} of {} right",
        "wrong": "wrong:",
        "row": "line {line}: belongs to {expected}, goes to {got}: {reason}",
        "missed": "line {}: label {} is missing",
        "extra": "line {}: label {} is too many",
        "against": "compared with {}, by which {} of {} were right:",
        "right": "newly right: {}",
        "now wrong": "newly wrong: {}",
        "other": "differently wrong: {}",
        "changed": "line {line}: belongs to {expected}, went to {then}, goes to {now}: {reason}",
        "decimal": ".",
    },
}
KEYS: dict[Change, str] = {
    "right": "newlyRight", "wrong": "newlyWrong", "other": "differentlyWrong",
}  # fmt: skip
"""Change of a message -> its member in JSON."""
TITLES: dict[Change, str] = {"right": "right", "wrong": "now wrong", "other": "other"}
DEPARTMENT_KEYS = ("department", "messages", "right", "wrong")
NOTHING = "."
"""Shown for no message: a table of zeros hides the others."""
Words = Mapping[str, str]


class Excerpt(msgspec.Struct, frozen=True):
    """Beginning of a message, and the reason for the decision with the words that match."""

    text: str
    reason: str


Excerpts = Mapping[int, Excerpt]
"""Line of a table -> its excerpt."""


def build_report(judged: Sequence[JudgedRow], labels: frozenset[str] | None) -> dict[str, Any]:
    """Return the report as JSON. It has no text of a message: the line says which it is."""
    score = score_all(judged)
    departments = [
        {
            "department": id,
            "messages": each.messages,
            "right": each.right,
            "wrong": each.messages - each.right,
            "share": each.share,
        }
        for id, each in score_departments(judged).items()
    ]
    report = {
        "messages": score.messages,
        "right": score.right,
        "wrong": score.messages - score.right,
        "share": score.share,
        "departments": departments,
        "confusion": count_confusions(judged),
        "rows": [_row_json(each) for each in judged if not each.is_right],
    }
    return report if labels is None else report | {"labels": _labels_json(judged, labels)}


def _row_json(judged: JudgedRow) -> dict[str, Any]:
    return {
        "line": judged.row.line,
        "expected": judged.row.department,
        "got": judged.department,
        "rule": judged.rule or None,
        "reason": judged.reason,
    }


def _labels_json(judged: Sequence[JudgedRow], labels: frozenset[str]) -> dict[str, Any]:
    right = sum(each.has_right_labels for each in judged)
    each_label = [
        {
            "label": each.label,
            "messages": each.messages,
            "right": each.right,
            "missed": each.messages - each.right,
            "extra": each.extra,
        }
        for each in score_labels(judged, labels)
    ]
    rows = [
        {"line": each.row.line, "missed": sorted(each.missed), "extra": sorted(each.extra)}
        for each in judged
        if not each.has_right_labels
    ]
    return {"right": right, "wrong": len(judged) - right, "each": each_label, "rows": rows}


def build_comparison(
    name: str, before: Sequence[JudgedRow], changed: Iterable[ChangedRow]
) -> dict[str, Any]:
    """Return the messages that other rules, called `name`, send elsewhere, as JSON."""
    score, rows = score_all(before), list(changed)
    by_change = {
        KEYS[change]: [_changed_json(each) for each in rows if each.change == change]
        for change in CHANGES
    }
    return {"version": name, "right": score.right, "share": score.share} | by_change


def _changed_json(changed: ChangedRow) -> dict[str, Any]:
    now = changed.now
    return {
        "line": now.row.line,
        "expected": now.row.department,
        "then": changed.before.department,
        "now": now.department,
        "rule": now.rule or None,
        "reason": now.reason,
    }


def format_report(report: Mapping[str, Any], lang: str, excerpts: Excerpts) -> Iterator[str]:
    """Yield the report as lines. Only a terminal gets `excerpts`, since they quote messages."""
    words = WORDS[lang]
    yield _total(report, words)
    if report["share"] < report.get("atLeast", 0.0):
        yield words["below"].format(_percent(report["atLeast"], words))
    yield ""
    yield from _departments(report["departments"], words)
    yield ""
    yield words["confusion"]
    yield from _confusions(report)
    if "labels" in report:
        yield ""
        yield from _labels(report, words)
    if report["rows"]:
        yield ""
        yield words["wrong"]
        yield from _rows(report["rows"], words["row"], excerpts)
    if "against" in report:
        yield ""
        yield from _changes(report, words, excerpts)


def _total(report: Mapping[str, Any], words: Words) -> str:
    share = _percent(report["share"], words)
    messages = count(report["messages"], words["messages"])
    return words["all"].format(report["table"], f"{report['right']:,}", messages, share)


def _percent(share: float, words: Words) -> str:
    return percent(share).replace(".", words["decimal"])


def _departments(departments: Sequence[Mapping[str, Any]], words: Words) -> Iterator[str]:
    rows = [
        [*(str(d[key]) for key in DEPARTMENT_KEYS), _percent(d["share"], words)]
        for d in departments
    ]
    return format_table([words["departments"].split("|"), *rows], left=1)


def _confusions(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table with a row and a column for each department, which the row names."""
    counts = {(each.expected, each.got): each.messages for each in report["confusion"]}
    ids = sorted({id for pair in counts for id in pair})
    header = ["", *(str(n) for n in range(1, len(ids) + 1))]
    rows = [
        [f"{n} {expected}", *(str(counts.get((expected, got), NOTHING)) for got in ids)]
        for n, expected in enumerate(ids, 1)
    ]
    return format_table([header, *rows], left=1)


def _labels(report: Mapping[str, Any], words: Words) -> Iterator[str]:
    labels = report["labels"]
    messages = count(report["messages"], words["messages"])
    yield words["labels of all"].format(labels["right"], messages)
    keys = ("label", "messages", "right", "missed", "extra")
    rows = [[str(each[key]) for key in keys] for each in labels["each"]]
    yield from format_table([words["labels"].split("|"), *rows], left=1)
    for row in labels["rows"]:
        for how in ("missed", "extra"):
            yield from (words[how].format(row["line"], label) for label in row[how])


def _rows(rows: Iterable[Mapping[str, Any]], line: str, excerpts: Excerpts) -> Iterator[str]:
    for row in rows:
        excerpt = excerpts.get(row["line"])
        yield line.format_map({**row, "reason": excerpt.reason if excerpt else row["reason"]})
        if excerpt:
            yield f"    {excerpt.text}"


def _changes(report: Mapping[str, Any], words: Words, excerpts: Excerpts) -> Iterator[str]:
    against = report["against"]
    messages = count(report["messages"], words["messages"])
    yield words["against"].format(against["version"], against["right"], messages)
    for change in CHANGES:
        rows = against[KEYS[change]]
        yield words[TITLES[change]].format(len(rows))
        yield from _rows(rows, f"  {words['changed']}", excerpts)
