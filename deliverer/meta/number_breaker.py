"""Circuit breaker of one of our numbers at its provider. Pure.

signal    answer                                                  the breaker
takes     sent; or refused for this message or citizen only       stays closed, or closes
refuses   a key, an account, a limit over hours                   opens
silent    no answer, not Meta's, or Meta's own trouble            opens after three in a row

While the breaker is open, one message is tried at a time, at growing intervals, until one shows
that Meta accepts messages again. The waiting messages make no attempt and keep their places.
"""

from typing import Literal

import msgspec

from deliverer.meta.graph_api import (
    HOURLY_LIMIT_CODES,
    STOP_CODES,
    Failed,
    RetryLater,
    Sent,
    Verdict,
)
from deliverer.transport.pacer import Pacer
from deliverer.transport.send_slots import SendSlots
from services.backoff import delay

MAX_IN_FLIGHT = 40
"""Messages of one number in flight: 80/s, half a second each."""
REOPEN_WIDTH = 4
"""Messages in flight just after the breaker was open; one more for each that Meta accepts. If it
opens again soon, few have an unknown result."""
SILENT_IN_A_ROW = 3
"""Silent answers in a row that open the breaker. Few, because after each a person may have to ask
if the message arrived."""
FIRST_WAIT, LONGEST_WAIT = 4.0, 60.0
"""Seconds before the next try, doubling from the first to the longest. With a minute, an hour
without Meta costs some seventy messages with an unknown result, and an alarm that looks back five
minutes sees each try."""
TROUBLE_CODES = frozenset({0, 2, 131016, 131057, 133004})
"""Codes for Meta being overloaded or in maintenance; 0: we did not reach it."""
UNWELL = "provider_unwell: Meta geeft nu geen bruikbaar antwoord; Postkamer probeert het opnieuw"


class OpenState(msgspec.Struct, frozen=True):
    """Cause and shortest time of an open breaker. `stop`: a person must mend something."""

    seconds: float
    code: int
    reason: str
    stop: bool


class NumberBreaker:
    """Decides if a number may send, and how much at once; `pacer` limits the rate of its
    claims, `slots` the moments at which they leave."""

    def __init__(self, per_second: int) -> None:
        self.pacer, self.slots = Pacer(per_second), SendSlots(per_second)
        self.open_state: OpenState | None = None
        self._width = MAX_IN_FLIGHT
        self._in_flight: set[str] = set()
        self._probing: set[str] = set()
        self._silent = self._probes = 0
        """Consecutive silent answers, and consecutive failed tries of the open breaker."""
        self._open_until = 0.0

    def room(self, now: float) -> int:
        """Return the number of messages that may go now."""
        room = self._width - len(self._in_flight)
        if self.open_state:
            room = int(now >= self._open_until and not self._probing)
        return max(0, min(self.pacer.room(now), room))

    def on_start(self, attempt: str) -> None:
        self.pacer.consume(1)
        self._in_flight.add(attempt)
        if self.open_state:
            self._probing.add(attempt)

    def on_end(self, attempt: str) -> None:
        """An attempt has ended, with any result."""
        self._in_flight.discard(attempt)
        self._probing.discard(attempt)

    def on_verdict(
        self, attempt: str, verdict: Verdict, now: float, chance: float
    ) -> OpenState | None:
        """Update the breaker with a verdict; return its state if this verdict opens it, or keeps it
        open. Attempts that were in flight when it opened say nothing new."""
        if self.open_state and attempt not in self._probing:
            return None
        signal = signal_of(verdict)
        if signal == "takes":
            self.open_state, self._silent, self._probes = None, 0, 0
            self._width = min(MAX_IN_FLIGHT, self._width + 1)
            return None
        self._silent += 1
        if signal == "silent" and not self.open_state and self._silent < SILENT_IN_A_ROW:
            return None
        seconds = wait_before_try(self._probes, chance)
        if isinstance(verdict, RetryLater) and verdict.code in HOURLY_LIMIT_CODES:
            seconds = max(seconds, verdict.seconds)
        self._open_until, self._width = now + seconds, REOPEN_WIDTH
        self._probes += 1
        self.open_state = _open_state(verdict, seconds)
        return self.open_state


def signal_of(verdict: Verdict) -> Literal["takes", "refuses", "silent"]:
    """Return the signal that a verdict gives about its number."""
    match verdict:
        case Sent():
            return "takes"
        case RetryLater(stop=True):
            return "refuses"
        case RetryLater(code=code) | Failed(code=code):
            if code in TROUBLE_CODES:
                return "silent"
            refuses = code in STOP_CODES | HOURLY_LIMIT_CODES or 200 <= code < 300
            return "refuses" if refuses else "takes"
    return "silent"


def wait_before_try(tries: int, chance: float) -> float:
    """Return the seconds before the next try, after `tries` failed ones. `chance` in [0, 1) spreads
    it over the upper quarter, so that tries of many numbers do not coincide."""
    return delay(tries, FIRST_WAIT, LONGEST_WAIT, 0.75 + chance / 4)


def _open_state(verdict: Verdict, seconds: float) -> OpenState:
    if isinstance(verdict, RetryLater | Failed):
        stop = isinstance(verdict, RetryLater) and verdict.stop
        return OpenState(seconds, verdict.code, verdict.reason, stop)
    return OpenState(seconds, 0, UNWELL, stop=False)
