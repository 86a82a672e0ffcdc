"""The desk with a certified OpenID Connect provider that others made: node-oidc-provider."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from html import unescape

import aiohttp
import pytest
from yarl import URL

from deploy.local.state import free_port
from tests.support.desk.certified_provider import SECRET, certified_provider, missing
from tests.support.desk.employee import SECONDS, Employee
from tests.support.desk.town import ISSUER, with_desk
from tests.support.installation import Installation
from tests.support.observer import until

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


class Peer:
    """The provider, which a test may start again: it then has forgotten everybody."""

    def __init__(self, town: Installation, port: int) -> None:
        self.town, self.port, self._stack = town, port, ExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        made = certified_provider(self.port, self.town.desk, self.town.folder)
        self._stack.enter_context(made)

    def stop(self) -> None:
        self._stack.close()

    def sessions(self) -> int:
        return int(self.town.database.execute("select count(*) from desk.session"))


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    port = free_port()

    def with_peer(text: str) -> str:
        text = with_desk(text).replace(f"{ISSUER}/keys", f"http://127.0.0.1:{port}/jwks")
        return text.replace(ISSUER, f"http://127.0.0.1:{port}")

    town = Installation(tmp_path_factory.mktemp("town"), with_peer, has_desk=True)
    town.more = {
        "POSTKAMER_DESK_ISSUER": f"http://127.0.0.1:{port}",
        "POSTKAMER_DESK_CLIENT_SECRET": SECRET,
    }
    peer = Peer(town, port)
    try:
        peer.start()
        town.start()
        yield peer
    finally:
        peer.stop()
        town.discard()


@pytest.fixture
async def browser(peer: Peer, session: aiohttp.ClientSession) -> AsyncIterator[Employee]:
    yield Employee(session, peer.town.desk)
    peer.town.database.execute("delete from desk.session")


async def log_in(browser: Employee, person: str) -> None:
    """Log in on the provider's own pages, where anyone is who they say."""
    await browser.get("/inbox")
    await submit(browser, {"login": person, "password": "any"})
    await submit(browser, {})


async def submit(browser: Employee, fields: dict[str, str]) -> None:
    """Send the one form of the provider's page."""
    [action] = actions(browser)
    await browser.submit(action, fields)


def actions(browser: Employee) -> list[str]:
    return [part.partition('"')[0] for part in unescape(browser.page).split('action="')[1:]]


def renew(peer: Peer) -> None:
    """Let every session ask for new tokens at its next request."""
    peer.town.database.execute("update desk.session set refresh_at = now()")


async def test_employee_logs_in_and_reaches_the_departments_of_their_groups(
    peer: Peer, browser: Employee
) -> None:
    await browser.get("/inbox")
    assert str(browser.url).startswith(f"{peer.url}/interaction/")
    await submit(browser, {"login": "l.hendriks", "password": "any"})
    await submit(browser, {})
    assert (browser.status, browser.url.path) == (200, "/inbox"), browser.page
    assert "<summary>l.hendriks</summary>" in browser.page
    access = peer.town.database.execute("select access from desk.session")
    assert "burgerzaken" in access and "zorg-en-jeugd" not in access


async def test_tokens_are_renewed_again_and_again_until_the_provider_refuses(
    peer: Peer, browser: Employee
) -> None:
    """Each refresh token works once there, so the second renewal shows that the first was kept."""
    await log_in(browser, "l.hendriks")
    for _ in range(2):
        renew(peer)
        await browser.get("/inbox")
        assert browser.status == 200
        assert peer.town.database.execute("select refresh_at > now() from desk.session") == "t"
    peer.stop()
    renew(peer)
    await browser.get("/inbox")
    assert (browser.status, browser.url.path) == (200, "/inbox")  # away is no refusal
    peer.start()
    renew(peer)
    await browser.get("/inbox")
    assert str(browser.url).startswith(peer.url)
    assert peer.sessions() == 0


async def test_log_out_ends_the_session_at_the_provider_too(peer: Peer, browser: Employee) -> None:
    await log_in(browser, "l.hendriks")
    await browser.submit("/logout", {})
    assert str(browser.url).startswith(f"{peer.url}/session/end"), browser.page
    await submit(browser, {"logout": "yes"})
    assert browser.url.path == "/logged-out"
    await browser.get("/inbox")
    assert "password" in browser.page  # it asks again who is there


async def test_provider_that_ends_a_session_tells_the_desk(peer: Peer, browser: Employee) -> None:
    """The browser leaves at the provider, as from another application (back-channel logout)."""
    await log_in(browser, "l.hendriks")
    other = Employee(browser.session, peer.town.desk)
    await log_in(other, "h.vos")
    assert peer.sessions() == 2
    await browser.get(f"{peer.url}/session/end")
    await submit(browser, {"logout": "yes"})

    async def count() -> int:
        return await asyncio.to_thread(peer.sessions)

    await until(count, lambda left: left == 1, SECONDS)
    await other.get("/inbox")
    assert other.url.path == "/inbox"
    await browser.get("/inbox")
    assert str(browser.url).startswith(peer.url)


async def test_person_without_a_group_of_ours_is_not_let_in(peer: Peer, browser: Employee) -> None:
    await log_in(browser, "of.another.department")
    assert (browser.status, browser.url.path) == (403, "/login/callback")
    assert peer.sessions() == 0


async def test_code_of_another_browser_and_code_that_was_used_are_refused(
    peer: Peer, browser: Employee
) -> None:
    """A browser that has the address with the code has no attempt for it; one that has both finds
    that the provider gives tokens once."""
    await browser.get("/inbox")
    await submit(browser, {"login": "l.hendriks", "password": "any"})
    kept = dict(browser.cookies[peer.town.desk])
    address = await address_with_code(peer, browser)
    stranger = Employee(browser.session, peer.town.desk)
    await stranger.get(address)
    assert (stranger.status, peer.sessions()) == (400, 0)
    await browser.get(address)
    assert browser.url.path == "/inbox"
    again = Employee(browser.session, peer.town.desk)
    again.cookies[peer.town.desk] = kept
    await again.get(address)
    assert (again.status, again.url.path) == (400, "/login/callback")
    assert peer.sessions() == 1


async def address_with_code(peer: Peer, browser: Employee) -> str:
    """Consent, and stop before the browser goes back to the desk."""
    [action] = actions(browser)
    url, method = browser.url.join(URL(action)), "POST"
    fields: dict[str, str] | None = browser.form(action)
    while url.origin() == URL(peer.url):
        cookies = "; ".join(f"{k}={v}" for k, v in browser.cookies[peer.url].items())
        async with browser.session.request(
            method, url, data=fields, headers={"Cookie": cookies}, allow_redirects=False
        ) as answer:
            url, method, fields = URL(answer.headers["Location"], encoded=True), "GET", None
    return str(url)
