"""Turn the decrypted entries of a conversation into its transcript. Pure.

What a message says, how far it came and what was done with it are those of the API's messages
(`archiver.api.presenter`): both show the record alike.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, NamedTuple, cast
from uuid import UUID

import msgspec

from archiver.api import presenter
from archiver.transcript.references import (
    ABOUT,
    References,
    card_lines,
    first_words,
    raw_fields,
    raw_member,
)
from archiver.transcript.transcript import (
    Annotation,
    Author,
    Change,
    Decision,
    Destroyed,
    File,
    Message,
    Note,
    Person,
    Place,
    Quote,
    Reaction,
    Row,
    Shown,
    Status,
    Stay,
    Step,
    Transcript,
)

Entry = Mapping[str, Any]
DepartmentName = Callable[[str], str]
"""Maps a department's id to its name."""
QUOTED_CHARACTERS = 80
"""Characters of a quoted message: enough to know it again."""
QUIET = frozenset({"read", "waiting", "window", "unconfirmed", "refused"})
"""Events that changed nothing for the citizen or for who handles the conversation: a read receipt,
reminders, and commands that were refused."""
PERMANENT = "permanent"
CHANGES: dict[str, Literal["edited", "withdrawn"]] = {"edit": "edited", "revoke": "withdrawn"}
"""Type of a message that changes another -> what it does to that."""


class Term(NamedTuple):
    """Term of a conversation, as its dossier says; what is not known is empty."""

    state: str = ""
    code: str = ""
    kept_until: date | None = None


class Content(NamedTuple):
    """Part of a file that is shown, and the original where it is attached."""

    shown: Shown = ""
    content: bytes = b""
    type: str = ""
    is_scaled: bool = False
    original: bytes = b""


