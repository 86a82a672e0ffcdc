"""A client of the gateway's API, and the one door of HTTP for commands: bounded waits and sizes,
refusals as sentences."""

import ssl
import time
from collections.abc import Mapping
from email.message import Message
from http.client import HTTPException
from typing import IO, Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import (
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    Request,
    build_opener,
)

import msgspec

SECONDS = 10.0
"""Time-out of the connection and of each wait on it. A gateway answers within two seconds, also if
it refuses."""
ANSWER_BYTES = 1024 * 1024
"""Largest answer: ten thousand numbers with their notices are smaller."""
SETTLED_SECONDS = 10.0
"""Time for the router to carry out an accepted command: mostly a tenth of a second."""
POLL_SECONDS = 0.2
"""Interval between two polls: five a second, and a token may make fifty requests a second."""
T = TypeVar("T")


class GatewayRefused(Exception):
    """The reason, in one line, why a command was not or may not have been carried out."""


class FieldProblem(msgspec.Struct):
    """One fault of a request."""

    detail: str
    pointer: str = ""
    parameter: str = ""

    def __str__(self) -> str:
        return f"{self.pointer or self.parameter}: {self.detail}"


class Problem(msgspec.Struct):
    """A problem document (RFC 9457); the members that are shown."""

    detail: str
    errors: list[FieldProblem] = []


class CommandStatus(msgspec.Struct):
    """The status of a command."""

    id: str
    status: str
    reason: str | None = None


class _NoRedirect(HTTPRedirectHandler):
    """Follows no redirect: the token is only for this address."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


_opener = build_opener(_NoRedirect)


def send(
    address: str,
    method: str,
    path: str,
    data: bytes | None,
    headers: Mapping[str, str],
    authorities: str = "",
) -> bytes:
    """Return the body of an answer; GatewayRefused if it is a refusal, or if there is none.

    `authorities` is the file of those that may have signed its certificate, not the system's.
    """
    try:
        opener = _trusting_opener(authorities) if authorities else _opener
        request = Request(f"{address}{path}", data, dict(headers), method=method)
        with opener.open(request, timeout=SECONDS) as answer:
            return bytes(answer.read(ANSWER_BYTES))
    except HTTPError as error:
        with error:
            raise GatewayRefused(_refusal_text(error)) from None
    except (OSError, HTTPException, ValueError) as error:  # also for an invalid address
        reason = getattr(error, "reason", None) or error
        raise GatewayRefused(f"{address} does not answer: {reason}") from None


def _trusting_opener(authorities: str) -> OpenerDirector:
    context = ssl.create_default_context(cafile=authorities)
    return build_opener(_NoRedirect, HTTPSHandler(context=context))


class Gateway(msgspec.Struct, frozen=True):
    url: str
    token: str

    def request(self, kind: type[T], method: str, path: str, body: Any = None, key: str = "") -> T:
        """Return the answer; GatewayRefused if it refuses, does not answer, or is no gateway."""
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/json",
            "User-Agent": "postkamer",
        }
        if key:
            headers |= {"Idempotency-Key": key, "Content-Type": "application/json"}
        data = msgspec.json.encode(body) if body is not None else None
        try:
            return msgspec.json.decode(send(self.url, method, path, data, headers), type=kind)
        except msgspec.DecodeError:
            raise GatewayRefused(f"{self.url} is no gateway: it answers something else") from None

    def send_command(self, method: str, path: str, body: Any, key: str) -> CommandStatus:
        """Send a command and return its status, at the latest after SETTLED_SECONDS."""
        command = self.request(CommandStatus, method, path, body, key)
        deadline = time.monotonic() + SETTLED_SECONDS
        while command.status == "accepted" and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            path = f"/v1/messages/{quote(command.id, safe='')}"
            command = self.request(CommandStatus, "GET", path)
        return command


def _refusal_text(error: HTTPError) -> str:
    """Return all faults, or the detail and the time to try again."""

    try:
        problem = msgspec.json.decode(error.read(ANSWER_BYTES), type=Problem)
    except (OSError, HTTPException, msgspec.DecodeError):
        return f"it was answered {error.code}"
    if problem.errors:
        return "; ".join(map(str, problem.errors))
    wait = error.headers.get("Retry-After", "")
    return f"{problem.detail}; try again in {wait} s" if wait.isdigit() else problem.detail
