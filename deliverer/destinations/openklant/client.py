"""Requests to Open Klant (Klantinteracties 0.6 to 0.9), and verdicts on its answers."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlencode

import msgspec
import structlog

from deliverer.crm.response_policy import PARKED_STATUSES, Verdict, judge
from deliverer.destinations.openklant.version import (
    Version,
    describe_version,
    parse_version,
    takes_numbers,
)
from deliverer.transport.response import Body, Response

CREATE_CONTACT, CONTACTS, TASKS = "maak-klantcontact", "klantcontacten", "internetaken"
PARTIES, ADDRESSES = "betrokkenen", "digitaleadressen"
LINKS, SUBJECTS, ACTORS = "actorklantcontacten", "onderwerpobjecten", "actoren"
Json = dict[str, Any]
BAD_REQUEST, NOT_FOUND, CONFLICT, BROKEN = 400, 404, 409, 500
SAFE_WORD = re.compile(r"[A-Za-z0-9_.]{1,80}")
"""Field names and codes that we may repeat. Other texts in an error quote the request."""
NUMBERS_EXHAUSTED = Response(status=409, code="numbers")
"""Our own answer when every number that we tried is taken."""
NUMBERS_TAKEN = "others in this Open Klant use the numbers that are drawn here (referentienummer)"
UNSETTLED = Response(status=503, code="unsettled")
"""Our own answer while an earlier post without a number may still be carried out."""
UNEXPECTED_RESPONSE = Response(status=502, code="shape")
"""Our own answer when Open Klant's has another shape than its specification. The request may have
been carried out."""
COUNTER_AT_ITS_END = "Open Klant 2.15 has no next number: another program used 9999999999"
STILL_IN_DOUBT = "an earlier attempt may still be carried out: Open Klant draws the number itself"
ODD_SHAPES = (AttributeError, LookupError, TypeError, ValueError, RecursionError)
"""Errors of reading an answer that is not as its document says."""
NOT_AS_DOCUMENTED = "Open Klant's answer is not as its document says"
NOT_OPEN_KLANT = "something before Open Klant answered {}"

log = structlog.get_logger()


class Sender(Protocol):
    async def request(
        self, method: str, url: str, body: Body, headers: Mapping[str, str]
    ) -> Response: ...


class FieldFault(msgspec.Struct, frozen=True):
    name: str = ""
    code: str = ""


class Problem(msgspec.Struct, frozen=True, rename="camel"):
    """Error of Open Klant. We use its codes only: its texts are Dutch, and quote the request."""

    code: str = ""
    invalid_params: list[FieldFault] = []


class RequestRefused(Exception):
    """Request that was not carried out, as far as we know; see `is_doubtful`."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status)
        self.answer, self.problem = answer, _problem(answer)

    @property
    def is_doubtful(self) -> bool:
        """True if the object may exist all the same, created by this request or a concurrent one:
        of simultaneous posts with one number, one is stored and the others are answered 500."""
        return self.answer.status == BROKEN or self.has("unique")

    @property
    def is_certain(self) -> bool:
        """True if Open Klant itself has answered, and not a proxy or nobody."""
        return bool(self.answer.api_version) and self.problem is not None

    @property
    def is_not_found(self) -> bool:
        """True if Open Klant itself says that there is no such object. A proxy's 404 says nothing
        of it."""
        return self.is_certain and self.answer.status == NOT_FOUND and self.has_code("not_found")

    def has_code(self, code: str) -> bool:
        """True if the error as a whole has this code."""
        return self.problem is not None and self.problem.code == code

    def has(self, code: str, field: str = "") -> bool:
        faults = self.problem.invalid_params if self.problem else []
        return any(fault.code == code and field in fault.name for fault in faults)

    def is_missing(self, reference: str) -> bool:
        """True if the object that this field refers to does not exist."""
        return self.has("invalid", f"{reference}.uuid")

    @property
    def fault_summary(self) -> str:
        """Refused fields and their codes, without anything that was sent."""
        faults = self.problem.invalid_params if self.problem else []
        safe = [f for f in faults if SAFE_WORD.fullmatch(f.name) and SAFE_WORD.fullmatch(f.code)]
        return ", ".join(f"{fault.name} {fault.code}" for fault in safe[:5])


class Server:
    """An Open Klant as its last answer showed it; all clients of a destination share it."""

    def __init__(self, destination: str) -> None:
        self._destination = destination
        self.version: Version | None = None
        self.numbering = asyncio.Lock()
        """Held by a post that the server numbers: of two at once, one would be answered 500."""

    @property
    def takes_numbers(self) -> bool:
        return takes_numbers(self.version)

    def note_version(self, header: str) -> None:
        """Read the version of an answer; '' says nothing."""
        version = parse_version(header)
        if version and version != self.version:
            self.version = version
            name = describe_version(version)
            log.info("openklant.version", destination=self._destination, version=name)


