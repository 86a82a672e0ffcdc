"""Whether a number of ours sends, and how much at once; who takes nothing is asked by one. Pure.

An answer shows                                                     and then the number
Meta takes messages   sent; or refused for this message or citizen  goes on
it takes none of ours a key, an account, a limit over hours         is held
nobody can say        no answer, none of Meta's, Meta's own trouble is held after three in a row

While it is held, one message is tried at a time, and ever later, until one shows that Meta takes
them again. Those that wait for that make no attempt and lose no place.
"""

from typing import Literal

import msgspec

from deliverer.meta.graph_api import SLOW, STOP, Failed, RetryLater, Sent, Verdict
from deliverer.transport.pacer import Pacer
from services.backoff import delay

OF_A_NUMBER = 40
"""Messages of one number under way at once: 80/s, each half a second under way."""
AFTER_A_HOLD = 4
"""The same once it was held; one more for each that Meta takes. If that was
not to last, few are lost."""
IN_A_ROW = 3
"""Answers that say nothing: after each, a person may have to ask whether a message arrived."""
FIRST_HOLD, LONGEST_HOLD = 4.0, 60.0
"""Seconds before the next try, doubling from one to the other. A minute: an hour without Meta costs
some seventy messages of which nobody knows, and an alarm looks back for five."""
TROUBLE = frozenset({0, 2, 131016, 131057, 133004})
"""Codes that say that Meta is overloaded, or in maintenance; 0: we did not reach it."""
UNWELL = "provider_unwell: Meta geeft nu geen bruikbaar antwoord; Postkamer probeert het opnieuw"


class OpenState(msgspec.Struct, frozen=True):
    """Why a number is held, and for how long at least. `stop`: until a person mends something."""

    seconds: float
    code: int
    reason: str
    stop: bool


class NumberBreaker:
    """Of one number. `pace` says how many may go by now, the rest whether they may."""

    def __init__(self, per_second: float) -> None:
        self.pace = Pacer(per_second)
        self.hold: OpenState | None = None
        self._width = OF_A_NUMBER
        self._flying: set[str] = set()
        self._probing: set[str] = set()
        self._silent = self._probes = 0
        """In a row: answers that say nothing, and those that show that Meta takes none."""
        self._until = 0.0

    def room(self, now: float) -> int:
        """So many may go now."""
        most = self._width - len(self._flying)
        if self.hold:
            most = int(now >= self._until and not self._probing)
        return max(0, min(self.pace.room(now), most))

    def took(self, attempt: str) -> None:
        self.pace.consume(1)
        self._flying.add(attempt)
        if self.hold:
            self._probing.add(attempt)

    def landed(self, attempt: str) -> None:
        """It is over, whatever came of it."""
        self._flying.discard(attempt)
        self._probing.discard(attempt)

    def judged(self, attempt: str, verdict: Verdict, now: float, chance: float) -> OpenState | None:
        """What an answer means for the number: from now on it is held, if it is, and why. Of what
        was under way when that began, it was said already."""
        if self.hold and attempt not in self._probing:
            return None
        shown = signal_of(verdict)
        if shown == "takes":
            self.hold, self._silent, self._probes = None, 0, 0
            self._width = min(OF_A_NUMBER, self._width + 1)
            return None
        self._silent += 1
        if shown == "silent" and not self.hold and self._silent < IN_A_ROW:
            return None
        seconds = wait_before_try(self._probes, chance)
        if isinstance(verdict, RetryLater) and verdict.code in SLOW:
            seconds = max(seconds, verdict.seconds)
        self._until, self._width = now + seconds, AFTER_A_HOLD
        self._probes += 1
        self.hold = _hold(verdict, seconds)
        return self.hold


def signal_of(verdict: Verdict) -> Literal["takes", "refuses", "silent"]:
    """What an answer says of the number that asked."""
    match verdict:
        case Sent():
            return "takes"
        case RetryLater(stop=True):
            return "refuses"
        case RetryLater(code=code) | Failed(code=code):
            if code in TROUBLE:
                return "silent"
            return "refuses" if code in STOP | SLOW or 200 <= code < 300 else "takes"
    return "silent"


def wait_before_try(tries: int, chance: float) -> float:
    """Seconds, after `tries` of a held number that came to nothing. `chance` in [0, 1) spreads it
    over the upper quarter, so that many numbers do not come at once."""
    return delay(tries, FIRST_HOLD, LONGEST_HOLD, 0.75 + chance / 4)


def _hold(verdict: Verdict, seconds: float) -> OpenState:
    if isinstance(verdict, RetryLater | Failed):
        stop = isinstance(verdict, RetryLater) and verdict.stop
        return OpenState(seconds, verdict.code, verdict.reason, stop)
    return OpenState(seconds, 0, UNWELL, stop=False)
