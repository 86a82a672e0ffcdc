"""The gateway's API as the command line asks it: bounded, and what is refused in words."""

import time
from email.message import Message
from http.client import HTTPException
from typing import IO, Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, Request, build_opener

import msgspec

SECONDS = 10.0
"""For a connection, and for each wait on it: a gateway answers within two, be it that it cannot."""
ANSWER_BYTES = 1024 * 1024
"""Of an answer: ten thousand numbers with their notices are less."""
SETTLED_SECONDS = 10.0
"""For the router to have done what the gateway accepted: mostly a tenth of a second."""
POLL_SECONDS = 0.2
"""Between two looks, five in a second: a token may ask fifty."""
T = TypeVar("T")


class GatewayRefused(Exception):
    """Why it was not done, or may not have been, in one line."""


class FieldProblem(msgspec.Struct):
    """One thing that is wrong with a request."""

    detail: str
    pointer: str = ""
    parameter: str = ""

    def __str__(self) -> str:
        return f"{self.pointer or self.parameter}: {self.detail}"


class Problem(msgspec.Struct):
    """RFC 9457, as far as it is told here."""

    detail: str
    errors: list[FieldProblem] = []


class CommandStatus(msgspec.Struct):
    """What became of an order so far."""

    id: str
    status: str
    reason: str | None = None


class _Stays(HTTPRedirectHandler):
    """Follows nobody elsewhere: the token is for this address alone."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


_opener = build_opener(_Stays)


class Gateway(msgspec.Struct, frozen=True):
    url: str
    token: str

    def request(self, kind: type[T], method: str, path: str, body: Any = None, key: str = "") -> T:
        """What it answers; Refused when it refuses, does not answer, or is no gateway."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        if key:
            headers |= {"Idempotency-Key": key, "Content-Type": "application/json"}
        data = msgspec.json.encode(body) if body is not None else None
        try:
            request = Request(f"{self.url}{path}", data, headers, method=method)
            with _opener.open(request, timeout=SECONDS) as answer:
                return msgspec.json.decode(answer.read(ANSWER_BYTES), type=kind)
        except HTTPError as error:
            with error:
                raise GatewayRefused(_words(error)) from None
        except msgspec.DecodeError:
            raise GatewayRefused(f"{self.url} is no gateway: it answers something else") from None
        except (OSError, HTTPException, ValueError) as error:  # of an address that is none too
            reason = getattr(error, "reason", None) or error
            raise GatewayRefused(f"{self.url} does not answer: {reason}") from None

    def send_command(self, method: str, path: str, body: Any, key: str) -> CommandStatus:
        """What became of an order, once the router has come to it or took too long."""
        fate = self.request(CommandStatus, method, path, body, key)
        deadline = time.monotonic() + SETTLED_SECONDS
        while fate.status == "accepted" and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            fate = self.request(CommandStatus, "GET", f"/v1/messages/{quote(fate.id, safe='')}")
        return fate


def _words(error: HTTPError) -> str:
    """Everything that is wrong, or when to come back."""
    try:
        problem = msgspec.json.decode(error.read(ANSWER_BYTES), type=Problem)
    except (OSError, HTTPException, msgspec.DecodeError):
        return f"it was answered {error.code}"
    if problem.errors:
        return "; ".join(map(str, problem.errors))
    wait = error.headers.get("Retry-After", "")
    return f"{problem.detail}; try again in {wait} s" if wait.isdigit() else problem.detail
