"""What the archive is told of who is called what: gained, ended, moved. Pure.

What a person is called at first is no change. It stands in what they wrote.
"""

from collections.abc import Iterator, Sequence

import msgspec

from router.model.decision import Changes, Data, Decision, Identity, Renamed, Unit
from router.model.snapshot import Knowledge
from services.contract import Command
from services.whatsapp import items


def with_renames(unit: Unit, decision: Decision, changes: Changes, known: Knowledge) -> Decision:
    """The decision, and what it changes in who is called what; `known` is what was known before."""
    renamed = tuple(_renamed(changes.identities, known))
    if not renamed:
        return decision
    return msgspec.structs.replace(decision, identity=unit.id("identity"), renamed=renamed)


def _renamed(identities: Sequence[Identity], known: Knowledge) -> Iterator[Renamed]:
    for identity in identities:
        before = known.identities.get(identity.key)
        if identity.valid_to:
            yield Renamed("ended", identity.kind, identity.value)
        elif before and before.person != identity.person:
            yield Renamed("moved", identity.kind, identity.value)
        elif before is None and known.names(identity.person):
            yield Renamed("gained", identity.kind, identity.value)


def kept(unit: Unit, decision: Decision) -> Data:
    """All of one unit together."""
    return {
        "department": decision.department,
        "changes": decision.renamed,
        "cause": _cause(unit),
    }


def _cause(unit: Unit) -> str:
    """In a word; of an order its type: merge."""
    match unit.entry, unit.item:
        case Command(type=type), _:
            return type
        case _, items.Message(becomes=becomes):
            return "system" if becomes else "message"
        case _:
            return "notice"
