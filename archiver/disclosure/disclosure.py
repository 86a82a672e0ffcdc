"""A disclosure: conversations that are made public, or shown to who asked for access. Pure."""

from datetime import datetime
from typing import Annotated, Literal, get_args

import msgspec

from services.contract import Identified

Kind = Literal["woo", "access"]
"""woo: a request under the Woo. access: of a citizen for what is theirs (AVG, article 15)."""
KINDS: tuple[Kind, ...] = get_args(Kind)
State = Literal["drawn", "reviewed", "approved"]
Decision = Literal["open", "partly", "closed", "outside"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)
"""open: shown whole. partly: with redactions. closed: not shown. outside: the request is not about
it."""
EVENTS: dict[State, str] = {"drawn": "returned", "reviewed": "reviewed", "approved": "approved"}
"""State after a step -> event on the record."""
BEFORE: dict[State, tuple[State, ...]] = {
    "drawn": ("reviewed",),
    "reviewed": ("drawn",),
    "approved": ("reviewed",),
}
"""State after a step -> states in which the step is taken."""
PERSONS = {
    "disclosure_drawer_does_not_approve": "who drew a disclosure does not approve it",
    "disclosure_reviewer_does_not_approve": "who reviewed a disclosure does not approve it",
    "disclosure_decider_does_not_approve": "who decided about a document does not approve it",
}
"""Rule of the database about two people -> its sentence."""
WRONG_STATE, GONE, CHANGED = "wrong_state", "gone", "changed"
"""Codes of refusals: another step goes before; the conversation was destroyed; a text is not the
one that was redacted."""
MAX_DOCUMENTS = 2_000
"""Documents of one disclosure. Two people cannot look through more, and its step has some 60 bytes
for each."""
LONGEST_TEXT = 500
"""Characters of the reference of a case, and of words about a step."""


class DisclosureRefused(Exception):
    """The rules forbid it. The first argument is a sentence for the user, the second one, if there
    is one, a code by which a program knows it."""

    @property
    def code(self) -> str:
        return str(self.args[1]) if len(self.args) > 1 else "refused"


class Disclosure(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `archiver.disclosure`."""

    id: str
    tenant: str
    kind: Kind
    hold: str
    named: tuple[str, ...]
    """Ids of the employees who are named: their position asks for it."""
    state: State
    drawn_by: str
    drawn_at: datetime
    reviewed_by: str | None
    reviewed_at: datetime | None
    approved_by: str | None
    approved_at: datetime | None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `archiver.disclosure_document`, without its redactions: a conversation up to the
    entry at the position `up_to`."""

    number: int
    conversation: str
    up_to: int
    decision: Decision | Literal[""] = ""
    grounds: tuple[str, ...] = ()
    decided_by: str | None = None
    handled_by: tuple[str, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """A decision about a document, on the grounds that it has."""

    number: int
    decision: Decision
    grounds: tuple[str, ...] = ()


class Extent(msgspec.Struct, frozen=True, array_like=True):
    """A document as a refresh left it."""

    number: int
    conversation: str
    up_to: int


class DisclosureEvent(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True
):
    """Step of a disclosure: the data of a record of the kind `disclosure`. It names no citizen,
    since it outlives the conversations."""

    disclosure: str
    event: Annotated[
        str, "drawn, refreshed, redacted, decided, reviewed, returned, approved or exported"
    ]
    by: str
    identified: Identified | None = None
    kind: str = ""
    hold: str = ""
    named: tuple[str, ...] = ()
    extents: tuple[Extent, ...] = ()
    """Documents that are new, or go on further than before."""
    number: int = 0
    decision: str = ""
    grounds: tuple[str, ...] = ()
    sealed_sha256: str = ""
    """Hash of the redactions as they are sealed; '' if there are none left."""
    text: str = ""


def check_state(found: Disclosure, needed: State) -> None:
    """Raise DisclosureRefused unless the disclosure is in this state."""
    if found.state != needed:
        sentence = f"{found.id} is {found.state}: this needs one that is {needed}"
        raise DisclosureRefused(sentence, WRONG_STATE)


def check_step(found: Disclosure, step: State) -> None:
    """Raise DisclosureRefused if this step does not follow the state."""
    if found.state not in BEFORE[step]:
        sentence = f"{found.id} is {found.state}, and cannot become {step}"
        raise DisclosureRefused(sentence, WRONG_STATE)


def check_decision(
    decision: Decision, given: tuple[str, ...], used: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the grounds of a decision: those that are given to refuse a document, or those that
    stand in what is shown of it. Raises DisclosureRefused."""
    if decision == "closed":
        if not given:
            raise DisclosureRefused("closed: say on which ground it is refused", "ground_needed")
        return given
    if given:
        sentence = f"{decision}: its grounds are those of its redactions"
        raise DisclosureRefused(sentence, "no_ground")
    if decision == "open" and used:
        sentence = f"open: something of it is left out ({', '.join(used)}): partly"
        raise DisclosureRefused(sentence, "left_out")
    if decision == "partly" and not used:
        raise DisclosureRefused("partly: nothing of it is left out: open", "nothing_left_out")
    return used if decision == "partly" else ()
