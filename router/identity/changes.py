"""Report changes of a person's identifiers to the archive: gained, ended, moved. Pure.

The first identifiers of a person are no change: the record of their message contains them.
"""

from collections.abc import Iterator, Sequence

import msgspec

from router.model.changes import Changes, Identity
from router.model.decision import Decision, IdentityChange
from router.model.snapshot import Snapshot
from router.model.work import WorkUnit


def add_identity_changes(
    unit: WorkUnit, decision: Decision, changes: Changes, snapshot: Snapshot
) -> Decision:
    """Add the changes of identifiers to the decision; `snapshot` is from before them."""
    identity_changes = tuple(_list_changes(changes.identities, snapshot))
    if not identity_changes:
        return decision
    return msgspec.structs.replace(decision, identity=unit.id("identity"), renamed=identity_changes)


def _list_changes(identities: Sequence[Identity], snapshot: Snapshot) -> Iterator[IdentityChange]:
    for identity in identities:
        previous = snapshot.identities.get(identity.key)
        if identity.valid_to:
            yield IdentityChange("ended", identity.kind, identity.name())
        elif previous and previous.person != identity.person:
            yield IdentityChange("moved", identity.kind, identity.name())
        elif previous is None and snapshot.identities_of(identity.person):
            yield IdentityChange("gained", identity.kind, identity.name())
