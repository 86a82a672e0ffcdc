"""Findings from Meta's answers, also from odd ones."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deliverer.meta.health import number_state, webhook_fields
from deliverer.meta.health.access_token import find_app, judge_key, judge_token
from deliverer.meta.health.account_state import find_account, judge_account
from deliverer.meta.health.finding import CHECKS, STATES, Finding, read_answer
from deliverer.meta.health.webhook_certificate import Door, judge_certificate, parse_door
from deliverer.meta.health.webhook_fields import (
    find_callback,
    is_elsewhere,
    is_only_app,
    judge_fields,
    judge_subscription,
)
from deliverer.transport.response import Response
from services.egress.shown_certificate import CertificateFailure, ShownCertificate
from services.whatsapp.account_events import NOTICES

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ODD: list[Any] = [None, 5, "x", [], [5], {}, {"data": 5}, {"data": [5, {}]}, {"data": {}}]
"""Values that Meta does not send, in place of an object or inside one."""


def answer(status: int, body: Any = None, **error: Any) -> Response:
    return Response(status=status, body=json.dumps({"error": error} if error else body).encode())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Response(failure="timeout"), None),
        (answer(503, {}), None),
        (answer(429, {}), None),
        (answer(400, code=4), None),
        (answer(400, code=80007), None),
        (answer(401, code=190), "see the check of the token"),
        (answer(403, code=10), "code 10"),
        (answer(403, code=200), "whatsapp_business_management"),
        (answer(400, code=100), "code 100"),
        (answer(400, code=368), "refuses to show this (code 368)"),
        (Response(status=404, body=b"<html>"), "HTTP status 404"),
        (Response(status=200, body=b"<html>"), "not Meta's"),
        (answer(200, [1]), "not Meta's"),
    ],
)
def test_answer_without_a_result_is_no_answer_or_unknown(
    given: Response, expected: str | None
) -> None:
    read = read_answer(given)
    if expected is None:
        assert read is None
    else:
        assert isinstance(read, Finding) and read.state == "unknown" and expected in read.detail


def test_text_of_an_error_is_not_repeated() -> None:
    given = answer(400, code=100, message="Jan de Vries +31612345678", error_user_msg="EAAJtoken")
    read = read_answer(given)
    assert isinstance(read, Finding)
    assert "Jan" not in read.detail and "EAAJ" not in read.detail


def token(**changed: Any) -> Response:
    data: dict[str, Any] = {
        "app_id": "634", "is_valid": True, "expires_at": 0,
        "scopes": ["whatsapp_business_management", "whatsapp_business_messaging"],
    }  # fmt: skip
    return answer(200, {"data": data | changed})


def at(**left: float) -> int:
    return int((NOW + timedelta(**left)).timestamp())


def granular(*accounts: str) -> list[dict[str, Any]]:
    return [{"scope": "whatsapp_business_messaging", "target_ids": list(accounts)}]


@pytest.mark.parametrize(
    ("given", "state", "part"),
    [
        (token(), "fine", "has no end"),
        (token(expires_at=at(days=31)), "fine", "valid until"),
        (token(expires_at=at(days=29)), "warning", "expires on"),
        (token(expires_at=at(seconds=-1)), "wrong", "expired on"),
        (token(expires_at=at(seconds=-1), is_valid=False), "wrong", "expired on"),
        (token(is_valid=False), "wrong", "revoked"),
        (token(scopes=[]), "wrong", "nothing can be sent"),
        (token(scopes="all"), "wrong", "nothing can be sent"),
        (token(granular_scopes=granular("1", "102")), "fine", "no end"),
        (token(granular_scopes=granular("1")), "warning", "other WhatsApp Business Accounts"),
        (token(granular_scopes=granular()), "fine", "no end"),
        (token(expires_at=10**18), "fine", "no end"),
        (answer(400, code=190), "wrong", "code 190"),
        (answer(400, code=190, error_subcode=463), "wrong", "has expired"),
        (answer(403, code=200), "unknown", "code 200"),
        (answer(200, {"data": 5}), "unknown", "not Meta's"),
    ],
)
def test_token_is_judged_by_its_end_and_its_permissions(
    given: Response, state: str, part: str
) -> None:
    finding = judge_token(given, "102", NOW)
    assert finding and (finding.state, part in finding.detail) == (state, True), finding


def test_token_without_an_answer_is_not_judged() -> None:
    assert judge_token(Response(failure="timeout"), "102", NOW) is None
    assert judge_token(answer(500), "102", NOW) is None


@pytest.mark.parametrize(
    ("given", "state"),
    [
        (answer(200, {"health_status": {}}), "fine"),
        (answer(401, {"meta": {"developerMessage": "Invalid api_key"}}), "wrong"),
        (answer(403, {}), "unknown"),
        (Response(failure="timeout"), None),
        (answer(500, {}), None),
    ],
)
def test_key_of_a_bsp_is_judged_by_its_being_let_in(given: Response, state: str | None) -> None:
    finding = judge_key(given)
    assert (finding and finding.state) == state


def app(id: str) -> dict[str, Any]:
    return {"whatsapp_business_api_data": {"id": id, "name": "x"}}


@pytest.mark.parametrize(
    ("apps", "ours", "state"),
    [
        ([], "634", "wrong"),
        ([app("634")], "634", "fine"),
        ([app("1"), app("634")], "634", "fine"),
        ([app("1")], "634", "wrong"),
        ([app("1")], "", "fine"),
        ([], "", "wrong"),
    ],
)
def test_subscription_is_that_of_our_own_app(
    apps: list[dict[str, Any]], ours: str, state: str
) -> None:
    assert judge_subscription({"data": apps}, ours).state == state


def webhook(*names: str, **changed: Any) -> dict[str, Any]:
    own = {"object": "whatsapp_business_account", "active": True}
    fields = [{"name": name, "version": "v26.0"} for name in names]
    return {"data": [{"object": "page"}, own | {"fields": fields} | changed]}


@pytest.mark.parametrize(
    ("shown", "state", "part"),
    [
        (webhook(*webhook_fields.FIELDS, "flows"), "fine", "all 9 fields"),
        (webhook(*list(webhook_fields.FIELDS)[:-1]), "warning", "security"),
        (webhook("security"), "wrong", "the field messages"),
        (webhook("messages", active=False), "wrong", "no active webhook"),
        ({"data": [{"object": "page"}]}, "wrong", "no active webhook"),
    ],
)
def test_fields_of_the_webhook_are_compared_with_those_that_we_need(
    shown: dict[str, Any], state: str, part: str
) -> None:
    finding = judge_fields(shown)
    assert (finding.state, part in finding.detail) == (state, True), finding


@pytest.mark.parametrize(
    ("ids", "app", "expected"),
    [(["634"], "634", True), (["634", "7"], "634", False), (["7"], "634", False),
     ([], "634", False), ([""], "", False)],
)  # fmt: skip
def test_app_is_the_only_one_if_no_other_is_subscribed(
    ids: list[str], app: str, expected: bool
) -> None:
    shown = {"data": [{"whatsapp_business_api_data": {"id": each}} for each in ids]}
    assert is_only_app(shown, app) is expected


def test_fields_that_we_need_are_those_that_the_operator_is_told_to_choose() -> None:
    page = Path(__file__).parents[5] / "docs" / "operators" / "first-day.md"
    assert all(f"`{name}`" in page.read_text() for name in webhook_fields.FIELDS)
    assert webhook_fields.FIELDS.keys() - {"messages"} <= NOTICES.keys()


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ({"application": "https://a"}, "https://a"),
        ({"application": "https://a", "whatsapp_business_account": "https://w"}, "https://w"),
        ({"whatsapp_business_account": "https://w", "phone_number": "https://p"}, "https://p"),
        ({"phone_number": "", "application": "https://a"}, "https://a"),
        ({"application": 5}, ""),
        ("https://a", ""),
    ],
)
def test_callback_is_the_most_specific_address(addresses: Any, expected: str) -> None:
    assert find_callback({"webhook_configuration": addresses}) == expected


@pytest.mark.parametrize(
    ("callback", "ours", "expected"),
    [
        ("https://a.example/x", "https://A.example:443/webhooks/whatsapp", False),
        ("https://b.example/x", "https://a.example/x", True),
        ("https://b.example/x", "", False),
        ("", "https://a.example/x", False),
        ("https://[b/x", "https://a.example/x", False),
        ("no address", "https://a.example/x", False),
    ],
)
def test_callback_is_elsewhere_if_its_host_is_another(
    callback: str, ours: str, expected: bool
) -> None:
    assert is_elsewhere(callback, ours) is expected


def test_word_is_judged_by_its_table_and_repeated_only_if_it_is_a_word() -> None:
    shown = {"quality_rating": "PURPLE", "name_status": "Jan de Vries", "status": 5}
    findings = number_state.judge_words(shown)
    assert {each.state for each in findings.values()} == {"unknown"}
    assert "PURPLE" in findings["quality"].detail
    assert "Jan" not in findings["name"].detail
    good = {"quality_rating": "NA", "name_status": "NONE", "status": "FLAGGED"}
    states = {check: each.state for check, each in number_state.judge_words(good).items()}
    assert states == {"quality": "fine", "name": "warning", "connection": "warning"}


@pytest.mark.parametrize(
    ("version", "field"),
    [
        ("v23.0", "messaging_limit_tier"),
        ("v24.0", "whatsapp_business_manager_messaging_limit"),
        ("", "whatsapp_business_manager_messaging_limit"),
    ],
)
def test_limit_has_the_name_of_the_version(version: str, field: str) -> None:
    assert number_state.limit_field(version) == field
    assert "2,000" in number_state.judge_limit({field: "TIER_2K"}, field).detail


def entity(kind: str, word: str, *codes: Any, **more: Any) -> dict[str, Any]:
    errors = [{"error_code": code, "error_description": "Jan"} for code in codes]
    return {"entity_type": kind, "can_send_message": word, "errors": errors, "id": "102"} | more


@pytest.mark.parametrize(
    ("overall", "entities", "state", "part"),
    [
        ("AVAILABLE", [entity("WABA", "AVAILABLE")], "fine", "pass"),
        ("BLOCKED", [entity("WABA", "BLOCKED", 141006)], "wrong", "(code 141006)"),
        ("LIMITED", [entity("WABA", "LIMITED", 141006)], "wrong", "(code 141006)"),
        ("BLOCKED", [entity("WABA", "BLOCKED", 141999)], "wrong", "Account: code 141999"),
        ("LIMITED", [entity("BUSINESS", "LIMITED", 141010)], "warning", "(code 141010)"),
        ("LIMITED", [entity("PHONE_NUMBER", "LIMITED", 138024)], "fine", "pass"),
        ("LIMITED", [entity("APP", "LIMITED", additional_info=["x"])], "warning", "the app"),
        ("BLOCKED", [], "wrong", "WhatsApp Manager"),
        ("BLOCKED", [entity("BUSINESS", "LIMITED", 141010), entity("WABA", "BLOCKED", 141014)],
         "wrong", "Meta blocks messages: the WhatsApp Business Account"),
    ],
)  # fmt: skip
def test_account_is_judged_by_its_codes(
    overall: str, entities: list[dict[str, Any]], state: str, part: str
) -> None:
    shown = {"health_status": {"can_send_message": overall, "entities": entities}}
    finding = judge_account(shown)
    assert (finding.state, part in finding.detail) == (state, True), finding
    assert "Jan" not in finding.detail


@pytest.mark.parametrize("shown", [{}, {"data": {}}, {"data": 5}, {"health_status": {}}])
def test_object_without_its_parts_raises_no_alarm(shown: dict[str, Any]) -> None:
    for finding in (judge_subscription(shown, "634"), judge_fields(shown), judge_account(shown)):
        assert finding.state == "unknown"


@pytest.mark.parametrize("odd", ODD)
def test_odd_answer_is_judged_without_a_failure(odd: Any) -> None:
    for shown in ({"data": odd}, {"health_status": odd}, {"health_status": {"entities": odd}}):
        judged = [
            judge_subscription(shown, "634"), judge_fields(shown), judge_account(shown),
            judge_token(answer(200, shown), "102", NOW), *number_state.judge_words(shown).values(),
        ]  # fmt: skip
        assert all(each and each.state in STATES for each in judged)
        assert find_app(answer(200, shown)) == find_account(shown) == ""
    read = read_answer(answer(200, odd))
    assert isinstance(read, dict | Finding)


def shown_for(days: float, life: float = 90) -> ShownCertificate:
    end = NOW + timedelta(days=days)
    return ShownCertificate("", end - timedelta(days=life), end)


@pytest.mark.parametrize(
    ("found", "state", "part"),
    [
        (shown_for(15), "fine", "until 2026-12-14"),
        (shown_for(14), "warning", "2026-12-13"),
        (shown_for(3), "wrong", "2026-12-02"),
        (shown_for(5, life=6), "fine", "2026-12-04"),
        (shown_for(1.9, life=6), "warning", "renew"),
        (shown_for(0.5, life=6), "wrong", "renew"),
        (ShownCertificate("expired"), "wrong", "has expired"),
        (ShownCertificate("host"), "wrong", "another host name"),
        (ShownCertificate("chain"), "wrong", "intermediate"),
        (ShownCertificate("self_signed"), "wrong", "by itself"),
        (ShownCertificate("tls"), "wrong", "no TLS"),
        (ShownCertificate(), "wrong", "could not be read"),
        (ShownCertificate("timeout"), "unknown", "in time"),
        (ShownCertificate("refused"), "unknown", "no connection"),
        (ShownCertificate("name"), "unknown", "does not resolve"),
        (ShownCertificate("alert"), "unknown", "Meta's client certificate"),
    ],
)
def test_certificate_is_judged_by_its_end_and_its_failure(
    found: ShownCertificate, state: str, part: str
) -> None:
    finding = judge_certificate("almelo.example", found, NOW)
    assert (finding.state, part in finding.detail) == (state, True), finding
    assert "almelo.example" in finding.detail
    assert (finding.until is None) == bool(found.failure or not found.not_after)


def test_every_failure_of_a_certificate_has_a_sentence() -> None:
    for failure in CertificateFailure.__args__:  # type: ignore[attr-defined]
        assert judge_certificate("h", ShownCertificate(failure), NOW).detail


@pytest.mark.parametrize(
    ("url", "door"),
    [
        ("https://a.example/webhooks/whatsapp", Door("a.example", 443)),
        ("https://a.example:8443/x", Door("a.example", 8443)),
        ("http://a.example", None),
        ("https://", None),
        ("https://a.example:99999", None),
        ("", None),
    ],
)
def test_door_is_an_address_with_tls(url: str, door: Door | None) -> None:
    found = parse_door(url)
    assert found == door if door else isinstance(found, Finding) and found.state == "unknown"


def test_every_check_says_its_subject() -> None:
    assert all(CHECKS.values())
