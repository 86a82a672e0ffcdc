"""Build what is handed over from redacted data, so that nothing lies under a bar. Pure.

By itself it leaves out who a citizen is, which employee wrote, where a place is, corrections, names
and hashes of files, and pictures that nobody let through. Who asked for access sees their own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from archiver.disclosure import phrases
from archiver.disclosure.disclosure import Kind
from archiver.disclosure.grounds import PRIVACY, describe_grounds
from archiver.disclosure.proposals import KnownPeople
from archiver.disclosure.redaction import (
    Redactions,
    Span,
    TextChanged,
    apply_spans,
    hash_text,
    label,
)
from archiver.transcript.builder import QUOTED_CHARACTERS
from archiver.transcript.references import first_words
from archiver.transcript.transcript import (
    Annotation,
    Author,
    Decision,
    File,
    Message,
    Note,
    Person,
    Quote,
    Row,
    Status,
    Step,
    Transcript,
)

replace = msgspec.structs.replace
CARDS = "contacts"
"""Type of a message with the names and numbers of other people."""
PICTURE_TYPE = "image/jpeg"


class Rules(msgspec.Struct, frozen=True):
    """Rules for one document. `named`: employees who are named."""

    kind: Kind
    named: frozenset[str] = frozenset()
    redactions: Redactions = Redactions()
    salts: Mapping[str, bytes] = {}
    """Salt of the entry of each text, under which its hash was made."""


class Redacted(msgspec.Struct, frozen=True):
    """A transcript, and the grounds on which something of it is left out."""

    transcript: Transcript
    grounds: tuple[str, ...]


def find_texts(transcript: Transcript) -> dict[str, str]:
    """Return every text that people wrote, by the id of its message, note or step."""
    texts = {}
    for row in transcript.rows:
        text = row.reason if isinstance(row, Step) else getattr(row, "text", "")
        if text:
            texts[getattr(row, "id", "")] = text
    return texts


def find_people(transcript: Transcript, named: frozenset[str]) -> KnownPeople:
    """Return the citizens, by their names and identifiers, and the employees who are not named."""
    citizens = [name for person in transcript.people
                for name in (person.name, *(value for _, value in person.identifiers))]  # fmt: skip
    authors = [getattr(row, "author", None) for row in transcript.rows]
    employees = [each.id for each in authors if each and each.kind == "employee"]
    return KnownPeople(
        tuple(dict.fromkeys(filter(None, citizens))),
        tuple(each for each in dict.fromkeys(filter(None, employees)) if each not in named),
    )


def redact(transcript: Transcript, rules: Rules, pictures: Mapping[str, bytes]) -> Redacted:
    """Return what is shown of a transcript. `pictures` are those that are shown, with their boxes
    painted over, by message. Raises TextChanged."""
    redactor = _Redactor(transcript, rules, pictures)
    rows = [redactor.row(row) for row in transcript.rows]
    shown = {row.number: row.text for row in rows if isinstance(row, Message)}
    quoted = tuple(_requote(row, shown) for row in rows)
    people = tuple(map(redactor.person, transcript.people))
    zaak, holds = redactor.own(transcript.zaak), ()
    grounds = tuple(sorted(redactor.used))
    remarks = (phrases.REDACTED, *describe_grounds(grounds)) if grounds else ()
    done = replace(transcript, rows=quoted, people=people, zaak=zaak, holds=holds, remarks=remarks)
    return Redacted(done, grounds)


def _requote(row: Row, texts: Mapping[int, str]) -> Row:
    """Return a row that quotes other messages as they are shown."""
    if not isinstance(row, Message):
        return row
    return replace(row, quote=_quote(row.quote, texts), about=_quote(row.about, texts))


def _quote(quote: Quote | None, texts: Mapping[int, str]) -> Quote | None:
    if quote is None:
        return None
    return Quote(quote.number, first_words(texts.get(quote.number, ""), QUOTED_CHARACTERS))


class _Redactor:
    """Redacts the rows of one document, and keeps on which grounds."""

    def __init__(self, transcript: Transcript, rules: Rules, pictures: Mapping[str, bytes]) -> None:
        self._rules, self._pictures = rules, pictures
        self._own = rules.kind == "access"
        self._spans: dict[str, list[Span]] = {}
        for span in rules.redactions.spans:
            self._spans.setdefault(span.message, []).append(span)
        decisions = [row.decision for row in transcript.rows if isinstance(row, Message)]
        self._reasons = frozenset(each.reason for each in decisions if each)
        steps = [row for row in transcript.rows if isinstance(row, Step)]
        self._hides_reasons = not self._own and any(step.care for step in steps)
        """True where a danger was found: a reason may name the rule that found it, and its kind."""
        self.used: set[str] = set()

    def row(self, row: Row) -> Row:
        match row:
            case Message():
                return self._message(row)
            case Note():
                text = self._text(row.id, row.text)
                return replace(row, id="", text=text, author=self._author(row.author))
            case Step():
                return self._step(row)
            case _:
                return row

    def person(self, person: Person) -> Person:
        is_known = bool(person.name or person.identifiers)
        return Person(self._hide()) if is_known and not self._own else person

    def own(self, text: str) -> str:
        """Return a text that only the citizen whose it is may see."""
        return text if self._own or not text else self._hide()

    def _hide(self, grounds: Sequence[str] = ()) -> str:
        used = grounds or (PRIVACY[self._rules.kind],)
        self.used.update(used)
        return label(used)

    def _text(self, id: str, text: str) -> str:
        spans = self._spans.get(id)
        if not spans:
            return text
        salt = self._rules.salts.get(id, b"")
        if self._rules.redactions.texts.get(id) != hash_text(text, salt):
            raise TextChanged(id)
        self.used.update(span.ground for span in spans)
        return apply_spans(text, spans)

    def _author(self, author: Author | None) -> Author | None:
        if author is None:
            return None
        if author.kind == "citizen":
            return author if self._own else replace(author, id="")
        if author.kind != "employee" or not author.id or author.id in self._rules.named:
            return author
        return replace(author, id=self._hide())

    def _message(self, row: Message) -> Message:
        hidden = row.type == CARDS and bool(row.text) and not self._own
        return replace(
            row,
            id="",
            text=self._hide() if hidden else self._place_text(row, self._text(row.id, row.text)),
            author=self._author(row.author),
            person=self.person(row.person),
            decision=self._decision(row),
            statuses=tuple(map(self._status, row.statuses)),
            files=tuple(self._file(row, number, file) for number, file in enumerate(row.files)),
            place=row.place if self._own else None,
            annotations=tuple(map(self._annotation, row.annotations)),
        )

    def _place_text(self, row: Message, text: str) -> str:
        if row.place is None or self._own:
            return text
        # The text of a place is its name and its address.
        return self._hide()

    def _decision(self, row: Message) -> Decision | None:
        """Return why a department got a message. The reason quotes words of its text."""
        spans = self._spans.get(row.id, [])
        if row.decision is None or not (spans or self._hides_reasons):
            return row.decision
        grounds = sorted({span.ground for span in spans})
        return replace(row.decision, reason=self._hide(grounds))

    def _step(self, row: Step) -> Step:
        reason = self._text(row.id, row.reason)
        is_quoted = bool(self._spans) or self._hides_reasons
        if is_quoted and row.reason and row.reason in self._reasons:
            reason = self._hide()
        asked = self._hide() if row.asked else ""
        author, zaak = self._author(row.author), self.own(row.zaak)
        # The kind of a danger is health or safety of somebody: it is shown to them alone.
        care = row.care if self._own else ""
        return replace(row, id="", reason=reason, asked=asked, author=author, zaak=zaak, care=care)

    def _status(self, status: Status) -> Status:
        if status.author is None:
            return status
        reason = self._hide() if status.reason else ""
        return replace(status, reason=reason, author=self._author(status.author))

    def _annotation(self, annotation: Annotation) -> Annotation:
        by = annotation.by if annotation.by in self._rules.named else self._hide()
        text = annotation.text if self._own else self._hide()
        return replace(annotation, by=by, text=text)

    def _file(self, row: Message, number: int, file: File) -> File:
        """Return a file without its name and hash, by which somebody who has it knows it again."""
        shown = self._pictures.get(row.id, b"") if number == 0 else b""
        boxes = [box for box in self._rules.redactions.boxes if box.message == row.id]
        fields: dict[str, Any] = {"id": f"{row.number:06}{number:06}", "sha256": "", "size": None}
        if boxes:
            fields["name"] = self._hide(sorted({box.ground for box in boxes}))
        elif not shown or (file.name and not self._own):
            fields["name"] = self._hide()
        if shown:
            fields |= {"shown": "picture", "content": shown, "content_type": PICTURE_TYPE}
        else:
            fields |= {"shown": "", "content": b"", "content_type": ""}
        return replace(file, original=b"", is_scaled=False, **fields)
