"""All sessions, the codes that begin them, and the refresh tokens that go on with them."""

import hmac
import secrets
from collections import OrderedDict
from datetime import datetime, timedelta

import msgspec

from sandbox.identity.authorization import AuthorizationRequest
from sandbox.identity.people import Person
from sandbox.identity.session import Session
from sandbox.identity.token_request import CodeRequest, RefreshRequest, challenge_of
from sandbox.memory import remember
from services.refusal import Refusal

CODE_TIME = timedelta(seconds=60)
"""Time in which a code is used; Keycloak's."""
MAX_CODES = 1_000
MAX_SESSIONS = 1_000
"""Most codes and sessions in memory, some 2 KiB each; the oldest make room."""


class Code(msgspec.Struct):
    session: str
    redirect_uri: str
    challenge: str
    made: datetime
    is_used: bool = False


class SessionStore:
    def __init__(self) -> None:
        self._codes: OrderedDict[str, Code] = OrderedDict()
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def begin(
        self, request: AuthorizationRequest, person: Person, issuer: str, now: datetime
    ) -> tuple[Session, str]:
        """Begin a session. Return it, and the code for its tokens."""
        session = Session(_draw(), person, issuer, request.scope, request.nonce, now)
        code = _draw()
        self._keep(session)
        entry = Code(session.id, request.redirect_uri, request.challenge, now)
        remember(self._codes, code, entry, MAX_CODES)
        return session, code

    def redeem(self, asked: CodeRequest, now: datetime) -> Session | Refusal:
        """Return the session of a code, with its first refresh token.

        A code works once. A wrong request ends its session and so the tokens that were made of it,
        since somebody else has the code too (RFC 6749, section 4.1.2).
        """
        code = self._codes.get(asked.code)
        if code is None:
            return Refusal("invalid_grant", "Code not valid")
        session = self._find(code.session, now)
        fault = _find_code_fault(code, asked, now)
        if session is None or fault:
            self.end(code.session)
            return fault or Refusal("invalid_grant", "Session not active")
        code.is_used = True
        return self._rotate(session)

    def renew(self, asked: RefreshRequest, now: datetime) -> Session | Refusal:
        """Return the session of a refresh token, with the next one.

        An earlier refresh token ends the session: two have it (RFC 9700, section 4.14.2).
        """
        session = self._find(asked.token.partition(".")[0], now)
        if session is None:
            return Refusal("invalid_grant", "Session not active")
        if not hmac.compare_digest(asked.token.encode(), session.refresh.encode()):
            self.end(session.id)
            return Refusal("invalid_grant", "Maximum allowed refresh token reuse exceeded")
        if set(asked.scope.split()) - set(session.scope.split()):
            return Refusal("invalid_scope", "Invalid scopes")
        return self._rotate(session)

    def end(self, id: str) -> None:
        """End a session, if it has not ended yet."""
        self._sessions.pop(id, None)

    def end_person(self, id: str) -> list[Session]:
        """End the sessions of a person, and return them."""
        ended = [each for each in self._sessions.values() if each.person.id == id]
        for each in ended:
            self.end(each.id)
        return ended

    def _find(self, id: str, now: datetime) -> Session | None:
        session = self._sessions.get(id)
        return session if session and now < session.ends else None

    def _rotate(self, session: Session) -> Session:
        rotated = msgspec.structs.replace(session, refresh=f"{session.id}.{_draw()}")
        self._keep(rotated)
        return rotated

    def _keep(self, session: Session) -> None:
        remember(self._sessions, session.id, session, MAX_SESSIONS)


def _find_code_fault(code: Code, asked: CodeRequest, now: datetime) -> Refusal | None:
    if code.is_used or now >= code.made + CODE_TIME:
        return Refusal("invalid_grant", "Code not valid")
    if asked.redirect_uri != code.redirect_uri:
        return Refusal("invalid_grant", "Incorrect redirect_uri")
    if challenge_of(asked.verifier) != code.challenge:
        return Refusal("invalid_grant", "PKCE verification failed: Code mismatch")
    return None


def _draw() -> str:
    """Return 192 bits that nobody can guess, in characters that need no encoding."""
    return secrets.token_urlsafe(24)
