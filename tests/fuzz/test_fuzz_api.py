"""The APIs do as their documents say, for every request.

Requests are made from the documents that the services give, as they should be and as they should
not be; each answer is held against the same document.
"""

import hashlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from datetime import timedelta
from typing import Any
from urllib.request import Request, urlopen

import msgspec
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from archiver.api.viewer import EMPLOYEE, REASON
from services import clock
from tests.support.citizens import NUMBER, signature, text, webhook
from tests.support.fuzz.aftermath import LOOKS, Processes, passed
from tests.support.fuzz.hostile_bodies import PHONE, WORD
from tests.support.fuzz.rounds import WHOLE, fuzz
from tests.support.installation import Installation

SHARE = 0.2
"""Share of calls of the three APIs in all inputs; the others are webhooks."""
INPUTS = int(WHOLE * SHARE / 3)
AWAY_SHARE = 0.01
"""Largest share of 503 in all calls: it is documented, but only a slow service gives it here."""
TOKEN = "fuzz-api-token"
NO_REQUEST, NO_HOLD, NO_DISCLOSURE = "AVG-2026-9999", "BW-2026-9999", "WOO-2026-9999"
REASONED = ("/requests", "/people", "/views", "/holds", "/disclosures")
"""Paths that say who looks, and why."""
ROLES = "send,read,kcc,care,rules,records,privacy"
CITIZENS = 20
MOSTLY = (True,) * 9 + (False,)
CALL_SECONDS = 20.0
ARRIVED_SECONDS = 60.0
LONG_LINE = 4000
"""Bytes; a port takes 4096 of the first line and of each header, the address not counted."""
KEPT = 100
"""Ids of one kind that are asked for again."""
_serial = itertools.count()
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DONE_SHARE = 0.25
"""Smallest share that succeeds, of the calls that the document allows to who makes them: an API
that refuses everything would lose nothing either."""


class Known(msgspec.Struct):
    """Ids that exist, so that a request passes the first check."""

    conversations: list[str]
    messages: list[str]
    versions: list[str] = []
    files: list[str] = []
    requests: list[str] = []
    """Requests of citizens about their data."""
    holds: list[str] = []
    disclosures: list[str] = []
    accepted: set[str] = set()
    """Messages to citizens that were answered 202."""

    def learn(self, path: str, id: str) -> None:
        if path == "/requests":
            self.requests = [*self.requests, id][-KEPT:]
        elif path == "/holds":
            self.holds = [*self.holds, id][-KEPT:]
        elif path == "/disclosures":
            self.disclosures = [*self.disclosures, id][-KEPT:]
        elif path == "/media":
            self.files = [*self.files, id][-KEPT:]
        elif path == "/messages":
            self.messages = [*self.messages, id][-KEPT:]
            self.accepted.add(id)


@pytest.fixture(scope="module")
def known(town: Installation) -> Known:
    """A token that may ask as often as it likes, and conversations for it."""
    hash = hashlib.sha256(TOKEN.encode()).hexdigest()
    town.database.execute(
        "insert into access.token (name, hash, tenant, roles, departments, people, per_second,"
        f" burst) values ('fuzz', '\\x{hash}', 'almelo', '{{{ROLES}}}', '{{}}', false, 1000, 10000)"
    )
    town.says("token", "confirm", "fuzz")
    for n in range(CITIZENS):
        body = webhook(text(f"{WORD} grofvuil", f"wamid.{WORD}.{n}", n))
        headers = {"X-Hub-Signature-256": signature(body)}
        urlopen(Request(f"{town.gateway}/webhooks/whatsapp", body, headers)).close()
    sql = "select conversation, message from opened.record where kind = 'message'"
    rows = _until(lambda: town.database.execute(sql).splitlines(), CITIZENS)
    pairs = [row.split("|") for row in rows]
    versions = town.database.execute("select version from router.version").splitlines()
    return Known([pair[0] for pair in pairs], [pair[1] for pair in pairs], versions)


def _until(look: Callable[[], list[str]], count: int) -> list[str]:
    deadline = time.monotonic() + ARRIVED_SECONDS
    while len(found := look()) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count}"
        time.sleep(0.1)
    return found


