"""`postkamer notice`, `number` and `care` over real connections."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from cli.support import gateway_client
from tests.support.cli.command_line import postkamer

CONVERSATION = f"10000001-{'a2' * 13}"
ID = "018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c11"
TOKEN = "pk_secret"
OPEN = {"id": "10000001", "state": "open", "text": None, "until": None, "notice": None}
CLOSED = {
    "id": "10000002",
    "state": "closed",
    "text": "Wij zijn dicht.",
    "until": "2026-12-01T07:30:00Z",
    "notice": {"text": "Het is druk.", "until": "2026-07-01T15:00:00Z"},
}
Answer = tuple[int, Any]


class StandIn:
    """A gateway that gives fixed answers, and remembers the requests."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Any]] = []
        self.keys: list[str] = []
        self.headers: dict[str, str] = {}
        self.answers: dict[str, list[Answer]] = {}
        """`METHOD path` -> answers, one after the other; the last one from then on."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.answer(self, body)

            do_GET = do_PUT = do_POST = do_DELETE = _handle

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        self.requests.append((request.command, request.path, json.loads(body) if body else None))
        self.headers = dict(request.headers)
        if key := request.headers.get("Idempotency-Key"):
            self.keys.append(key)
        left = self.answers.get(f"{request.command} {request.path}", [(404, {"detail": "none"})])
        status, content = left.pop(0) if len(left) > 1 else left[0]
        sent = content if isinstance(content, bytes) else json.dumps(content).encode()
        request.send_response(status)
        if status in (302, 307):
            request.send_header("Location", "/elsewhere")
        if status == 503:
            request.send_header("Retry-After", "7")
        request.send_header("Content-Length", str(len(sent)))
        request.end_headers()
        request.wfile.write(sent)

    def accept(self, command: str, *statuses: Answer) -> None:
        """Accept this command, and give these answers about its status."""
        self.answers[command] = [(202, {"id": ID, "status": "accepted"})]
        self.answers[f"GET /v1/messages/{ID}"] = list(statuses)

    def run(self, *arguments: str, **env: str) -> Result:
        env = {"POSTKAMER_LANG": "en"} | env
        given = {"POSTKAMER_GATEWAY_URL": self.url, "POSTKAMER_API_TOKEN": TOKEN}
        return postkamer(*arguments, env=given | env)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setattr(gateway_client, "POLL_SECONDS", 0.001)
    gateway = StandIn()
    thread = threading.Thread(target=gateway.server.serve_forever, args=(0.01,))
    thread.start()
    yield gateway
    gateway.server.shutdown()
    gateway.server.server_close()
    thread.join()


DONE: Answer = (200, {"id": ID, "status": "done", "reason": None, "changedAt": "x"})
WAITS: Answer = (200, {"id": ID, "status": "accepted", "reason": None})
NOTICE = "/v1/numbers/10000001/notice"
SET = ("notice", "set", "Het is druk.", "--until", "2026-12-01T17:00")


def test_notice_is_set_for_one_number_and_its_status_awaited(gateway: StandIn) -> None:
    gateway.accept(f"PUT {NOTICE}", WAITS, WAITS, DONE)
    done = gateway.run(*SET, "--number", "10000001")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "10000001: done\n", "")
    body = {"text": "Het is druk.", "until": "2026-12-01T16:00:00Z"}
    assert gateway.requests[0] == ("PUT", NOTICE, body)
    assert len(gateway.requests) == 4
    assert gateway.headers["Authorization"] == f"Bearer {TOKEN}"


def test_command_without_a_number_is_sent_for_all_each_with_its_key(gateway: StandIn) -> None:
    gateway.answers["GET /v1/numbers"] = [(200, {"numbers": [OPEN, CLOSED]})]
    gateway.accept(f"DELETE {NOTICE}", DONE)
    gateway.accept("DELETE /v1/numbers/10000002/notice", DONE)
    done = gateway.run("notice", "clear", "--by", "s.jansen", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == [
        {"number": number["id"], "id": ID, "status": "done"} for number in (OPEN, CLOSED)
    ]
    body = {"author": {"kind": "employee", "id": "s.jansen"}}
    assert [each for method, _, each in gateway.requests if method == "DELETE"] == [body, body]
    assert len(set(gateway.keys)) == 2


def test_command_without_a_person_is_of_the_operator(gateway: StandIn) -> None:
    gateway.accept(f"DELETE {NOTICE}", DONE)
    clear = ("notice", "clear", "--number", "10000001")
    gateway.run(*clear, POSTKAMER_OPERATOR="S. Jansen")
    gateway.run(*clear, "--by", "a.arts", POSTKAMER_OPERATOR="S. Jansen")
    gateway.run(*clear)
    bodies = [each for method, _, each in gateway.requests if method == "DELETE"]
    named = [{"author": {"kind": "employee", "id": name}} for name in ("S. Jansen", "a.arts")]
    assert bodies == [*named, {}]


def test_command_with_the_token_of_a_person_is_of_that_person(
    gateway: StandIn, tmp_path: Path
) -> None:
    gateway.accept(f"DELETE {NOTICE}", DONE)
    file = tmp_path / "token"
    file.write_text("of-a-person")
    own = {"POSTKAMER_PERSON_TOKEN_FILE": str(file), "POSTKAMER_API_TOKEN_FILE": "/nowhere"}
    clear = ("notice", "clear", "--number", "10000001")
    done = gateway.run(*clear, POSTKAMER_OPERATOR="S. Jansen", **own)
    assert done.exit_code == 0
    assert gateway.headers["Authorization"] == "Bearer of-a-person"
    assert [each for method, _, each in gateway.requests if method == "DELETE"] == [{}]


def test_command_refused_for_one_number_is_done_for_the_others(gateway: StandIn) -> None:
    errors = [
        {"pointer": "/text", "detail": "sentence 1 has 17 words, 15 at most"},
        {"pointer": "", "parameter": "Idempotency-Key", "detail": "must be given"},
    ]
    gateway.accept(f"PUT {NOTICE}", DONE)
    gateway.answers["PUT /v1/numbers/2/notice"] = [(400, {"detail": "no", "errors": errors})]
    done = gateway.run(*SET, "--number", "2", "--number", "10000001", "--number", "2")
    assert (done.exit_code, done.stdout) == (1, "10000001: done\n")
    as_json = json.loads(gateway.run(*SET, "--number", "2", "--json").stdout)
    assert [each["status"] for each in as_json] == ["refused"]
    assert done.stderr == (
        "2: refused: /text: sentence 1 has 17 words, 15 at most; Idempotency-Key: must be given\n"
    )


def test_refusal_of_the_router_has_exit_code_1_and_its_reason(gateway: StandIn) -> None:
    reason = "conversation_unknown: dit gesprek bestaat niet"
    failed = (200, {"id": ID, "status": "failed", "reason": reason})
    gateway.accept(f"POST /v1/conversations/{CONVERSATION}/_confirm", failed)
    done = gateway.run("care", "confirm", CONVERSATION)
    assert (done.exit_code, done.stderr) == (1, f"{CONVERSATION}: failed: {reason}\n")
    done = gateway.run("care", "confirm", CONVERSATION, "--json")
    outcome = {"conversation": CONVERSATION, "id": ID, "status": "failed", "reason": reason}
    assert (done.exit_code, json.loads(done.stdout)) == (1, outcome)


def test_slow_command_is_reported_as_accepted(
    gateway: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_client, "SETTLED_SECONDS", 0.01)
    gateway.accept("PUT /v1/numbers/10000001/state", WAITS)
    done = gateway.run("number", "state", "receive-only", "--number", "10000001")
    line = "10000001: accepted: the router has not come to it yet\n"
    assert (done.exit_code, done.stdout) == (0, line)


def test_numbers_are_listed_in_dutch_time(gateway: StandIn) -> None:
    gateway.answers["GET /v1/numbers"] = [(200, {"numbers": [OPEN, CLOSED]})]
    assert gateway.run("number", "list").stdout == (
        "10000001: state open: works as usual, within the opening hours of its departments\n"
        "10000002: state closed until 2026-12-01 08:30: Wij zijn dicht.\n"
        "  notice until 2026-07-01 17:00: Het is druk.\n"
    )
    assert json.loads(gateway.run("number", "list", "--json").stdout) == [OPEN, CLOSED]
    assert gateway.run("number", "list", "--lang", "nl").stdout == (
        "10000001: stand open: werkt zoals anders, binnen de openingstijden van de afdelingen\n"
        "10000002: stand gesloten tot 2026-12-01 08:30: Wij zijn dicht.\n"
        "  mededeling tot 2026-07-01 17:00: Het is druk.\n"
    )


def test_municipality_without_numbers_says_so(gateway: StandIn) -> None:
    gateway.answers["GET /v1/numbers"] = [(200, {"numbers": []})]
    assert gateway.run("number", "list").stdout == "this municipality has no number\n"
    assert gateway.run("number", "list", "--json").stdout == "[]\n"


@pytest.mark.parametrize(
    ("status", "content", "line"),
    [
        (401, {"detail": "a bearer token is needed"}, "a bearer token is needed"),
        (403, {"detail": "no role 'kcc'"}, "no role 'kcc'"),
        (503, {"detail": "no tokens"}, "no tokens; try again in 7 s"),
        (502, b"<html>", "it was answered 502"),
        (302, b"", "it was answered 302"),
        (307, b"", "it was answered 307"),
        (200, b"<html>", "{url} is no gateway: it answers something else"),
        (200, {"numbers": [{}]}, "{url} is no gateway: it answers something else"),
        (200, {"numbers": []}, "this municipality has no number"),
    ],
)
def test_refusal_of_the_gateway_is_one_line(
    gateway: StandIn, status: int, content: Any, line: str
) -> None:
    gateway.answers["GET /v1/numbers"] = [(status, content)]
    done = gateway.run("notice", "clear")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == line.format(url=gateway.url) + "\n"
    assert [path for _, path, _ in gateway.requests] == ["/v1/numbers"], "a token goes elsewhere"


LONG_NAME = "a" * 70 + ".nl"


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "127.0.0.1:99999", "127.0.0.1:x", "127.0.0.1:1/é", LONG_NAME]
)
def test_missing_gateway_is_reported_without_the_token(gateway: StandIn, address: str) -> None:
    named = {"POSTKAMER_GATEWAY_URL": f"http://{address}", "POSTKAMER_PLAIN_HOSTS": LONG_NAME}
    done = gateway.run("number", "list", **named)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"http://{address} does not answer: ")
    assert TOKEN not in done.stderr


def test_token_may_be_in_a_file(gateway: StandIn, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("pk_of_a_file\n")
    gateway.answers["GET /v1/numbers"] = [(200, {"numbers": []})]
    env = {"POSTKAMER_API_TOKEN": "", "POSTKAMER_API_TOKEN_FILE": str(tmp_path / "token")}
    assert gateway.run("number", "list", **env).exit_code == 0
    assert gateway.headers["Authorization"] == "Bearer pk_of_a_file"


def test_number_is_one_segment_of_the_path(gateway: StandIn) -> None:
    gateway.run("notice", "clear", "--number", "../messages?x#y")
    assert [each[1] for each in gateway.requests] == ["/v1/numbers/..%2Fmessages%3Fx%23y/notice"]


def test_token_of_a_person_that_cannot_be_read_is_a_fault_in_words(gateway: StandIn) -> None:
    done = gateway.run("notice", "clear", POSTKAMER_PERSON_TOKEN_FILE="/nowhere/token")
    fault = "POSTKAMER_PERSON_TOKEN_FILE: cannot be read (No such file or directory)\n"
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", fault)
    assert gateway.requests == []
