"""Circuit breaker of a destination: tells a failing destination from a failing message. Pure.

refused permanently                  parked; ten in a row, of different conversations: pause
fails while others pass              the message is sidelined, retried, then parked
fails otherwise                      pause: one probe at a time, ever later, until one passes

A sidelined failure says nothing about the destination, until ten conversations fail so with no
success between them.
"""

import msgspec

from deliverer.crm.lanes import Job
from deliverer.crm.response_policy import Verdict

MAX_IN_A_ROW = 10
"""Conversations whose messages fail with no success between, before we blame the destination."""
FAILURES_BEFORE_SIDELINE = 2
"""Failures of one message, with a success of another between, after which it is sidelined."""
SUCCESSES_REQUIRED = 3
"""Successes of others in a row since the last failure, before another failure counts against a
sidelined message. A destination that mostly fails lets one pass now and then, which must park
nothing."""
SIDELINE_WAITS = (30.0, 60.0, 120.0, 240.0, 450.0)
"""Seconds before each retry of a sidelined message, a quarter of an hour in all. Then it is
parked."""
TOO_MANY_REFUSALS = "ten messages in a row were refused, of as many conversations"


class DestinationBreaker:
    def __init__(self) -> None:
        self.probes = 0
        """Consecutive failures of the destination; above 0 it is paused."""
        self._successes = self._successes_in_a_row = 0
        """Successes: in all, and since the last failure of a delivery that is not sidelined."""
        self._refused_in_a_row: set[str] = set()
        """Conversations with a refused message since the last success."""
        self._sidelined_failures: set[str] = set()
        """Conversations with a sidelined failure since the last success."""

    def on_success(self) -> None:
        """The destination accepted a delivery that started after its last failure."""
        self._successes += 1
        self._successes_in_a_row += 1
        self._refused_in_a_row.clear()
        self._sidelined_failures.clear()

    def classify(self, job: Job, verdict: Verdict) -> Verdict:
        """Judge an answer in view of earlier ones; `aside` blames the message alone."""
        if verdict.outcome == "parked":
            return self._on_parked(job, verdict)
        if verdict.outcome == "paused" and verdict.may_be_message:
            return self._on_doubtful(job, verdict)
        return verdict

    def on_failure(self) -> None:
        """The destination failed."""
        self.probes += 1
        self._successes_in_a_row = 0

    def _on_parked(self, job: Job, verdict: Verdict) -> Verdict:
        conversation = job.delivery.conversation
        if job.replays:  # an operator retries a refused message: it says nothing about others
            return verdict
        if len(self._refused_in_a_row - {conversation}) >= MAX_IN_A_ROW:
            return Verdict("paused", f"{TOO_MANY_REFUSALS}: {verdict.reason}", alarm=True)
        self._refused_in_a_row.add(conversation)
        return verdict

    def _on_doubtful(self, job: Job, verdict: Verdict) -> Verdict:
        if self._counts_against(job):
            job.failures, job.successes_at_failure = job.failures + 1, self._successes
        if job.failures < FAILURES_BEFORE_SIDELINE:
            self._successes_in_a_row = 0
            return verdict
        self._sidelined_failures.add(job.delivery.conversation)
        if len(self._sidelined_failures) > MAX_IN_A_ROW:
            return verdict  # nothing passes: the destination itself fails
        tries = job.failures - FAILURES_BEFORE_SIDELINE
        if tries >= len(SIDELINE_WAITS):
            reason = f"{verdict.reason}, {job.failures} times, and took what came between"
            return Verdict("parked", reason)
        return msgspec.structs.replace(verdict, outcome="aside", wait=SIDELINE_WAITS[tries])

    def _counts_against(self, job: Job) -> bool:
        """True if this failure counts against the message. The first one always does."""
        others = self._successes - job.successes_at_failure
        if job.failures < FAILURES_BEFORE_SIDELINE:
            return others > 0 or not job.failures
        return others >= SUCCESSES_REQUIRED and self._successes_in_a_row >= SUCCESSES_REQUIRED
