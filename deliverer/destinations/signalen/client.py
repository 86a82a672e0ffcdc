"""Requests to Signalen's private API, and verdicts on its answers.

Facts are of Amsterdam/signals 2.50.12; docs/integrators/signalen.md lists them with their files.
The public API is not used: it lists nothing, so a report whose answer was lost could not be found
again, and it takes no note.
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec

from deliverer.crm.response_policy import PARKED_STATUSES, Verdict, judge
from deliverer.transport.response import Body, Response

REPORTS = "private/signals"
Json = dict[str, Any]
SAFE_NAME = re.compile(r"[A-Za-z_]{1,40}")
"""Names of fields that we may repeat. The texts of an error may quote the request."""
CERTAIN = frozenset({400, 401, 403, 404, 405, 413, 415, 422, 429})
"""Statuses after which nothing was carried out. After any other error the report may exist."""
BAD_REQUEST, NOT_FOUND, TOO_LARGE = 400, 404, 413
PAGE, PAGES = 20, 50
"""Reports on a page, each with all of its notes; and pages that are read: a thousand reports in a
quarter of an hour are more than any municipality gets."""
MARGIN = timedelta(minutes=10)
"""Time around a post in which its report is looked for: clocks differ, and a request waits."""

UNSETTLED = Response(status=503, code="unsettled")
"""Our own answer while an earlier post may still be carried out."""
UNEXPECTED_RESPONSE = Response(status=502, code="shape")
"""Our own answer when an answer has another shape than Signalen's source says."""
ROW_SHUT = Response(calls=0, code="row_shut")
"""Our own answer when the row of a report does not open."""
ARCHIVE = "archive"
"""Code of an answer of our own archive."""
BEHIND = Response(status=503, code="behind")
"""Our own answer when the archive does not have the message yet."""
OWN_VERDICTS = {
    UNSETTLED.code: Verdict(
        "paused", "an earlier attempt may still be carried out in Signalen", may_be_message=True
    ),
    UNEXPECTED_RESPONSE.code: Verdict(
        "paused", "Signalen's answer is not as its source says", alarm=True, may_be_message=True
    ),
    ROW_SHUT.code: Verdict("parked", "a row that it needs does not open in Postkamer"),
    BEHIND.code: Verdict(
        "paused", "the archive does not have the message yet", may_be_message=True
    ),
}
"""Code of an answer of our own -> its verdict."""
ARCHIVE_FAILED = "Postkamer's archive, with the token of archive_secret: {}"
NOT_SIGNALEN = "something before Signalen answered {}"
SETTINGS = {"source": "source", "category": "category", "location": "default_place"}
"""Field of a refused report -> setting of ours that it comes from."""
WRONG_SETTING = "Signalen refuses the {} of this destination"

T = TypeVar("T")


class Sender(Protocol):
    async def request(
        self, method: str, url: str, body: Body, headers: Mapping[str, str]
    ) -> Response: ...


class _Report(msgspec.Struct, frozen=True):
    id: int
    extra_properties: Any = None


class _Links(msgspec.Struct, frozen=True):
    next: Any = None


class _ReportPage(msgspec.Struct, frozen=True):
    results: list[_Report]
    links: _Links = msgspec.field(name="_links", default=_Links())


class _Note(msgspec.Struct, frozen=True):
    text: str


class _ReportDetail(msgspec.Struct, frozen=True):
    id: int
    notes: list[_Note] = []


class _File(msgspec.Struct, frozen=True):
    location: str = ""


class _FilePage(msgspec.Struct, frozen=True):
    results: list[_File]