class ConversationEntries(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of one conversation, of the departments that the reader reaches."""

    id: str
    municipality: str
    number: str
    messages: Sequence[Entry]
    steps: Sequence[Entry]
    notes: Sequence[Entry]
    fates: Sequence[Entry] = ()
    """Outcomes and annotations of the messages, oldest first."""
    gone: Sequence[Entry] = ()
    """Plain columns of messages that were destroyed by themselves."""
    destructions: Mapping[UUID, datetime] = {}
    """Entry -> when it was destroyed."""
    term: Term = Term()
    holds: tuple[str, ...] = ()
    is_partial: bool = False
    unreadable: int = 0


def build_transcript(
    entries: ConversationEntries,
    department_name: DepartmentName,
    contents: Mapping[UUID, Content],
    may_know: Callable[[str], bool] = presenter.may_know_all,
) -> Transcript:
    """Build the transcript; `entries` hold at least one."""
    steps = _steps(entries, may_know, department_name)
    messages = _Messages(entries, department_name, contents)
    rows: list[tuple[tuple[datetime, int, UUID], Row]] = [
        *zip(map(_order, entries.steps), steps, strict=True),
        *((_order(row), _note(row, department_name)) for row in entries.notes),
        *messages.rows(),
    ]
    rows.sort(key=lambda each: each[0])
    all_rows = [*entries.messages, *entries.steps, *entries.notes, *entries.fates, *entries.gone]
    return Transcript(
        municipality=entries.municipality,
        number=entries.number,
        id=entries.id,
        opened_at=rows[0][1].at,
        closed_at=_closing_time(each for _, each in rows),
        last_at=max(row["at"] for row in all_rows),
        stays=tuple(_stays(each for _, each in rows)),
        people=tuple(messages.people),
        zaak=next((each.zaak for each in reversed(steps) if each.zaak), ""),
        code=entries.term.code,
        kept_until=entries.term.kept_until,
        is_permanent=entries.term.state == PERMANENT,
        holds=entries.holds,
        is_partial=entries.is_partial,
        unreadable=entries.unreadable,
        rows=tuple(
            each for _, each in rows if not (isinstance(each, Step) and each.event in QUIET)
        ),
    )


def _order(row: Entry) -> tuple[datetime, int, UUID]:
    return row["at"], row["sequence"], row["id"]


def _closing_time(rows: Iterable[Row]) -> datetime | None:
    """Return when the conversation was last closed; None if a message followed, or a person opened
    it again. Automatic texts come with the closing."""
    closed: datetime | None = None
    for row in rows:
        if isinstance(row, Step) and row.event == "closed":
            closed = row.at
        elif (isinstance(row, Step) and row.event == "reopened") or (
            isinstance(row, Message) and closed and row.at > closed
        ):
            closed = None
    return closed


def _stays(rows: Iterable[Row]) -> Iterator[Stay]:
    last = ""
    for row in rows:
        if isinstance(row, Step) and row.event not in QUIET:
            department = row.department
        elif isinstance(row, Message) and row.decision:
            department = row.decision.department
        else:
            continue
        if department and department != last:
            yield Stay(department, row.at)
            last = department


def _author(fields: Mapping[str, Any] | None) -> Author | None:
    if not fields:
        return None
    return Author(fields["kind"], fields.get("id") or "", fields.get("identified"))


def _steps(
    entries: ConversationEntries, may_know: Callable[[str], bool], department_name: DepartmentName
) -> list[Step]:
    if not entries.steps:
        return []
    rows = [{**row, "left": False} for row in entries.steps]
    history = presenter.conversation_json(entries.id, rows, (), may_know)["history"]
    return [_step(shown, row, department_name) for shown, row in zip(history, rows, strict=True)]


def _step(shown: Mapping[str, Any], row: Entry, department_name: DepartmentName) -> Step:
    data = msgspec.json.decode(row["data"])
    return Step(
        id=str(row["id"]),
        event=shown["event"],
        at=shown["at"],
        department=department_name(shown["department"]),
        former=department_name(shown["from"] or ""),
        reason=shown["reason"] or "",
        author=_author(shown["author"]),
        zaak=shown["zaak"] or "",
        care=shown["care"] or "",
        asked=shown["asked"] or "",
        outcome=data.get("outcome") or "",
        code=data.get("retentionCode") or data.get("code") or "",
    )


def _note(row: Entry, department_name: DepartmentName) -> Note:
    [fields] = presenter.notes_json([row])
    return Note(
        id=str(row["id"]),
        at=row["at"],
        department=department_name(row["department"]),
        author=_author(fields["author"]),
        text=fields["text"],
    )


class _Messages:
    """Messages of a conversation with what names them: reactions, edits and withdrawals."""

    def __init__(
        self,
        entries: ConversationEntries,
        department_name: DepartmentName,
        contents: Mapping[UUID, Content],
    ) -> None:
        self._name, self._contents = department_name, contents
        self._destructions = entries.destructions
        self._rows = sorted(entries.messages, key=_order)
        fates: dict[Any, list[Entry]] = defaultdict(list)
        for fate in entries.fates:
            fates[fate["message"]].append(fate)
        self._shown = presenter.messages_json(
            self._rows, [fate for row in self._rows for fate in fates[row["message"]]]
        )
        self._items = [raw_fields(row["raw"]) for row in self._rows]
        self._targets = self._find_targets()
        self._reacting = {
            place for place in self._targets if self._shown[place]["type"] == presenter.REACTION
        }
        numbered = [row for place, row in enumerate(self._rows) if place not in self._reacting]
        in_order = sorted([*numbered, *entries.gone], key=_order)
        self._numbers = {row["id"]: number for number, row in enumerate(in_order, 1)}
        self._gone = entries.gone
        self._beside = self._find_beside()
        self.people: dict[Person, None] = {}

    def _number(self, place: int) -> int:
        """Return the number of a message; 0 for a reaction, which stands beside another."""
        return self._numbers.get(self._rows[place]["id"], 0)

    def rows(self) -> Iterator[tuple[tuple[datetime, int, UUID], Row]]:
        last: Decision | None = None
        for place, row in enumerate(self._rows):
            message = self._message(place)
            if message.person.name or message.person.identifiers:
                self.people[message.person] = None
            if place in self._reacting:
                continue
            decision = message.decision
            if decision == last:
                message = msgspec.structs.replace(message, decision=None)
            last = decision
            yield _order(row), message
        for row in self._gone:
            yield _order(row), self._destroyed(row)

    def _destroyed(self, row: Entry) -> Destroyed:
        return Destroyed(
            number=self._numbers[row["id"]],
            at=row["at"],
            department=self._name(row["department"]),
            destroyed_at=self._destructions.get(row["id"]),
        )

    def _find_targets(self) -> dict[int, int]:
        """Return the message that each reaction, edit or withdrawal is about, where it is here. One
        that did not go is about none."""
        self._references = References(zip(self._shown, self._items, strict=True))
        targets: dict[int, int] = {}
        for place, (fields, item) in enumerate(zip(self._shown, self._items, strict=True)):
            relation = ABOUT.get(fields["type"])
            if relation and fields["status"] != presenter.REFUSED:
                target = self._references.find(fields, item, relation)
                if target is not None:
                    targets[place] = target
        return targets

    def _find_beside(self) -> dict[int, list[Reaction | Change]]:
        """Return the reactions to and the changes of each message, by its place, oldest first."""
        beside: dict[int, list[Reaction | Change]] = defaultdict(list)
        for place, target in self._targets.items():
            fields, at = self._shown[place], self._rows[place]["at"]
            if place in self._reacting:
                emoji = fields["text"] or raw_member(self._items[place], "reaction").get("emoji")
                beside[target].append(Reaction(str(emoji or ""), at, fields["direction"]))
            else:
                kind = CHANGES[fields["type"]]
                beside[target].append(Change(kind, at, self._number(place)))
        return beside

    def _message(self, place: int) -> Message:
        fields, item, beside = self._shown[place], self._items[place], self._beside[place]
        return Message(
            number=self._number(place),
            id=str(fields["id"]),
            at=self._rows[place]["at"],
            direction=fields["direction"],
            type=fields["type"],
            text=_text(fields, item),
            author=cast(Author, _author(fields["author"])),
            person=_person(fields["from"]) if fields["direction"] == "in" else Person(),
            decision=self._decision(fields),
            statuses=tuple(_statuses(fields, self._rows[place])),
            files=tuple(self._file(each) for each in fields["media"]),
            place=_place(item, msgspec.json.decode(self._rows[place]["data"])),
            quote=self._quote(fields, item),
            about=self._about(fields, item),
            reactions=tuple(each for each in beside if isinstance(each, Reaction)),
            changes=tuple(each for each in beside if isinstance(each, Change)),
            annotations=tuple(map(_annotation, fields["annotations"])),
        )

    def _decision(self, fields: Mapping[str, Any]) -> Decision:
        decision = fields["decision"]
        department = self._name(fields["department"] or "")
        return Decision(department, decision["reason"], decision["version"] or "")

    def _quote(self, fields: Mapping[str, Any], item: Mapping[str, Any]) -> Quote | None:
        if fields["type"] in ABOUT or not References.names_any(fields, item, "quote"):
            return None
        return self._named(self._references.find(fields, item, "quote"))

    def _about(self, fields: Mapping[str, Any], item: Mapping[str, Any]) -> Quote | None:
        relation = ABOUT.get(fields["type"])
        return self._named(self._references.find(fields, item, relation)) if relation else None

    def _named(self, target: int | None) -> Quote:
        if target is None:
            return Quote(0)
        words = first_words(self._shown[target]["text"] or "", QUOTED_CHARACTERS)
        return Quote(self._number(target), words)

    def _file(self, fields: Mapping[str, Any]) -> File:
        content = self._contents.get(UUID(str(fields["id"])), Content())
        return File(
            id=str(fields["id"]),
            name=fields["filename"],
            type=fields["mimeType"],
            size=fields["size"],
            state=fields["state"],
            reason=fields["reason"],
            sha256=fields["sha256"] or "",
            shown=content.shown,
            content=content.content,
            content_type=content.type,
            is_scaled=content.is_scaled,
            original=content.original,
        )


def _text(fields: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    """Return the text of a message; of contact cards the numbers too."""
    if fields["type"] == "contacts" and (lines := card_lines(item)):
        return "\n".join(lines)
    return fields["text"] or ""


def _person(fields: Mapping[str, Any] | None) -> Person:
    if not fields:
        return Person()
    identities = fields.get("identities") or ()
    return Person(
        fields.get("name") or "", tuple((each["kind"], each["value"]) for each in identities)
    )


def _statuses(fields: Mapping[str, Any], row: Entry) -> Iterator[Status]:
    """Yield the statuses; of a message that was refused before it went to Meta, that and why."""
    if fields["direction"] != "in" and not fields["statuses"] and fields["status"] == "failed":
        yield Status("failed", row["at"], fields["decision"]["reason"])
    for each in fields["statuses"]:
        at = each["at"]
        yield Status(
            each["status"],
            datetime.fromisoformat(at) if isinstance(at, str) else at,
            each["reason"] or "",
            _author(each["author"]),
        )


def _annotation(fields: Mapping[str, Any]) -> Annotation:
    return Annotation(fields["at"], fields["by"], fields["identified"], fields["text"])


def _place(item: Mapping[str, Any], data: Mapping[str, Any]) -> Place | None:
    """Return the place in a message of the citizen, or in one of ours."""
    content = data.get("content")
    members = raw_member(item, "location") or (
        raw_member(content, "location") if isinstance(content, dict) else {}
    )
    try:
        return msgspec.convert(members, Place, strict=False) if members else None
    except msgspec.ValidationError:
        return None
