"""A list of redactions that a person wrote: CSV with a heading. Pure.

| what | needs | is |
|---|---|---|
| text | message, from, to, ground | part of the text of a message or a note |
| words | words, ground | these words, wherever they stand in the document |
| box | message, x, y, width, height, ground | part of a picture, which is shown beside it |
| picture | message | the whole picture is shown |
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import msgspec

from archiver.disclosure.disclosure import Kind
from archiver.disclosure.grounds import ground_fault
from archiver.disclosure.proposals import find_words
from archiver.disclosure.redaction import MAX_REDACTIONS, Box, Redactions, Span

NEEDS = {
    "text": ("message", "from", "to", "ground"),
    "words": ("words", "ground"),
    "box": ("message", "x", "y", "width", "height", "ground"),
    "picture": ("message",),
}
"""Value of the column `what` -> columns that its row fills; all others are empty."""
COLUMNS = tuple(dict.fromkeys(("what", *(each for needed in NEEDS.values() for each in needed))))
SIDES = ("x", "y", "width", "height")
NUMBERS = ("from", "to", *SIDES)
LONGEST_NUMBER = 9
"""Digits of a number: no text is longer."""

Line = Mapping[str, str]


class ListFault(msgspec.Struct, frozen=True):
    """A fault of a line, without what stands there."""

    line: int
    sentence: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.sentence}"


class WrittenList(msgspec.Struct, frozen=True):
    """Lines of a list, each with its number."""

    lines: tuple[tuple[int, dict[str, str]], ...]


def parse_list(text: str, kind: Kind) -> WrittenList | list[ListFault]:
    """Return the lines of a list, or its faults."""
    rows = csv.reader(text.removeprefix("\ufeff").splitlines(), strict=True)
    try:
        heading = [each.strip().lower() for each in next(rows, [])]
        read = list(islice(rows, MAX_REDACTIONS + 1))
    except csv.Error:
        return [ListFault(rows.line_num, "not CSV")]
    if "what" not in heading or not set(heading) <= set(COLUMNS):
        return [ListFault(1, f"expected a heading with what, and of {', '.join(COLUMNS[1:])}")]
    if len(read) > MAX_REDACTIONS:
        return [ListFault(MAX_REDACTIONS + 1, f"expected at most {MAX_REDACTIONS} lines")]
    lines = [(number, dict(zip(heading, map(str.strip, row), strict=False)))
             for number, row in enumerate(read, 2) if any(row)]  # fmt: skip
    faults = [ListFault(n, each) for n, line in lines for each in _line_faults(line, kind)]
    return faults or WrittenList(tuple(lines))


def _line_faults(line: Line, kind: Kind) -> Iterator[str]:
    needed = NEEDS.get(line["what"])
    if needed is None:
        yield f"what: expected one of {', '.join(NEEDS)}"
        return
    for column in COLUMNS[1:]:
        value = line.get(column, "")
        if bool(value) != (column in needed):
            yield f"{column}: is missing" if column in needed else f"{column}: is not for this"
        elif value and column in NUMBERS and not _is_number(value):
            yield f"{column}: expected a whole number"
        elif value and column == "ground" and (fault := ground_fault(value, kind)):
            yield f"ground: {fault}"


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= LONGEST_NUMBER


def read_redactions(
    written: WrittenList, texts: Mapping[str, str]
) -> tuple[Redactions, Sequence[ListFault]]:
    """Return the redactions of a list for a document with these texts, and a fault for words that
    occur nowhere in it."""
    spans: list[Span] = []
    boxes: list[Box] = []
    pictures: list[str] = []
    faults: list[ListFault] = []
    for number, line in written.lines:
        match line["what"]:
            case "text":
                spans.append(
                    Span(line["message"], int(line["from"]), int(line["to"]), line["ground"])
                )
            case "words":
                found = list(spans_of_words(line["words"], line["ground"], texts))
                spans += found
                faults += [] if found else [ListFault(number, "these words occur nowhere in it")]
            case "box":
                x, y, width, height = (int(line[each]) for each in SIDES)
                boxes.append(Box(line["message"], x, y, width, height, line["ground"]))
            case _:
                pictures.append(line["message"])
    shown = {*pictures, *(box.message for box in boxes)}
    return (
        Redactions(tuple(sorted(set(spans))), tuple(sorted(set(boxes))), tuple(sorted(shown))),
        faults,
    )


def spans_of_words(words: str, ground: str, texts: Mapping[str, str]) -> Iterator[Span]:
    """Yield a span wherever these words stand in a text."""
    for message, text in texts.items():
        for start, end in find_words(text, [words]):
            yield Span(message, start, end, ground)