class RequestRefused(Exception):
    """Request that failed. `is_certain` if it was certainly not carried out."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status)
        self.answer = answer

    @property
    def is_certain(self) -> bool:
        return self.answer.status in CERTAIN or not self.answer.request_sent

    @property
    def fields(self) -> Collection[str]:
        """Names of the refused fields, for a report that Signalen itself refused."""
        return refused_fields(self.answer)

    @property
    def is_gone(self) -> bool:
        """True if Signalen itself says that there is no such report. A 404 of a proxy says nothing
        of it."""
        return self.answer.status == NOT_FOUND and "detail" in _object(self.answer)


class SignalenClient:
    """Makes the requests of one delivery, and counts them."""

    def __init__(self, sender: Sender, url: str) -> None:
        self._sender, self._url = sender, url.rstrip("/")
        self.count = 0

    async def create(self, body: Json) -> int:
        """Create a report and return its id. A second request creates a second report."""
        return (await self._send("POST", f"{REPORTS}/", body, _Report)).id

    async def find(self, mark: str, posted_at: datetime) -> int | None:
        """Return the id of the report with this mark that was posted then, or None. Nothing filters
        by what a client gives, so the reports of that time are read, the oldest first."""
        window = {
            "created_after": (posted_at - MARGIN).isoformat(),
            "created_before": (posted_at + MARGIN).isoformat(),
            "ordering": "created_at",
            "page_size": str(PAGE),
        }
        for number in range(1, PAGES + 1):
            query = urlencode(window | {"page": str(number)})
            page = await self._send("GET", f"{REPORTS}/?{query}", None, _ReportPage)
            for report in page.results:
                if has_mark(report.extra_properties, mark):
                    return report.id
            if not _href(page.links.next):
                return None
        raise RequestRefused(UNSETTLED)

    async def notes(self, report: int) -> list[str]:
        detail = await self._send("GET", f"{REPORTS}/{report}", None, _ReportDetail)
        return [note.text for note in detail.notes]

    async def change(self, report: int, body: Json) -> None:
        """Change a report in one transaction: it may get a note and a location."""
        await self._send("PATCH", f"{REPORTS}/{report}", body, _Report)

    async def file_addresses(self, report: int) -> list[str]:
        path = f"{REPORTS}/{report}/attachments/?page_size=100"
        return [file.location for file in (await self._send("GET", path, None, _FilePage)).results]

    async def attach(self, report: int, form: bytes, content_type: str) -> None:
        path = f"{REPORTS}/{report}/attachments/"
        await self._send("POST", path, form, _File, content_type)

    async def _send(
        self,
        method: str,
        path: str,
        body: Json | bytes | None,
        kind: type[T],
        content_type: str = "application/json",
    ) -> T:
        """Raise RequestRefused unless the request succeeded and its answer can be read."""
        self.count += 1
        content = b"" if body is None else body
        if isinstance(content, dict):
            content = msgspec.json.encode(content)
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = content_type
        answer = await self._sender.request(method, f"{self._url}/{path}", content, headers)
        if not 200 <= answer.status < 300:
            raise RequestRefused(answer)
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):  # it may have been carried out
            raise RequestRefused(UNEXPECTED_RESPONSE) from None


def has_mark(extra_properties: Any, mark: str) -> bool:
    """Return whether a report has this mark. Older reports have other shapes there."""
    properties = extra_properties if isinstance(extra_properties, list) else []
    return any(isinstance(each, dict) and each.get("id") == mark for each in properties)


def refused_fields(answer: Response) -> list[str]:
    """Return the names of the fields that Signalen refuses, if it is a refusal of its own."""
    if answer.status != BAD_REQUEST:
        return []
    return [name for name in _object(answer) if SAFE_NAME.fullmatch(name)]


def judge_answer(answer: Response) -> Verdict:
    """Judge an answer as of any destination, except for what our own settings and our own archive
    are to blame for, and a 400 that is not of Signalen's API. Pure."""
    if own := OWN_VERDICTS.get(answer.code):
        return own
    verdict = judge(answer)
    if answer.code == ARCHIVE:
        return _judge_archive(verdict)
    if answer.status not in PARKED_STATUSES or verdict.outcome != "parked":
        return verdict
    fields = refused_fields(answer)
    for field, setting in SETTINGS.items():
        if field in fields:
            return Verdict("paused", WRONG_SETTING.format(setting), alarm=True)
    if not answer.body.lstrip().startswith((b"{", b"[")):
        reason = NOT_SIGNALEN.format(answer.status)
        return Verdict("paused", reason, alarm=True, may_be_message=True)
    summary = f" ({', '.join(fields[:5])})" if fields else ""
    return Verdict("parked", verdict.reason + summary)


def _judge_archive(verdict: Verdict) -> Verdict:
    """No answer of our archive parks an event: it is in order again when the archive is."""
    reason = ARCHIVE_FAILED.format(verdict.reason.replace("the destination", "it"))
    return Verdict("paused", reason, alarm=verdict.alarm or verdict.outcome == "parked",
        may_be_message=True)  # fmt: skip


def _object(answer: Response) -> Json:
    try:
        return msgspec.json.decode(answer.body, type=Json)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _href(link: Any) -> str:
    href = link.get("href") if isinstance(link, dict) else link
    return href if isinstance(href, str) else ""
