"""A loss of the log that was accepted, as the command has it."""

from datetime import datetime

from archiver.log.accepted_loss import AcceptedLoss, accept_loss, find_longer
from archiver.log.log_loss import LogLoss, ServerState

SERVER = ServerState(cluster="7", time_line=2, database=16384, wal=5000)


def accepted_loss(left_at: datetime, found_at: datetime) -> AcceptedLoss:
    """Return one of which the newest checkpoint that was left, and the moment it was found, are
    these. What is in the log of a test is not longer than what was left."""
    loss = LogLoss(
        size=1_000_000,
        kept_size=1_000_001,
        kept_root=bytes(32),
        at=found_at,
        before=SERVER,
        after=SERVER,
    )
    who = ("S. Jansen", "stated")
    return accept_loss(loss, find_longer(loss, []), left_at, who, "case 12", found_at)