class Calls:
    """The calls of one API: made, sent, held against its document."""

    def __init__(self, town: Installation, url: str, known: Known) -> None:
        self._known, self._base = known, f"{url}/v1"
        self.schema = schemathesis.openapi.from_url(f"{url}/v1/openapi.json")
        self.processes = Processes(town)
        self.answers: Counter[int] = Counter()
        self.allowed = self.done = 0
        """Calls that the document allows to who makes them, and those of them that succeeded."""

    def operations(self) -> list[Any]:
        """Those under /v1; the webhooks have a fuzzer of their own."""
        found: list[Any] = [each.ok() for each in self.schema.get_all_operations()]  # type: ignore[union-attr]
        return [each for each in found if not each.path.startswith("/webhooks")]

    def send(self, case: Any, chosen: st.DataObject) -> None:
        """Send one, mostly by who may and about what there is, and check the answer."""
        draw = chosen.draw
        wrong = _has_wrong_body(case)
        if draw(st.sampled_from(MOSTLY)):
            self._about_what_there_is(case, draw, body=not wrong)
        token = draw(st.sampled_from((TOKEN,) * 19 + ("x",)))
        headers = {"Authorization": f"Bearer {token}"}
        if "Idempotency-Key" in (case.headers or {}) and draw(st.sampled_from(MOSTLY)):
            headers["Idempotency-Key"] = f"key-{next(_serial)}"
        if case.path.startswith(REASONED) and draw(st.sampled_from(MOSTLY)):
            headers |= {EMPLOYEE: "w.dekker", REASON: "controle"}
        response = case.call(base_url=self._base, headers=headers, timeout=CALL_SECONDS)
        self._count(response.status_code)
        if token == TOKEN and case.meta.generation.mode.is_positive:
            self.allowed += 1
            self.done += response.status_code < 400
        if response.status_code == 431:
            assert _longest_line(response.request) > LONG_LINE
        checks = CHECKS if response.status_code == 503 else [*CHECKS, not_a_server_error]
        case.validate_response(response, checks=checks)
        assert response.status_code >= 400 or not wrong, "what the document does not allow"
        assert WORD not in str(response.headers) and PHONE not in str(response.headers)
        if response.status_code in {201, 202}:
            self._known.learn(case.path, response.json()["id"])

    def _count(self, status: int) -> None:
        self.answers[status] += 1
        if passed(self.answers.total(), 1, LOOKS, INPUTS):
            self.processes.look()
        if passed(self.answers.total(), 1, 10, INPUTS):
            print(f"  {self.answers.total():,}: {dict(self.answers)}", flush=True)

    def _about_what_there_is(self, case: Any, draw: Any, *, body: bool) -> None:
        if "id" in (case.path_parameters or {}):
            case.path_parameters["id"] = draw(st.sampled_from(self._subjects(case.path)))
        if body and isinstance(case.body, dict):
            case.body = _filled(deepcopy(case.body), self._known, draw)

    def _subjects(self, path: str) -> Sequence[str]:
        """Ids of the kind that an operation is about."""
        if "/numbers/" in path:
            return [NUMBER]
        if "/requests/" in path:
            return self._known.requests or [NO_REQUEST]
        if "/holds/" in path:
            return self._known.holds or [NO_HOLD]
        if "/disclosures/" in path:
            return self._known.disclosures or [NO_DISCLOSURE]
        if "/versions/" in path:
            return self._known.versions
        ids = self._known.messages if "/messages/{id}" in path else None
        return ids or self._known.conversations


def _longest_line(request: Any) -> int:
    """Length of the longest line before the body, roughly."""
    return max(
        len(request.url), *(len(name) + len(value) for name, value in request.headers.items())
    )


def _has_wrong_body(case: Any) -> bool:
    """True when the document does not allow the body, which then stays as it is; but a null
    `ifLast` is accepted, though no schema names it."""
    body = case.meta.components.get(ParameterLocation.BODY)
    is_null = isinstance(case.body, dict) and case.body.get("ifLast", "") is None
    return body is not None and bool(body.mode.is_negative) and not is_null


DEPARTMENTS = ("klantcontact", "burgerzaken", "openbare-ruimte", "belastingen", "nowhere")


def _filled(body: dict[str, Any], known: Known, draw: Any) -> dict[str, Any]:
    """The same body about conversations, messages, files and departments that there are; with a
    citizen's words."""
    there: dict[str, Sequence[str]] = {
        "conversationId": known.conversations,
        "number": [NUMBER],
        "to": [f"+{PHONE}{n:04}" for n in range(CITIZENS)],
        "replyTo": known.messages,
        "ifLast": known.messages,
        "messageId": known.messages,
        "id": known.files,
        "department": DEPARTMENTS,
        "from": DEPARTMENTS,
        "with": known.conversations,
        "until": [(clock.now() + timedelta(hours=1)).isoformat()],
        "conversation": known.conversations,
        "words": [WORD, "grofvuil"],
    }
    if "T" in str(body.get("from")):  # a time: of what is looked for
        del there["from"]
    if {"identities", "request", "ground"} & body.keys():  # days
        there = {"request": known.requests or [NO_REQUEST], "ground": ["ingewikkeld", "identiteit"]}
    if "reviewOn" in body:
        soon = clock.now().date() + timedelta(days=30)
        there = {"conversation": known.conversations, "reviewOn": [f"{soon}"]}
    for name, value in body.items():
        if isinstance(value, dict):
            _filled(value, known, draw)
        elif isinstance(value, str) and there.get(name):
            body[name] = draw(st.sampled_from(there[name]))
        elif isinstance(value, str) and name == "body":
            body[name] = f"{WORD} {value}"
    return body


def _summary(calls: Calls) -> Iterator[str]:
    yield f"{calls.answers.total():,} calls, {calls.done:,} of {calls.allowed:,} allowed succeeded"
    for status, times in sorted(calls.answers.items()):
        yield f"  answered {status}: {times:,}"
    yield from calls.processes.table()


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("service", ["gateway", "router", "archiver"])
def test_api_answers_as_its_document_says(town: Installation, known: Known, service: str) -> None:
    calls = Calls(town, getattr(town, service), known)
    strategies = [
        operation.as_strategy(generation_mode=mode)
        for operation in calls.operations()
        for mode in GenerationMode
    ]
    each = max(1, INPUTS // len(strategies))
    for cases in itertools.cycle(strategies):
        if (left := INPUTS - calls.answers.total()) <= 0:
            break
        fuzz(calls.send, cases, st.data(), examples=min(each, left))
    for line in _summary(calls):
        print(f"  {line}")
    assert calls.done > DONE_SHARE * calls.allowed > 1
    assert calls.answers[503] <= AWAY_SHARE * INPUTS
    sql = "select distinct message from opened.record where kind = 'message'"
    _until(
        lambda: list(known.accepted & set(town.database.execute(sql).splitlines())),
        len(known.accepted),
    )
    assert calls.processes.wrong() == {}
