"""Modes in which the stand-in misbehaves on request."""

import asyncio
import contextlib
from typing import Annotated, Literal

import msgspec

from sandbox.openklant.error_responses import (
    AUTHENTICATION_FAILED,
    BROKEN,
    FORBIDDEN,
    NOT_FOUND,
    TOO_MANY,
    Refusal,
)
from sandbox.openklant.latency import WORKERS

HANG_SECONDS = 600.0
"""Time that a response is held in the mode `hang`: longer than any client waits."""
SLOWEST_SECONDS = 60.0
RACE_SECONDS = 5.0
"""Time that a post waits for the others in the mode `race` before it goes on alone."""

REFUSALS: dict[str, Refusal] = {
    "unauthorized": AUTHENTICATION_FAILED,
    "forbidden": FORBIDDEN,
    "not-found": NOT_FOUND,
    "too-many": TOO_MANY,
    "error": BROKEN,
}
"""Modes that refuse as the server itself does, and store nothing."""
PROXY_STATUSES: dict[str, int] = {
    "wrong-host": 400,
    "bad-gateway": 502,
    "refuse": 503,
    "gateway-timeout": 504,
}
"""Modes in which a proxy or the server answers before the API, in HTML, and nothing is stored."""


class Mode(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of POST /openklant/mode.

    hang: no response; reset: breaks the connection at once; slow: answers late; lost: stores, but
    breaks the connection before the response; half: breaks it in the middle of the response; late:
    stores, and a proxy answers 504; race: checks all posts with the same referentienummer before
    the first of them is stored.
    """

    mode: Literal[
        "ok", "hang", "slow", "reset", "lost", "half", "late", "race",
        "unauthorized", "forbidden", "not-found", "too-many", "error",
        "wrong-host", "bad-gateway", "refuse", "gateway-timeout",
    ] = "ok"  # fmt: skip
    resource: str = ""
    """Apply the mode only to this resource, such as `internetaken`."""
    method: Literal["", "GET", "POST", "PUT", "PATCH", "DELETE"] = ""
    """Apply the mode only to requests with this method."""
    count: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Number of requests that the mode applies to; 0 for all until the next mode."""
    seconds: float = 1.0
    """Delay in the mode slow."""
    retry_after: int = 0
    """Seconds in a Retry-After header; 0 for none."""
    together: Annotated[int, msgspec.Meta(ge=2, le=WORKERS)] = 2
    """Posts that wait for each other in the mode race; at most as many as there are workers."""


class Modes:
    """The present mode, and the requests that wait because of it."""

    def __init__(self) -> None:
        self.mode = Mode()
        self._remaining = 0
        self._changed = asyncio.Event()
        self._racing: dict[tuple[str, str], list[asyncio.Event]] = {}

    def set(self, mode: Mode) -> None:
        self.mode, self._remaining = mode, mode.count
        self.release_all()

    def release_all(self) -> None:
        """End all hanging requests."""
        self._changed.set()
        self._changed = asyncio.Event()

    def current(self, resource: str, method: str) -> Mode:
        """Return the mode for such a request, and count the request."""
        mode = self.mode
        if mode.resource not in {"", resource} or mode.method not in {"", method}:
            return Mode()
        if self._remaining:
            self._remaining -= 1
            if not self._remaining:
                self.mode = Mode()
        return mode

    async def delay(self, mode: Mode) -> None:
        """Delay a request before it is processed."""
        if mode.mode == "hang":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HANG_SECONDS):
                    await self._changed.wait()
        elif mode.mode == "slow":
            await asyncio.sleep(min(mode.seconds, SLOWEST_SECONDS))

    async def wait_for_others(self, mode: Mode, resource: str, number: str) -> None:
        """In the mode race, wait until all posts with this number were checked."""
        if mode.mode != "race" or not number:
            return
        waiting = self._racing.setdefault((resource, number), [])
        if len(waiting) + 1 >= mode.together:
            del self._racing[resource, number]
            for each in waiting:
                each.set()
            return
        released = asyncio.Event()
        waiting.append(released)
        try:
            async with asyncio.timeout(RACE_SECONDS):
                await released.wait()
        except TimeoutError:
            waiting.remove(released)
            if not waiting:
                self._racing.pop((resource, number), None)
