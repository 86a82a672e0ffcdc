"""What the archive is told of who is called what: gained, ended, moved. Pure.

What a person is called at first is no change. It stands in what they wrote.
"""

from collections.abc import Iterator, Sequence

import msgspec

from router.model.decision import Changes, Decision, Identity, Renamed, WorkUnit
from router.model.snapshot import Snapshot


def add_identity_changes(
    unit: WorkUnit, decision: Decision, changes: Changes, known: Snapshot
) -> Decision:
    """The decision, and what it changes in who is called what; `known` is what was known before."""
    renamed = tuple(_renamed(changes.identities, known))
    if not renamed:
        return decision
    return msgspec.structs.replace(decision, identity=unit.id("identity"), renamed=renamed)


def _renamed(identities: Sequence[Identity], known: Snapshot) -> Iterator[Renamed]:
    for identity in identities:
        before = known.identities.get(identity.key)
        if identity.valid_to:
            yield Renamed("ended", identity.kind, identity.value)
        elif before and before.person != identity.person:
            yield Renamed("moved", identity.kind, identity.value)
        elif before is None and known.identities_of(identity.person):
            yield Renamed("gained", identity.kind, identity.value)
