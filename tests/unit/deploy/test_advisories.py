"""The audit of `make check` finds known vulnerabilities, from OSV or from the copy."""

import json
import socket
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from deploy.supply_chain import advisories
from deploy.supply_chain.advisories import Vulnerability
from deploy.supply_chain.advisory_copy import write_copy
from deploy.supply_chain.audit import ACCEPTED, audit, locked_packages
from deploy.supply_chain.lock import LockedPackage
from deploy.supply_chain.osv import UnreachableError, ask_osv

TODAY = date(2026, 11, 29)
ALPHA = LockedPackage("alpha", "2.5", (), ())
BETA = LockedPackage("beta", "1.0", (), ())
FOUND = Vulnerability("alpha", "2.5", frozenset({"GHSA-1", "CVE-1"}))


def record(*events: dict[str, str], **more: Any) -> dict[str, Any]:
    """Return a record as OSV publishes it."""
    return {
        "id": "GHSA-1",
        "modified": "2026-10-02T10:00:00Z",
        "aliases": ["CVE-1"],
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": "Alpha"},
                "ranges": [{"type": "ECOSYSTEM", "events": list(events)}] if events else [],
                "versions": ["2.4", "2.5"],
            }
        ],
        **more,
    }


@pytest.mark.parametrize(
    ("events", "affected"),
    [
        ([{"introduced": "0"}], True),
        ([{"introduced": "0"}, {"fixed": "2.5"}], False),
        ([{"introduced": "0"}, {"fixed": "2.10"}], True),
        ([{"introduced": "2.5"}, {"last_affected": "2.5"}], True),
        ([{"introduced": "2.5.1"}], False),
        ([{"fixed": "2.0"}, {"introduced": "2.5a1"}, {"introduced": "0"}], True),
        ([{"introduced": "0"}, {"fixed": "1.9"}, {"introduced": "2.0"}, {"fixed": "2.4"}], False),
        ([{"introduced": "not a version"}], True),
        ([], True),  # without ranges its list of versions counts
    ],
)
def test_copy_knows_which_versions_are_affected(
    events: list[dict[str, str]], affected: bool
) -> None:
    copy = advisories.make_copy([record(*events)], {"alpha"})
    assert advisories.look_up([ALPHA], copy) == ([FOUND] if affected else [])


def test_copy_leaves_out_withdrawn_advisories_and_other_packages() -> None:
    withdrawn = record({"introduced": "0"}, withdrawn="2026-10-03T00:00:00Z")
    copy = advisories.make_copy([withdrawn, record({"introduced": "0"})], {"beta"})
    assert copy == {"until": "2026-10-02", "packages": ["beta"], "advisories": []}


def test_copy_warns_when_it_is_old_or_lacks_a_package() -> None:
    copy = {"until": "2026-08-31", "packages": ["alpha"], "advisories": []}
    assert advisories.warnings_of_copy([ALPHA], copy, TODAY) == []
    assert advisories.warnings_of_copy([ALPHA, BETA], copy, date(2026, 11, 30)) == [
        "the copy is 91 days old; make a new one",
        "the copy was made without beta; make a new one",
    ]


def accepted(until: date) -> list[advisories.Accepted]:
    entry = {"package": "Alpha", "ids": ["CVE-1"], "reason": "not used", "until": until}
    return advisories.read_accepted({"accepted": [entry]})


def test_vulnerability_fails_until_it_is_accepted_and_after_that_ends() -> None:
    assert advisories.judge([FOUND], [], TODAY).faults == ["alpha 2.5: CVE-1, GHSA-1"]
    lived_with = advisories.judge([FOUND], accepted(TODAY), TODAY)
    assert lived_with.faults == []
    assert lived_with.warnings == [
        "alpha 2.5: CVE-1, GHSA-1 is accepted until 2026-11-29: not used"
    ]
    assert advisories.judge([FOUND], accepted(date(2026, 11, 28)), TODAY).faults == [
        "alpha 2.5: CVE-1, GHSA-1 (accepted until 2026-11-28)"
    ]
    assert advisories.judge([], accepted(TODAY), TODAY).warnings == [
        "alpha: CVE-1 is accepted for nothing"
    ]


@pytest.mark.parametrize(
    "change", [{"reason": " "}, {"ids": []}, {"until": "2027-01-01"}, {"extra": 1}]
)
def test_accepted_vulnerability_needs_ids_reason_and_end(change: dict[str, Any]) -> None:
    entry = {"package": "alpha", "ids": ["CVE-1"], "reason": "not used", "until": TODAY}
    with pytest.raises(ValueError, match="accepted"):
        advisories.read_accepted({"accepted": [{**entry, **change}]})


def test_answer_of_osv_counts_only_if_it_is_whole() -> None:
    packages = [ALPHA, BETA]
    whole = {"results": [{"vulns": [{"id": "GHSA-1"}, {"id": "PYSEC-1"}]}, {}]}
    assert advisories.read_answers(packages, whole) == [
        Vulnerability("alpha", "2.5", frozenset({"GHSA-1"})),
        Vulnerability("alpha", "2.5", frozenset({"PYSEC-1"})),
    ]
    for part in ({"results": [{}]}, {"results": [{}, {"next_page_token": "x"}]}, {}, []):
        with pytest.raises(ValueError, match="answer"):
            advisories.read_answers(packages, part)


@pytest.mark.slow
def test_copy_is_used_without_a_network_and_nothing_fails_without_a_copy(tmp_path: Path) -> None:
    [first, *_] = locked_packages()
    known = record({"introduced": "0"})
    known["affected"][0]["package"]["name"] = first.name
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("GHSA-1.json", json.dumps(known))
    closed = "http://127.0.0.1:1"
    source, judgement = audit(closed, 20, tmp_path / "copy.json", ACCEPTED, TODAY)
    assert (source, judgement.faults) == ("nothing", [])
    assert "nothing was audited" in judgement.warnings[0]

    write_copy(tmp_path / "all.zip", tmp_path / "copy.json")
    source, judgement = audit(closed, 20, tmp_path / "copy.json", ACCEPTED, TODAY)
    assert source.startswith("the copy with advisories until 2026-10-02")
    assert judgement.faults == [f"{first.name} {first.version}: CVE-1, GHSA-1"]


@contextmanager
def database(status: int, vulnerable: str) -> Iterator[str]:
    """A stand-in for OSV, which knows one package as vulnerable."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            names = [each["package"]["name"] for each in body["queries"]]
            known = [{"id": "GHSA-1", "modified": "2026-10-02T10:00:00Z"}]
            results = [{"vulns": known} if name == vulnerable else {} for name in names]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps({"results": results}).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/querybatch"
        finally:
            server.shutdown()


@pytest.mark.slow
def test_answer_of_osv_comes_before_the_copy(tmp_path: Path) -> None:
    [first, *_] = locked_packages()
    with database(200, first.name) as address:
        source, judgement = audit(address, 20, tmp_path / "copy.json", ACCEPTED, TODAY)
    assert source == "OSV, asked on 2026-11-29"
    assert judgement.faults == [f"{first.name} {first.version}: GHSA-1"]
    with (
        database(503, first.name) as address,
        pytest.raises(UnreachableError, match="HTTP 503"),
    ):
        ask_osv([first], address, 20)


def test_database_that_does_not_answer_is_waited_for_no_longer_than_the_bound() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(UnreachableError, match="no answer in"):
            ask_osv([ALPHA], address, 0.3)
