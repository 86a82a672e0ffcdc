"""`postkamer check --live` with an Open Klant and an Objecten API: their tokens, the version, and
the departments."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.support.cli.command_line import TWO_ACTORS, postkamer

TOKENS = {
    "/klantinteracties/api/v1/actoren": "Token ok-geheim",
    "/api/v2/objects": "Token ob-geheim",
}
UNITS = {
    "kcc": {"naam": "Klantcontact", "email": "kcc@almelo.example"},
    "BOR": {"naam": "Beheer", "email": ""},
}
ACTORS = {"kcc": "Klantcontact", "2": "KCC Borne"}
UNIT = {
    "actoridentificatorCodeObjecttype": "afd",
    "actoridentificatorCodeRegister": "obj",
    "actoridentificatorCodeSoortObjectId": "idf",
    "soortActor": "organisatorische_eenheid",
    "indicatieActief": "true",
}
ENV = {"OK_TOKEN": "ok-geheim", "OBJECTS_TOKEN": "ob-geheim"}
LOCAL = {"POSTKAMER_PRIVATE_NETWORKS": "127.0.0.0/8"}


class Registers(BaseHTTPRequestHandler):
    """Answers as Open Klant 2.15 and the Objecten API do to what the check asks."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        filters = dict(parse_qsl(url.query))
        if url.path not in TOKENS:
            self._answer(404, {})
        elif self.headers["Authorization"] != TOKENS[url.path]:
            self._answer(401, {"code": "authentication_failed"})
        elif url.path.endswith("actoren"):
            name = ACTORS.get(filters.get("actoridentificatorObjectId", ""))
            assert filters.pop("pageSize") == "1" and (
                not filters or filters.items() >= UNIT.items()
            )
            self._answer(200, {"results": [{"naam": name}] if name else []})
        else:
            assert self.headers["Accept-Crs"] == self.headers["Content-Crs"] == "EPSG:4326"
            id = filters["data_attr"].removeprefix("identificatie__exact__")
            found = [{"record": {"data": UNITS[id]}}] if id in UNITS else []
            self._answer(200, {"results": found})

    def _answer(self, status: int, body: Any) -> None:
        self.send_response(status)
        self.send_header("API-version", "0.6.0")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def registers() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Registers) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def town(registers: str) -> str:
    own = f"""\
kind = "openklant"
url = "{registers}/klantinteracties/api/v1/"
objects_url = "{registers}/api/v2"
objects_secret = "env:OBJECTS_TOKEN"
"""
    crm = 'kind = "cloudevents"\nurl = "https://crm.example/events"\n'
    text = TWO_ACTORS.replace(crm, own).replace("CRM_SECRET", "OK_TOKEN")
    return text.replace('"Openbare ruimte"', '"Openbare ruimte"\nregister_id = "BOR"')


def check(folder: Path, text: str, env: dict[str, str], *options: str) -> dict[str, Any]:
    """The result of the check; its sentences without their files and lines."""
    file = folder / "postkamer.toml"
    file.write_text(text)
    done = postkamer("check", "--config", file, "--json", "--lang", "en", *options, env=env)
    result: dict[str, Any] = json.loads(done.stdout)
    assert done.exit_code == bool(result["faults"])
    assert "geheim" not in done.output
    server_faults = ("POSTKAMER_AMQP_URL", "POSTKAMER_DATABASE_URL")
    result["faults"] = [f for f in result["faults"] if not f.startswith(server_faults)]
    return {
        key: [each.split(": ", 1)[-1] if str(file) in each else each for each in sentences]
        for key, sentences in result.items()
    }


def test_version_is_shown_and_departments_are_compared(registers: str, tmp_path: Path) -> None:
    result = check(tmp_path, town(registers), ENV | LOCAL, "--live")
    assert result["faults"] == []
    assert result["checked"][-1] == "checked: Open Klant 2.15 (crm) answers"
    assert result["warnings"] == [
        "department groen of almelo: it has no email in the Objecten API, so ITA mails no one:"
        " enter one there",
        "department groen of almelo: its name in the Objecten API is 'Beheer': set register_name"
        " to that, to the letter, or ITA shows it no tasks",
        "department kcc of borne: its actor in Open Klant is called 'KCC Borne': rename that one to"
        " 'Klantcontact', or ITA shows it no tasks",
        "department kcc of borne: the Objecten API shows no object with identificatie '2':"
        " set register_id to the one there, or let the token of objects_secret read departments"
        " and groups",
    ]


@pytest.mark.parametrize(
    ("env", "fault"),
    [
        (ENV | LOCAL | {"OK_TOKEN": "geheim"}, "Open Klant answered 401: it does not know this"),
        (ENV, "the destination's address is private, and POSTKAMER_PRIVATE_NETWORKS does not"),
        (LOCAL | {"OK_TOKEN": "x"}, "OBJECTS_TOKEN (destination crm): is missing"),
    ],
)
def test_open_klant_that_cannot_be_used_is_a_fault(
    registers: str, tmp_path: Path, env: dict[str, str], fault: str
) -> None:
    [found] = check(tmp_path, town(registers), env, "--live")["faults"]
    assert fault in found


def test_nothing_is_asked_without_live(tmp_path: Path) -> None:
    result = check(tmp_path, town("http://127.0.0.1:1"), ENV | LOCAL)
    assert (result["faults"], result["warnings"]) == ([], [])


def test_faults_of_the_file_are_reported_once(registers: str, tmp_path: Path) -> None:
    text = town(registers).replace("objects_secret", "objects_secrets")
    result = check(tmp_path, text, ENV | LOCAL, "--live")
    [fault] = result["faults"]
    assert "objects_secrets" in fault
    assert not [each for each in result["checked"] if "Open Klant" in each]
