"""How a destination fares, and whether it fails of itself or on one message. Pure.

refused for good                     parked; ten in a row, of different conversations: pause
fails, and others pass meanwhile     that message stands aside, is tried again, then parked
fails otherwise                      pause: one probe at a time, ever later, until one passes

What stands aside says nothing about how the destination fares, until ten of it fail and nothing is
taken between.
"""

import msgspec

from deliverer.crm.lanes import Job
from deliverer.crm.response_policy import Verdict

IN_A_ROW = 10
"""Conversations of which a message is refused, none taken between: then it is not the messages."""
FAILURES_BEFORE_SIDELINE = 2
"""Failures of one message with one of another taken between, from which it stands aside."""
SUCCESSES_REQUIRED = 3
"""Deliveries of others taken in a row since it failed, for one more failure to count against it: a
destination that mostly fails lets one pass now and then, and nothing is parked for that."""
WAITS = (30.0, 60.0, 120.0, 240.0, 450.0)
"""Seconds before each time that a message is tried that stands aside: a quarter of an hour in all.
Then it is parked."""
TOO_MANY_REFUSALS = "ten messages in a row were refused, of as many conversations"


class DestinationBreaker:
    def __init__(self) -> None:
        self.probes = 0
        """Failures in a row that are the destination's; above 0 it is paused."""
        self._taken = self._row = 0
        """Deliveries taken: in all, and since anything failed that does not stand aside."""
        self._refused: set[str] = set()
        """Conversations of which a message was refused since one was taken."""
        self._alone: set[str] = set()
        """Those of which one that stands aside failed again since one was taken."""

    def on_success(self) -> None:
        """It took a delivery, and knew of no other since that failed."""
        self._taken += 1
        self._row += 1
        self._refused.clear()
        self._alone.clear()

    def classify(self, job: Job, verdict: Verdict) -> Verdict:
        """What an answer means in view of those before: `aside` is of the message alone."""
        if verdict.outcome == "parked":
            return self._parked(job, verdict)
        if verdict.outcome == "paused" and verdict.may_be_message:
            return self._doubted(job, verdict)
        return verdict

    def failed(self) -> None:
        """The destination did."""
        self.probes += 1
        self._row = 0

    def _parked(self, job: Job, verdict: Verdict) -> Verdict:
        conversation = job.delivery.conversation
        if job.replays:  # it was refused before: a person thought that it would be taken now
            return verdict
        if len(self._refused - {conversation}) >= IN_A_ROW:
            return Verdict("paused", f"{TOO_MANY_REFUSALS}: {verdict.reason}", alarm=True)
        self._refused.add(conversation)
        return verdict

    def _doubted(self, job: Job, verdict: Verdict) -> Verdict:
        if self._against(job):
            job.failed, job.successes_at_failure = job.failed + 1, self._taken
        if job.failed < FAILURES_BEFORE_SIDELINE:
            self._row = 0
            return verdict
        self._alone.add(job.delivery.conversation)
        if len(self._alone) > IN_A_ROW:
            return verdict  # nothing passes any more: it is the destination
        tries = job.failed - FAILURES_BEFORE_SIDELINE
        if tries >= len(WAITS):
            reason = f"{verdict.reason}, {job.failed} times, and took what came between"
            return Verdict("parked", reason)
        return msgspec.structs.replace(verdict, outcome="aside", wait=WAITS[tries])

    def _against(self, job: Job) -> bool:
        """Whether a failure speaks against the message; the first one may."""
        others = self._taken - job.successes_at_failure
        if job.failed < FAILURES_BEFORE_SIDELINE:
            return others > 0 or not job.failed
        return others >= SUCCESSES_REQUIRED and self._row >= SUCCESSES_REQUIRED
