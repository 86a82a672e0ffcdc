"""Failure on request: the mode of a stand-in, which a test or a user sets over HTTP."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Annotated, Generic, TypeVar

import msgspec
from aiohttp import web

from services.http.problems import json_response, problem_response

HANG_SECONDS = 600.0
"""Time that a response is held in the mode `hang`: longer than any client waits."""
SLOWEST_SECONDS = 60.0


class FailureMode(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Fields that the mode of every stand-in has. The mode `ok` is none."""

    mode: str = "ok"
    count: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Number of requests that the mode applies to; 0 for all until the next mode."""
    seconds: float = 1.0
    """Delay in the mode slow."""
    retry_after: int = 0
    """Seconds in a Retry-After header; 0 for none."""

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after)} if self.retry_after else {}


Mode = TypeVar("Mode", bound=FailureMode)


def _ignore(_: FailureMode) -> None:
    """Ignore a change of the mode."""


class FailureSwitch(Generic[Mode]):
    """Present mode of one stand-in, and the requests that hang because of it."""

    def __init__(self, kind: type[Mode], on_change: Callable[[Mode], None] = _ignore) -> None:
        self._kind, self._on_change = kind, on_change
        self.mode = kind()
        self._remaining = 0
        self._changed = asyncio.Event()

    async def set_mode(self, request: web.Request) -> web.Response:
        """POST a mode: it replaces the present one, and ends the requests that hang."""
        try:
            mode = msgspec.json.decode(await request.read(), type=self._kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem_response(400, "this mode is not known", str(error))
        self._remaining = mode.count
        self._change(mode)
        self.release()
        return json_response(mode)

    def take(self, applies: Callable[[Mode], bool]) -> Mode:
        """Return the mode for a request that it applies to, and count the request."""
        mode = self.mode
        if not applies(mode):
            return self._kind()
        if self._remaining:
            self._remaining -= 1
            if not self._remaining:
                self._change(self._kind())
        return mode

    def _change(self, mode: Mode) -> None:
        self.mode = mode
        self._on_change(mode)

    async def delay(self, mode: Mode) -> None:
        """Delay a request before it is processed."""
        if mode.mode == "slow":
            await asyncio.sleep(min(mode.seconds, SLOWEST_SECONDS))
        elif mode.mode == "hang":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HANG_SECONDS):
                    await self._changed.wait()

    def release(self) -> None:
        """End all hanging requests, also so that the server can stop."""
        self._changed.set()
        self._changed = asyncio.Event()


def break_connection(request: web.Request, after: bytes = b"") -> web.Response:
    """Break the connection, so that the response never arrives; `after` is sent before."""
    if request.transport:
        request.transport.write(after)
        request.transport.close() if after else request.transport.abort()
    return web.Response(status=204)
