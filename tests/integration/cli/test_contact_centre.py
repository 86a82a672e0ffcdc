"""`postkamer notice`, `number` and `care` over real connections: what is asked, what is told."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from click.testing import Result

from cli.support import gateway_client
from tests.support.cli.command_line import postkamer

CONVERSATION = f"10000001-{'a2' * 13}"
ID = "018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c11"
TOKEN = "pk_secret"
NUMBERS = {
    "numbers": [
        {"id": "10000001", "state": "open", "text": None, "until": None, "notice": None},
        {
            "id": "10000002",
            "state": "closed",
            "text": "Wij zijn dicht.",
            "until": "2026-12-01T07:30:00Z",
            "notice": {"text": "Het is druk.", "until": "2026-07-01T15:00:00Z"},
        },
    ]
}
Answer = tuple[int, Any]


class StandIn:
    """A gateway that answers as it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.keys: list[str] = []
        self.headers: dict[str, str] = {}
        self.answers: dict[str, list[Answer]] = {}
        """`METHOD path` -> what is answered, one after the other; the last one from then on."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.take(self, body)

            do_GET = do_PUT = do_POST = do_DELETE = _handle

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def take(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        self.asked.append((request.command, request.path, json.loads(body) if body else None))
        self.headers = dict(request.headers)
        if key := request.headers.get("Idempotency-Key"):
            self.keys.append(key)
        left = self.answers.get(f"{request.command} {request.path}", [(404, {"detail": "none"})])
        status, said = left.pop(0) if len(left) > 1 else left[0]
        sent = said if isinstance(said, bytes) else json.dumps(said).encode()
        request.send_response(status)
        if status in (302, 307):
            request.send_header("Location", "/elsewhere")
        if status == 503:
            request.send_header("Retry-After", "7")
        request.send_header("Content-Length", str(len(sent)))
        request.end_headers()
        request.wfile.write(sent)

    def accepts(self, asked: str, *then: Answer) -> None:
        """An order, of which is said afterwards what `then` says."""
        self.answers[asked] = [(202, {"id": ID, "status": "accepted"})]
        self.answers[f"GET /v1/messages/{ID}"] = list(then)

    def run(self, *arguments: str, **more: str) -> Result:
        env = {"POSTKAMER_API_URL": self.url, "POSTKAMER_API_TOKEN": TOKEN} | more
        return postkamer(*arguments, env=env)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
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


def test_a_notice_is_set_for_one_number_and_its_end_is_waited_for(there: StandIn) -> None:
    there.accepts(f"PUT {NOTICE}", WAITS, WAITS, DONE)
    until = ("--until", "2026-12-01T17:00")
    done = there.run("notice", "set", "Het is druk.", *until, "--number", "10000001")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "10000001: done\n", "")
    body = {"text": "Het is druk.", "until": "2026-12-01T16:00:00Z"}
    assert there.asked[0] == ("PUT", NOTICE, body)
    assert len(there.asked) == 4
    assert there.headers["Authorization"] == f"Bearer {TOKEN}"


def test_without_a_number_it_is_for_all_of_them_each_with_a_key_of_its_own(there: StandIn) -> None:
    there.answers["GET /v1/numbers"] = [(200, NUMBERS)]
    there.accepts(f"DELETE {NOTICE}", DONE)
    there.accepts("DELETE /v1/numbers/10000002/notice", DONE)
    done = there.run("notice", "clear", "--author", "s.jansen", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == [
        {"number": "10000001", "id": ID, "status": "done"},
        {"number": "10000002", "id": ID, "status": "done"},
    ]
    by = {"author": {"kind": "employee", "id": "s.jansen"}}
    assert [body for method, _, body in there.asked if method == "DELETE"] == [by, by]
    assert len(set(there.keys)) == 2


def test_what_is_refused_for_one_is_done_for_the_others_and_ends_with_1(there: StandIn) -> None:
    wrong = [
        {"pointer": "/text", "detail": "sentence 1 has 17 words, 15 at most"},
        {"pointer": "", "parameter": "Idempotency-Key", "detail": "must be given"},
    ]
    there.accepts(f"PUT {NOTICE}", DONE)
    there.answers["PUT /v1/numbers/2/notice"] = [(400, {"detail": "no", "errors": wrong})]
    both = ("--number", "2", "--number", "10000001", "--number", "2")
    done = there.run("notice", "set", "x", "--until", "2026-12-01T17:00:00Z", *both)
    assert (done.exit_code, done.stdout) == (1, "10000001: done\n")
    assert done.stderr == (
        "2: refused: /text: sentence 1 has 17 words, 15 at most; Idempotency-Key: must be given\n"
    )


def test_what_the_router_refuses_ends_with_1_and_its_reason(there: StandIn) -> None:
    path = f"/v1/conversations/{CONVERSATION}/_confirm"
    reason = "conversation_unknown: dit gesprek bestaat niet"
    there.accepts(f"POST {path}", (200, {"id": ID, "status": "failed", "reason": reason}))
    done = there.run("care", "confirm", CONVERSATION)
    assert done.exit_code == 1
    assert done.stderr == f"{CONVERSATION}: failed: {reason}\n"
    done = there.run("care", "confirm", CONVERSATION, "--json")
    shown = {"conversation": CONVERSATION, "id": ID, "status": "failed", "reason": reason}
    assert (done.exit_code, json.loads(done.stdout)) == (1, shown)


def test_what_takes_long_is_said_to_be_accepted(
    there: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_client, "SETTLED_SECONDS", 0.01)
    there.accepts("PUT /v1/numbers/10000001/state", WAITS)
    done = there.run("number", "state", "receive-only", "--number", "10000001")
    assert done.exit_code == 0
    assert done.stdout == "10000001: accepted: the router has not come to it yet\n"


def test_the_numbers_are_listed_in_dutch_time(there: StandIn) -> None:
    there.answers["GET /v1/numbers"] = [(200, NUMBERS)]
    assert there.run("number", "list").stdout == (
        "10000001: open\n"
        "10000002: closed until 2026-12-01 08:30: Wij zijn dicht.\n"
        "  notice until 2026-07-01 17:00: Het is druk.\n"
    )
    assert json.loads(there.run("number", "list", "--json").stdout) == NUMBERS["numbers"]


REFUSALS: list[tuple[Answer, str]] = [
    ((401, {"detail": "a bearer token is needed"}), "a bearer token is needed"),
    ((403, {"detail": "this token has not the role 'kcc'"}), "this token has not the role 'kcc'"),
    ((503, {"detail": "the tokens cannot be read"}), "the tokens cannot be read; try again in 7 s"),
    ((502, b"<html>"), "it was answered 502"),
    ((302, b""), "it was answered 302"),
    ((307, b""), "it was answered 307"),
    ((200, b"<html>"), "{url} is no gateway: it answers something else"),
    ((200, {"numbers": [{}]}), "{url} is no gateway: it answers something else"),
    ((200, {"numbers": []}), "this municipality has no number"),
]


@pytest.mark.parametrize(("answer", "said"), REFUSALS)
def test_what_keeps_it_from_being_done_is_said_in_one_line(
    there: StandIn, answer: Answer, said: str
) -> None:
    there.answers["GET /v1/numbers"] = [answer]
    done = there.run("notice", "clear")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == said.format(url=there.url) + "\n"
    assert [path for _, path, _ in there.asked] == ["/v1/numbers"], "a token goes nowhere else"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:x",
        "http://127.0.0.1:1/é",
        f"http://{'a' * 70}.nl",
    ],
)
def test_a_gateway_that_is_not_there_is_said_so_and_no_token_is_told(
    there: StandIn, url: str
) -> None:
    done = there.run("number", "list", POSTKAMER_API_URL=url)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{url} does not answer: ")
    assert TOKEN not in done.stderr


def test_a_token_may_stand_in_a_file(there: StandIn, tmp_path: Any) -> None:
    (tmp_path / "token").write_text("pk_of_a_file\n")
    there.answers["GET /v1/numbers"] = [(200, {"numbers": []})]
    given = {"POSTKAMER_API_TOKEN": "", "POSTKAMER_API_TOKEN_FILE": str(tmp_path / "token")}
    assert there.run("number", "list", **given).exit_code == 0
    assert there.headers["Authorization"] == "Bearer pk_of_a_file"


def test_a_number_is_never_more_than_one_step_of_an_address(there: StandIn) -> None:
    there.run("notice", "clear", "--number", "../messages?x#y")
    assert [path for _, path, _ in there.asked] == ["/v1/numbers/..%2Fmessages%3Fx%23y/notice"]
