"""Cookies of the desk: the session's, and the one of an attempt to log in."""

from datetime import datetime

import msgspec
from aiohttp import web

from desk.login.attempt import LIFETIME, Attempt
from services.postgres.shut_rows import SHUT
from services.sealing.columns import DESK_ATTEMPT, bind
from services.sealing.key_ring import RING

MAX_COOKIE = 2048

_attempts = msgspec.msgpack.Decoder(Attempt)
_encode = msgspec.msgpack.Encoder().encode


class Cookies:
    """Names and properties of the cookies, which follow from the desk's public address."""

    def __init__(self, public_url: str) -> None:
        self._is_secure = public_url.startswith("https:")
        # A name with this prefix is accepted by browsers only over https, for this host alone.
        prefix = "__Host-" if self._is_secure else ""
        self.session, self.attempt = prefix + "desk", prefix + "desk-login"

    def read_session(self, request: web.Request) -> str:
        return request.cookies.get(self.session, "")[:MAX_COOKIE]

    def set_session(self, response: web.StreamResponse, value: str) -> None:
        self._set(response, self.session, value, None)

    def drop_session(self, response: web.StreamResponse) -> None:
        self._set(response, self.session, "", 0)

    def set_attempt(self, response: web.StreamResponse, attempt: Attempt) -> None:
        sealed = RING.seal_text(_encode(attempt).hex(), DESK_ATTEMPT, bind(DESK_ATTEMPT))
        self._set(response, self.attempt, sealed, int(LIFETIME.total_seconds()))

    def take_attempt(self, request: web.Request, now: datetime) -> Attempt | None:
        """Return the attempt of this browser, if it is a current one."""
        sealed = request.cookies.get(self.attempt, "")[:MAX_COOKIE]
        try:
            text = RING.unseal_text(sealed, DESK_ATTEMPT, bind(DESK_ATTEMPT)) if sealed else ""
            attempt = _attempts.decode(bytes.fromhex(text)) if text else None
        except (*SHUT, ValueError):
            return None
        return attempt if attempt and attempt.is_current(now) else None

    def drop_attempt(self, response: web.StreamResponse) -> None:
        self._set(response, self.attempt, "", 0)

    def _set(
        self, response: web.StreamResponse, name: str, value: str, seconds: int | None
    ) -> None:
        # Lax: the browser must bring the attempt along when it comes back from the provider.
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path="/",
            httponly=True,
            secure=self._is_secure,
            samesite="Lax",
        )