class OpenKlantClient:
    """Makes the requests of one delivery, and counts them."""

    def __init__(self, sender: Sender, url: str, token: str, server: Server) -> None:
        self._sender, self._url, self.server = sender, url.rstrip("/"), server
        self._headers = {"Authorization": f"Token {token}", "Accept": "application/json"}
        self.count = 0

    async def learn_version(self) -> None:
        """Ask for anything if no answer has shown the version yet."""
        if self.server.version is None:
            await self.find(ACTORS)

    async def find(self, resource: str, **filters: str) -> Json | None:
        """Return the first match, or None. `__` in a filter is Open Klant's syntax."""
        results, _ = await self.list_page(resource, pageSize="1", **filters)
        return next(iter(results), None)

    async def list_page(self, resource: str, **filters: str) -> tuple[list[Json], bool]:
        """Return the matches of one page, and True if there is a next page."""
        page = await self._request("GET", f"{resource}?{urlencode(filters)}")
        return page.get("results") or [], bool(page.get("next"))

    async def get(self, resource: str, uuid: str, *, certain: bool = False) -> Json | None:
        """Return the object, or None if it does not exist; with `certain` only if Open Klant itself
        says so."""
        try:
            return await self._request("GET", f"{resource}/{uuid}")
        except RequestRefused as refused:
            if refused.is_not_found or (refused.answer.status == NOT_FOUND and not certain):
                return None
            raise

    async def post(self, resource: str, body: Json) -> Json:
        return await self._request("POST", resource, body)

    async def patch(self, resource: str, uuid: str, body: Json) -> Json:
        return await self._request("PATCH", f"{resource}/{uuid}", body)

    async def delete(self, resource: str, uuid: str) -> None:
        """Delete an object, and what its deletion takes with it. One that is gone is deleted."""
        try:
            await self._request("DELETE", f"{resource}/{uuid}")
        except RequestRefused as refused:
            if not refused.is_not_found:
                raise

    async def _request(self, method: str, path: str, body: Json | None = None) -> Json:
        """RequestRefused unless the request succeeded and its answer can be read."""
        self.count += 1
        content, headers = b"", self._headers
        if body is not None:
            content, headers = msgspec.json.encode(body), headers | JSON
        answer = await self._sender.request(method, f"{self._url}/{path}", content, headers)
        if _shows_version(answer):
            self.server.note_version(answer.api_version)
        if not 200 <= answer.status < 300:
            raise RequestRefused(answer)
        if method == "DELETE":
            return {}
        try:
            decoded: Json = msgspec.json.decode(answer.body, type=Json)
        except msgspec.DecodeError:  # the answer broke off: the object may exist
            raise RequestRefused(
                msgspec.structs.replace(answer, status=0, failure="reset")
            ) from None
        return decoded


JSON = {"Content-Type": "application/json"}


ROW_SHUT = Response(calls=0, code="row_shut")
"""Our own answer when a row does not open: the text of an employee's answer in our ledger, or
one of an object in this Open Klant."""
SHUT = "a row that it needs does not open in Postkamer"

OWN_VERDICTS = {
    ROW_SHUT.code: Verdict("parked", SHUT),
    NUMBERS_EXHAUSTED.code: Verdict("paused", NUMBERS_TAKEN, alarm=True),
    UNSETTLED.code: Verdict("paused", STILL_IN_DOUBT, may_be_message=True),
    UNEXPECTED_RESPONSE.code: Verdict("paused", NOT_AS_DOCUMENTED, alarm=True, may_be_message=True),
}
"""Code of an answer of our own -> its verdict."""


def judge_answer(answer: Response) -> Verdict:
    """Judge an answer as of any destination, except a 400 that is not of Open Klant's API: it comes
    from a proxy, or from a server that does not know the host name. Pure."""
    if own := OWN_VERDICTS.get(answer.code):
        return own
    if answer.status == CONFLICT and RequestRefused(answer).has_code("conflict"):
        return Verdict("paused", COUNTER_AT_ITS_END, alarm=True, may_be_message=True)
    if answer.status in PARKED_STATUSES and not answer.body.lstrip().startswith(b"{"):
        return Verdict(
            "paused", NOT_OPEN_KLANT.format(answer.status), alarm=True, may_be_message=True
        )
    verdict = judge(answer)
    if verdict.outcome == "parked" and (summary := RequestRefused(answer).fault_summary):
        return msgspec.structs.replace(verdict, reason=f"{verdict.reason} ({summary})")
    return verdict


def _shows_version(answer: Response) -> bool:
    """True if the version is surely Open Klant's: other Dutch APIs and their gateways have the same
    header, and a gateway may refuse a request itself. A 400 counts, as it may be due to the
    version."""
    is_known = 200 <= answer.status < 300 or answer.status == BAD_REQUEST
    return is_known and answer.body.lstrip().startswith(b"{")


def _problem(answer: Response) -> Problem | None:
    try:
        return msgspec.json.decode(answer.body, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
