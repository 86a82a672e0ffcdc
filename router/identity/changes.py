"""What the archive is told of who is called what: gained, ended, moved. Pure.

What a person is called at first is no change. It stands in what they wrote.
"""

from collections.abc import Iterator, Sequence

import msgspec

from router.model.decision import Changes, Data, Decision, Identity, IdentityChange, WorkUnit
from router.model.snapshot import Snapshot
from services.contract import Command
from services.whatsapp import items


def add_identity_changes(
    unit: WorkUnit, decision: Decision, changes: Changes, snapshot: Snapshot
) -> Decision:
    """The decision, and what it changes in who is called what; `known` is what was known before."""
    renamed = tuple(_renamed(changes.identities, snapshot))
    if not renamed:
        return decision
    return msgspec.structs.replace(decision, identity=unit.id("identity"), renamed=renamed)


def _renamed(identities: Sequence[Identity], snapshot: Snapshot) -> Iterator[IdentityChange]:
    for identity in identities:
        previous = snapshot.identities.get(identity.key)
        if identity.valid_to:
            yield IdentityChange("ended", identity.kind, identity.value)
        elif previous and previous.person != identity.person:
            yield IdentityChange("moved", identity.kind, identity.value)
        elif previous is None and snapshot.identities_of(identity.person):
            yield IdentityChange("gained", identity.kind, identity.value)


def identity_change_record(unit: WorkUnit, decision: Decision) -> Data:
    """All of one unit together."""
    return {
        "department": decision.department,
        "changes": decision.renamed,
        "cause": _cause(unit),
    }


def _cause(unit: WorkUnit) -> str:
    """In a word; of an order its type: merge."""
    match unit.entry, unit.item:
        case Command(type=type), _:
            return type
        case _, items.Message(becomes=becomes):
            return "system" if becomes else "message"
        case _:
            return "notice"
