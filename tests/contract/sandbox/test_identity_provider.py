"""The identity provider of the sandbox over HTTP, as the desk and a browser see it."""

import base64
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from sandbox.identity.claims import LOGOUT_EVENT, half_hash
from sandbox.identity.people import PEOPLE
from services import clock
from services.config.identity import IdentityGrant, IdentityProvider
from services.config.model import Configuration
from services.config.organisation import Department, Tenant
from services.http.person_tokens import PersonTokens
from services.http.rights import Rights
from services.http.server import serve
from tests.support.sandbox_login import (
    CALLBACK,
    DESK,
    SECRET,
    VERIFIER,
    Desk,
    answer_fields,
    login_fields,
)
from tests.support.sandbox_world import world

EXAMPLE = Path(__file__).parents[3] / "deploy" / "examples" / "voorbeeldstad" / "postkamer.toml"


pytestmark = pytest.mark.asyncio(loop_scope="module")
"""All tests share one provider, whose key takes longer to make than most of them take."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk() -> AsyncIterator[Desk]:
    async with world() as sandbox:
        yield Desk(sandbox.http, f"{sandbox.url}/identity")


def town(issuer: str) -> Configuration:
    """Departments, provider and grants of the example, with the provider at this address."""
    tables = tomllib.loads(EXAMPLE.read_text())
    [provider] = tables["identity_providers"]
    shipped = "http://127.0.0.1:8090/identity"
    assert provider["issuer"] == shipped
    at = {"issuer": issuer, "keys_url": provider["keys_url"].replace(shipped, issuer)}
    return Configuration.model_construct(
        tenants=(Tenant(id="voorbeeldstad", name="Gemeente Voorbeeldstad"),),
        departments=tuple(Department(**each) for each in tables["departments"]),
        identity_providers=(IdentityProvider(**provider | at),),
        identity_grants=tuple(IdentityGrant(**each) for each in tables["identity_grants"]),
    )


async def rights(desk: Desk, token: str) -> Rights | None:
    """Rights of a token, as gateway and archiver find them."""
    return await PersonTokens(town(desk.issuer)).find(token, clock.now())


async def test_description_names_addresses_that_are_there(desk: Desk) -> None:
    async with desk.http.get(f"{desk.issuer}/.well-known/openid-configuration") as answer:
        described = await answer.json()
    assert described["issuer"] == desk.issuer
    assert described["code_challenge_methods_supported"] == ["S256"]
    assert described["authorization_response_iss_parameter_supported"] is True
    assert described["backchannel_logout_session_supported"] is True
    posted = {"token_endpoint"}
    for name in ("authorization_endpoint", "jwks_uri", "end_session_endpoint", *posted):
        method = "POST" if name in posted else "GET"
        async with desk.http.request(method, described[name]) as answer:
            assert answer.status in (200, 400), name


@pytest.mark.parametrize("host", ["desk.example:99999", "[::1", "a@b", "x/../y"])
async def test_host_that_is_no_host_does_no_harm(desk: Desk, host: str) -> None:
    url = f"{desk.issuer}/.well-known/openid-configuration"
    async with desk.http.get(url, headers={"Host": host}) as answer:
        assert (answer.status, (await answer.json())["issuer"]) == (200, f"http://{host}/identity")


async def test_page_lists_the_people_without_a_script(desk: Desk) -> None:
    answer = await desk.ask(state='"><script>')
    page = await answer.text()
    assert (answer.status, answer.content_type) == (200, "text/html")
    assert '<html lang="nl">' in page and "<script" not in page
    for person in PEOPLE.values():
        assert f'value="{person.id}"><strong>{person.name}</strong>' in page
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert f"form-action 'self' {DESK}" in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers
    async with desk.http.get(desk.issuer.removesuffix("identity") + "page/identity.css") as css:
        assert css.status == 200


async def test_person_who_is_chosen_in_the_address_still_has_to_choose(desk: Desk) -> None:
    answer = await desk.ask(person="l.hendriks")
    page = await answer.text()
    assert answer.status == 200 and page.count('name="person"') == len(PEOPLE)


async def test_desk_gets_tokens_of_the_person_who_was_chosen(desk: Desk) -> None:
    location = await desk.choose("m.yildiz")
    answer = answer_fields(location)
    assert location.startswith(f"{CALLBACK}?")
    assert (answer["state"], answer["iss"]) == ("s1", desk.issuer)
    status, tokens = await desk.redeem(answer["code"])
    assert status == 200
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 300)
    assert tokens["session_state"] == answer["session_state"]
    assert 8 * 3600 - 10 < tokens["refresh_expires_in"] <= 8 * 3600

    header, access = await desk.read(tokens["access_token"])
    assert (header["typ"], header["alg"]) == ("at+jwt", "RS256")
    person = PEOPLE["m.yildiz"]
    assert access["iss"] == desk.issuer
    assert (access["aud"], access["client_id"]) == ("postkamer", "desk")
    assert (access["sub"], access["preferred_username"]) == (person.subject, person.id)
    assert (access["name"], access["roles"]) == (person.name, list(person.groups))
    assert access["exp"] - access["iat"] == 300

    header, identity = await desk.read(tokens["id_token"])
    assert header["typ"] == "JWT"
    assert (identity["iss"], identity["aud"], identity["nonce"]) == (desk.issuer, "desk", "n1")
    assert identity["sid"] == access["sid"] == answer["session_state"]
    assert (identity["sub"], identity["name"]) == (person.subject, person.name)
    assert identity["at_hash"] == half_hash(tokens["access_token"])


ORDINARY = {
    "burgerzaken",
    "openbare-ruimte",
    "belastingen",
    "werk-en-inkomen",
    "vergunningen",
    "parkeren",
    "klantcontact",
}


@pytest.mark.parametrize(
    ("person", "roles", "departments"),
    [
        ("l.hendriks", {"send", "read"}, {"burgerzaken"}),
        (
            "m.yildiz",
            {"send", "read", "kcc", "care"},
            {"klantcontact", "burgerzaken", "openbare-ruimte"},
        ),
        ("h.vos", {"send", "read", "care"}, {"zorg-en-jeugd"}),
        ("w.dekker", {"read", "records", "archivist", "privacy"}, None),
        ("s.dewit", {"send", "kcc", "rules"}, None),
    ],
)
async def test_apis_of_postkamer_accept_the_access_token_of_each_person(
    desk: Desk, person: str, roles: set[str], departments: set[str] | None
) -> None:
    tokens = await desk.log_in(person)
    found = await rights(desk, tokens["access_token"])
    assert found
    assert (found.tenant, found.person) == ("voorbeeldstad", person)
    assert (found.roles, found.departments) == (roles, departments)
    assert await rights(desk, tokens["id_token"]) is None


async def test_tokens_live_as_long_as_the_setting_says() -> None:
    async with world(token_seconds=2) as short:
        desk = Desk(short.http, f"{short.url}/identity")
        tokens = await desk.log_in("h.vos")
        _, access = await desk.read(tokens["access_token"])
        assert (tokens["expires_in"], access["exp"] - access["iat"]) == (2, 2)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"scope": "openid admin"}, "invalid_scope"),
        ({"prompt": "none"}, "login_required"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"request_uri": "https://x.example"}, "request_uri_not_supported"),
    ],
)
async def test_wrong_request_goes_back_to_the_desk_with_its_error(
    desk: Desk, changed: dict[str, str | None], error: str
) -> None:
    answer = await desk.ask(**changed)
    back = answer_fields(answer.headers["Location"])
    assert answer.status == 303 and answer.headers["Location"].startswith(f"{CALLBACK}?")
    assert (back["error"], back["state"], back["iss"]) == (error, "s1", desk.issuer)
    assert "code" not in back
    assert answer_fields(await desk.choose("h.vos", **changed))["error"] == error


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": f"{DESK}/elsewhere"},
        {"redirect_uri": "https://elsewhere.example/login/callback"},
        {"redirect_uri": f"{CALLBACK}/"},
        {"redirect_uri": None},
        {"client_id": "another"},
        {"client_id": None},
    ],
)
async def test_browser_is_sent_to_no_address_but_the_registered_one(
    desk: Desk, changed: dict[str, str | None]
) -> None:
    asked = await desk.ask(**changed)
    fields = login_fields(**changed) | {"person": "h.vos"}
    url = f"{desk.issuer}/authorize"
    async with desk.http.post(url, data=fields, allow_redirects=False) as chosen:
        for answer in (asked, chosen):
            assert answer.status == 400 and "Location" not in answer.headers
            assert "Dat lukt niet" in await answer.text()


async def test_parameter_that_stands_twice_is_refused(desk: Desk) -> None:
    fields = [*login_fields().items(), ("redirect_uri", "https://elsewhere.example/")]
    async with desk.http.get(f"{desk.issuer}/authorize", params=fields) as answer:
        assert answer.status == 400


async def test_desk_hears_that_nobody_was_chosen(desk: Desk) -> None:
    fields = login_fields() | {"cancel": "yes"}
    url = f"{desk.issuer}/authorize"
    async with desk.http.post(url, data=fields, allow_redirects=False) as answer:
        back = answer_fields(answer.headers["Location"])
    assert (back["error"], back["iss"]) == ("access_denied", desk.issuer)


async def test_code_that_is_used_twice_ends_the_tokens_that_were_made_of_it(desk: Desk) -> None:
    code = await desk.code("l.hendriks")
    _, tokens = await desk.redeem(code)
    status, again = await desk.redeem(code)
    assert (status, again["error"]) == (400, "invalid_grant")
    status, refreshed = await desk.refresh(tokens["refresh_token"])
    assert (status, refreshed["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("changed", "error", "spent"),
    [
        ({"code_verifier": "another-verifier-of-forty-three-characters-"}, "invalid_grant", True),
        ({"redirect_uri": f"{DESK}/elsewhere"}, "invalid_grant", True),
        ({"code_verifier": None}, "invalid_grant", False),
        ({"code_verifier": "short"}, "invalid_grant", False),
        ({"redirect_uri": None}, "invalid_request", False),
        ({"grant_type": "password"}, "unsupported_grant_type", False),
        ({"grant_type": None}, "invalid_request", False),
        ({"code": "unknown"}, "invalid_grant", False),
        ({"client_secret": "wrong"}, "invalid_client", False),
        ({"client_secret": None}, "invalid_client", False),
        ({"client_id": "another"}, "invalid_client", False),
    ],
)
async def test_wrong_request_gets_no_tokens_and_a_wrong_proof_spends_the_code(
    desk: Desk, changed: dict[str, str | None], error: str, spent: bool
) -> None:
    code = await desk.code("l.hendriks")
    status, answer = await desk.redeem(code, **changed)
    assert (status, answer["error"]) == (401 if error == "invalid_client" else 400, error)
    assert (await desk.redeem(code))[0] == (400 if spent else 200)


def basic(id: str, secret: str) -> dict[str, str]:
    encoded = base64.b64encode(f"{id}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


@pytest.mark.parametrize(
    ("headers", "fields", "status"),
    [
        (basic("desk", SECRET), {"client_id": None, "client_secret": None}, 200),
        (basic("desk", SECRET), {"client_secret": None}, 200),
        (basic("desk", SECRET), {}, 400),
        (basic("desk", "wrong"), {"client_id": None, "client_secret": None}, 401),
        (basic("desk", SECRET), {"client_id": "another", "client_secret": None}, 401),
        ({"Authorization": "Basic !"}, {"client_id": None, "client_secret": None}, 401),
        ({"Authorization": "Bearer x"}, {"client_id": None, "client_secret": None}, 401),
    ],
)
async def test_desk_proves_itself_in_the_header_or_in_the_form(
    desk: Desk, headers: dict[str, str], fields: dict[str, str | None], status: int
) -> None:
    grant = {"grant_type": "authorization_code", "code": await desk.code("h.vos")}
    proof = {"redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    answered, answer = await desk.post(grant | proof | fields, headers)
    assert answered == status, answer


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{}", {"Content-Type": "application/json"}),
        (b"a=" + b"x" * 9000, {"Content-Type": "application/x-www-form-urlencoded"}),
        (b"a=\xff", {"Content-Type": "application/x-www-form-urlencoded"}),
        (b"a=%ff", {"Content-Type": "application/x-www-form-urlencoded"}),
        (b"a=1&" * 40, {"Content-Type": "application/x-www-form-urlencoded"}),
    ],
)
async def test_body_that_is_no_small_form_is_refused(
    desk: Desk, body: bytes, headers: dict[str, str]
) -> None:
    for path in ("token", "authorize"):
        async with desk.http.post(f"{desk.issuer}/{path}", data=body, headers=headers) as answer:
            assert answer.status == 400


async def test_refresh_token_works_once_and_a_second_use_ends_the_session(desk: Desk) -> None:
    first = await desk.log_in("l.hendriks")
    status, second = await desk.refresh(first["refresh_token"])
    assert status == 200 and second["refresh_token"] != first["refresh_token"]
    assert (await rights(desk, second["access_token"])) is not None
    _, identity = await desk.read(second["id_token"])
    assert identity["sid"] == first["session_state"] and "nonce" not in identity
    status, third = await desk.refresh(second["refresh_token"], scope="openid")
    assert status == 200
    status, answer = await desk.refresh(second["refresh_token"])
    assert (status, answer["error"]) == (400, "invalid_grant")
    assert (await desk.refresh(third["refresh_token"]))[0] == 400


async def test_refresh_of_more_than_was_asked_for_is_refused(desk: Desk) -> None:
    tokens = await desk.log_in("l.hendriks")
    status, answer = await desk.refresh(tokens["refresh_token"], scope="openid email")
    assert (status, answer["error"]) == (400, "invalid_scope")
    assert (await desk.refresh(tokens["refresh_token"]))[0] == 200


async def log_out(desk: Desk, **fields: str) -> tuple[int, str, str]:
    """Status, address and page of a logout."""
    url = f"{desk.issuer}/logout"
    async with desk.http.get(url, params=fields, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", ""), await answer.text()


async def test_logout_ends_the_session_and_sends_the_browser_back(desk: Desk) -> None:
    tokens = await desk.log_in("l.hendriks")
    other = await desk.log_in("l.hendriks")
    back = {"post_logout_redirect_uri": f"{DESK}/login", "state": "s 2"}
    status, address, _ = await log_out(desk, id_token_hint=tokens["id_token"], **back)
    assert (status, address) == (303, f"{DESK}/login?state=s+2")
    assert (await desk.refresh(tokens["refresh_token"]))[0] == 400
    assert (await desk.refresh(other["refresh_token"]))[0] == 200


async def test_logout_without_an_address_has_a_page(desk: Desk) -> None:
    tokens = await desk.log_in("l.hendriks")
    status, address, page = await log_out(desk, id_token_hint=tokens["id_token"])
    assert (status, address) == (200, "") and "U bent uitgelogd" in page
    assert (await desk.refresh(tokens["refresh_token"]))[0] == 400


async def test_logout_without_an_id_token_ends_nothing(desk: Desk) -> None:
    tokens = await desk.log_in("l.hendriks")
    back = {"client_id": "desk", "post_logout_redirect_uri": f"{DESK}/"}
    assert (await log_out(desk, **back))[:2] == (303, f"{DESK}/")
    assert (await desk.refresh(tokens["refresh_token"]))[0] == 200


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", ""])
async def test_logout_with_something_else_than_an_id_token_is_refused(
    desk: Desk, hint: str
) -> None:
    tokens = await desk.log_in("l.hendriks")
    fields = {"id_token_hint": tokens[hint] if hint else "eyJ.x.y"}
    assert (await log_out(desk, **fields))[:2] == (400, "")
    assert (await desk.refresh(tokens["refresh_token"]))[0] == 200


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.example/",
        f"{DESK}.elsewhere.example/",
        f"{DESK}@elsewhere.example/",
        f"{DESK}/x\r\nSet-Cookie: a=b",
    ],
)
async def test_logout_sends_the_browser_to_no_other_site(desk: Desk, address: str) -> None:
    tokens = await desk.log_in("l.hendriks")
    fields = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": address}
    assert (await log_out(desk, **fields))[:2] == (400, "")
    only = {"post_logout_redirect_uri": f"{DESK}/"}
    assert (await log_out(desk, **only))[:2] == (400, "")


class Ended:
    """A desk that keeps the logout tokens that it gets."""

    def __init__(self) -> None:
        self.forms: list[dict[str, Any]] = []

    async def take(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/x-www-form-urlencoded"
        self.forms.append(dict(await request.post()))
        return web.Response(status=204)


@pytest_asyncio.fixture(loop_scope="module")
async def told() -> AsyncIterator[tuple[Ended, Desk]]:
    """A desk that listens, and its provider."""
    ended, app = Ended(), web.Application()
    app.router.add_post("/login/ended", ended.take)
    async with serve(app, "127.0.0.1", 0) as port:
        url = f"http://127.0.0.1:{port}"
        async with world(desk_url=url, desk_client_secret="drawn") as sandbox:
            issuer = f"{sandbox.url}/identity"
            yield ended, Desk(sandbox.http, issuer, secret="drawn", url=url)


async def end(desk: Desk, person: str) -> tuple[int, Any]:
    async with desk.http.post(f"{desk.issuer}/people/{person}/_end") as answer:
        return answer.status, await answer.json(content_type=None)


async def test_desk_is_told_of_each_session_of_a_person_who_is_locked_out(
    told: tuple[Ended, Desk],
) -> None:
    ended, desk = told
    sessions = [await desk.log_in("h.vos") for _ in range(2)]
    colleague = await desk.log_in("l.hendriks")
    assert await end(desk, "h.vos") == (200, {"ended": 2, "statuses": [204, 204]})
    read = [await desk.read(form["logout_token"]) for form in ended.forms]
    assert {claims["sid"] for _, claims in read} == {each["session_state"] for each in sessions}
    for header, claims in read:
        assert header["typ"] == "logout+jwt"
        assert (claims["iss"], claims["aud"]) == (desk.issuer, "desk")
        assert claims["sub"] == PEOPLE["h.vos"].subject
        assert claims["events"] == {LOGOUT_EVENT: {}}
        assert claims["jti"] and "nonce" not in claims
        assert 0 < claims["exp"] - claims["iat"] <= 120
    for each in sessions:
        assert (await desk.refresh(each["refresh_token"]))[0] == 400
    assert (await desk.refresh(colleague["refresh_token"]))[0] == 200
    assert await end(desk, "h.vos") == (200, {"ended": 0, "statuses": []})


async def test_code_of_a_person_who_is_locked_out_gives_no_tokens(desk: Desk) -> None:
    await end(desk, "h.vos")  # the sessions of other tests
    code = await desk.code("h.vos")
    assert await end(desk, "h.vos") == (200, {"ended": 1, "statuses": [0]})
    assert (await desk.redeem(code))[0] == 400
    assert (await end(desk, "nobody"))[0] == 404


GOES = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "authorize", GOES, 200),
        ("GET", "logout", GOES, 200),
        ("GET", "authorize", GOES | {"Sec-Fetch-Dest": "iframe"}, 403),
        ("GET", "authorize", GOES | {"Sec-Fetch-Mode": "cors"}, 403),
        ("GET", "authorize", {}, 403),
        ("POST", "authorize", GOES, 403),
        ("POST", "token", GOES, 403),
        ("POST", "people/h.vos/_end", GOES, 403),
        ("GET", "keys", GOES, 403),
    ],
)
@pytest.mark.parametrize("site", ["same-site", "cross-site"])
async def test_another_site_can_only_send_the_browser_to_log_in_or_out(
    desk: Desk, method: str, path: str, headers: dict[str, str], status: int, site: str
) -> None:
    fields = login_fields() | {"person": "h.vos"} if path == "authorize" else {}
    options: dict[str, Any] = {"headers": headers | {"Sec-Fetch-Site": site}}
    options |= {"data": fields} if method == "POST" else {"params": fields}
    url = f"{desk.issuer}/{path}"
    async with desk.http.request(method, url, allow_redirects=False, **options) as answer:
        assert answer.status == status
