"""Bodies of requests about disclosures. Pure."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationInfo, field_validator

from archiver.disclosure.disclosure import LONGEST_TEXT, MAX_DOCUMENTS, Decision, Kind
from archiver.disclosure.redaction import WHOLE, Box, Redactions, Removal, Span
from archiver.privacy.holds.orders import HeldSelection
from archiver.privacy.orders import MAX_IDENTITIES, Day, EmployeeName
from archiver.retention.hold import NewHold
from archiver.search.request import CitizenFilter
from services.api.field_types import (
    SPARED,
    Body,
    BoundedText,
    Conversation,
    Id,
    PatternText,
    object_error,
    optional_not_null,
)

MAX_NAMED = 50
"""Employees who are named in one disclosure: those whose position asks for it."""
MAX_CHANGED = 500
"""Redactions of one kind in one request: those of a page that a person looks through."""
MAX_DECIDED = 200
"""Documents that one request decides about: each is read, in some 20 ms."""
LONGEST_WORDS = 500
LONGEST_LIST = 20_000
"""Characters of a list. A longer one goes by the command, or in parts as members of a body."""
LARGEST_PLACE = 1_000_000
"""Largest place in a text. No text is that long."""
NOT_THEIRS = (
    "must be of a person or of a conversation, as its kind is access: a selection has other people"
    " too"
)
Words = Annotated[str, BoundedText(LONGEST_TEXT)]
GroundCode = Annotated[
    str, PatternText(r"[A-Za-z0-9.-]{1,20}", "must be the code of a ground, as 5.1.2e")
]
ListText = Annotated[str, BoundedText(LONGEST_LIST)]
Place = Annotated[int, Field(ge=0, le=LARGEST_PLACE)]
Side = Annotated[int, Field(ge=0, le=WHOLE)]


class DrawDisclosure(Body):
    """Disclosure of one of `conversation`, `identities` and `selection`. It also places a hold,
    which selects its documents, what comes later too."""

    kind: Kind
    """woo: a request under the Woo. access: of a citizen, for what is theirs (AVG, article 15):
    then no selection."""
    review_on: Day
    """Day on which somebody must look if its hold is still needed, within two years."""
    text: Words
    """Reference of the case, for colleagues. It outlives the conversations: name no citizen."""
    named: Annotated[tuple[EmployeeName, ...], Field(max_length=MAX_NAMED)] = ()
    """Ids of the employees who are named: their position asks for it."""
    conversation: Annotated[Conversation | None, SPARED] = optional_not_null()
    identities: Annotated[tuple[CitizenFilter, ...], Field(max_length=MAX_IDENTITIES)] = ()
    selection: HeldSelection = Field(default_factory=HeldSelection)

    @field_validator("selection")
    @classmethod
    def _check_selection(cls, selection: HeldSelection, info: ValidationInfo) -> HeldSelection:
        if info.data.get("kind") == "access" and not selection.read().is_empty:
            raise object_error(NOT_THEIRS)
        return selection

    def read(self, tenant: str) -> NewHold:
        """Return the order of its hold."""
        return NewHold(
            tenant=tenant,
            ground=self.kind,
            review_on=self.review_on,
            text=self.text.strip(),
            conversation=self.conversation or "",
            identities=tuple(each.identity for each in self.identities),
            selection=self.selection.read(),
        )


class SpanPlace(Body):
    """Part of a text, from a character up to another one; the first one is 0."""

    message: Id
    """Id of the message, the note or the step of which it is the text."""
    start: Annotated[Place, Field(alias="from")]
    end: Annotated[Place, Field(alias="to")]

    @property
    def place(self) -> tuple[str, int, int]:
        return str(self.message), self.start, self.end


class GivenSpan(SpanPlace):
    """Part of a text that is not shown, and why."""

    ground: GroundCode


class BoxPlace(Body):
    """Part of a picture, in thousandths of its sides as it is shown upright."""

    message: Id
    x: Side
    y: Side
    width: Side
    height: Side

    @property
    def place(self) -> tuple[str, int, int, int, int]:
        return str(self.message), self.x, self.y, self.width, self.height


class GivenBox(BoxPlace):
    """Part of a picture that is painted over, and why. The rest of it is shown."""

    ground: GroundCode


class GivenWords(Body):
    """Words that are not shown wherever they stand in the document: with other capitals, accents or
    spaces too."""

    words: Annotated[str, BoundedText(LONGEST_WORDS)]
    ground: GroundCode


Spans = Annotated[tuple[GivenSpan, ...], Field(max_length=MAX_CHANGED)]
Boxes = Annotated[tuple[GivenBox, ...], Field(max_length=MAX_CHANGED)]
Messages = Annotated[tuple[Id, ...], Field(max_length=MAX_CHANGED)]


class TakenBack(Body):
    """Redactions that are taken back, by their place."""

    spans: Annotated[tuple[SpanPlace, ...], Field(max_length=MAX_CHANGED)] = ()
    boxes: Annotated[tuple[BoxPlace, ...], Field(max_length=MAX_CHANGED)] = ()
    pictures: Messages = ()
    """Messages of which the picture is not shown any more. Its boxes go too."""

    def read(self) -> Removal:
        return Removal(
            frozenset(each.place for each in self.spans),
            frozenset(each.place for each in self.boxes),
            frozenset(map(str, self.pictures)),
        )


class RedactDocument(Body):
    """Change of the redactions of a document: first what is taken back, then what is added. The
    document is decided anew after it."""

    remove: TakenBack = Field(default_factory=TakenBack)
    spans: Spans = ()
    words: Annotated[tuple[GivenWords, ...], Field(max_length=MAX_CHANGED)] = ()
    boxes: Boxes = ()
    pictures: Messages = ()
    """Messages of which the picture is shown."""
    propose: bool = False
    """True to add names, numbers and addresses that are found in the texts."""
    list: Annotated[ListText | None, SPARED] = optional_not_null()
    """List in CSV, which takes the place of all that was there before it."""

    @property
    def grounds(self) -> dict[str, str]:
        """Each ground, by its pointer."""
        of_kind: dict[str, Iterable[GivenSpan | GivenWords | GivenBox]] = {
            "spans": self.spans,
            "words": self.words,
            "boxes": self.boxes,
        }
        return {
            f"/{name}/{n}/ground": each.ground
            for name, given in of_kind.items()
            for n, each in enumerate(given)
        }

    def read(self) -> Redactions:
        """Return what is added by its place."""
        return Redactions(
            spans=tuple(Span(*each.place, each.ground) for each in self.spans),
            boxes=tuple(Box(*each.place, each.ground) for each in self.boxes),
            pictures=tuple(map(str, self.pictures)),
        )


class DecideDocuments(Body):
    """Decision about documents: about all of them, or about none."""

    numbers: Annotated[tuple[Annotated[int, Field(ge=1, le=MAX_DOCUMENTS)], ...],
                       Field(min_length=1, max_length=MAX_DECIDED)]  # fmt: skip
    decision: Decision
    """open: shown whole. partly: with redactions. closed: not shown. outside: the request is not
    about it."""
    grounds: Annotated[tuple[GroundCode, ...], Field(max_length=MAX_CHANGED)] = ()
    """Grounds of a refusal (`closed`). `partly` gets those of what is left out."""


class TakeDisclosureStep(Body):
    """Step of a disclosure."""

    text: Annotated[Words | None, SPARED] = optional_not_null()
    """Words about it, for the record. Without personal data of citizens."""


DRAW, REDACT = TypeAdapter(DrawDisclosure), TypeAdapter(RedactDocument)
DECIDE, STEP = TypeAdapter(DecideDocuments), TypeAdapter(TakeDisclosureStep)
