"""A citizen writes, employees answer at the desk: through all services."""

import asyncio
import io
import re
from functools import partial
from html import unescape

import aiohttp
import pytest
from PIL import Image

from tests.support.desk.employee import Employee
from tests.support.e2e.phone import SECONDS, Phone
from tests.support.installation import Installation
from tests.support.observer import Watch, until


@pytest.fixture
def fatima(watch: Watch, session: aiohttp.ClientSession) -> Phone:
    return Phone(watch, session, "31600000801")


async def test_two_employees_see_a_message_and_one_answer_goes(
    fatima: Phone, lotte: Employee, murat: Employee, hanna: Employee
) -> None:
    await fatima.writes("Mijn paspoort is zoek geraakt")
    path = await lotte.finds("Mijn paspoort is zoek geraakt")
    assert await murat.finds("Mijn paspoort is zoek geraakt") == path
    await lotte.reads(path, "Mijn paspoort is zoek geraakt")
    await murat.reads(path, "Mijn paspoort is zoek geraakt")
    assert "Waarom hier:" in lotte.page

    await lotte.submit(f"{path}/answer", {"text": "Kom langs aan de balie."})
    assert lotte.status == 200, lotte.page
    await until(fatima.got, lambda got: "Kom langs aan de balie." in got, SECONDS)
    await murat.submit(f"{path}/answer", {"text": "Bel ons even."})
    assert murat.status == 409
    assert "Iemand heeft intussen geantwoord" in unescape(murat.page)
    assert "Bel ons even." in murat.page  # nothing that was typed is lost
    assert "Bel ons even." not in await fatima.got()

    assert await lotte.finds("Mijn paspoort is zoek geraakt", "citizen") == path
    await hanna.get("/inbox")
    assert path not in hanna.page
    for hidden in (path, f"{path}/messages"):
        await hanna.get(hidden)
        assert hanna.status == 404
        assert "paspoort" not in hanna.page
    await hanna.get("/inbox")
    token = hanna.form("/logout")
    assert token
    for verb in ("answer", "take", "note", "transfer", "close", "draft"):
        await hanna.post(f"{path}/{verb}", token | {"text": "x", "assignee": ""})
        assert hanna.status == 404, verb


async def test_conversation_is_taken_by_one_and_given_back(
    fatima: Phone, lotte: Employee, murat: Employee
) -> None:
    fatima.number = "31600000802"
    await fatima.writes("Mijn rijbewijs verloopt morgen")
    path = await lotte.finds("Mijn rijbewijs verloopt morgen")
    for each in (lotte, murat):
        await each.reads(path, "Mijn rijbewijs verloopt morgen")
    await lotte.submit(f"{path}/take", {})
    assert lotte.status == 200
    await murat.submit(f"{path}/take", {})  # his page shows that nobody has it
    assert murat.status == 409
    assert "bij l.hendriks" in murat.page
    assert await lotte.finds("Mijn rijbewijs verloopt morgen", "mine") == path
    await lotte.get(path)
    await lotte.submit(f"{path}/give-back", {})
    assert await murat.finds("Mijn rijbewijs verloopt morgen", "nobodys") == path


async def test_transferred_conversation_leaves_one_inbox_for_another(
    fatima: Phone, lotte: Employee, murat: Employee
) -> None:
    fatima.number = "31600000803"
    await fatima.writes("Ik wil een uittreksel, en er ligt vuil op straat")
    path = await lotte.finds("Ik wil een uittreksel")
    await fatima.writes("Er ligt ook een vuilniszak naast de container")
    assert await lotte.finds("ook over: Openbare ruimte") == path
    await lotte.reads(path, "ook over: Openbare ruimte")
    fields = {"department": "openbare-ruimte", "reason": "Het gaat om zwerfvuil"}
    await lotte.submit(f"{path}/transfer", fields)
    assert lotte.url.path == "/inbox" and "Het gesprek is doorgegeven." in lotte.page

    async def open_page() -> str:
        return await lotte.get(f"{path}/messages", **{"HX-Request": "true"})

    fragment = await until(open_page, lambda page: "uittreksel" not in page, SECONDS)
    assert "niet meer bij een afdeling van u" in fragment
    assert path not in await lotte.get("/inbox")
    await murat.reads(path, "Het gaat om zwerfvuil")
    assert "Openbare ruimte" in murat.page and "ook over" not in murat.page


async def test_note_and_closing(town: Installation, fatima: Phone, lotte: Employee) -> None:
    fatima.number = "31600000804"
    await fatima.writes("Hoe kan ik trouwen op zaterdag?")
    path = await lotte.finds("Hoe kan ik trouwen op zaterdag?")
    await lotte.reads(path, "Hoe kan ik trouwen op zaterdag?")
    await lotte.submit(f"{path}/note", {"note": "Collega belt terug"})
    await lotte.reads(path, "Collega belt terug")
    assert "Collega belt terug" not in await fatima.got()
    assert "6.1.3, <span" in lotte.page, "the default is shown"
    await lotte.get("/selection-list")
    assert (
        '<option value="6.1.3 Verzoeken behandelen: Ingewilligd, Informatieverzoek">' in lotte.page
    )
    await lotte.get(path)
    closing = {"outcome": "handled", "reason": "gebeld"}
    await lotte.submit(f"{path}/close", closing | {"result": "6.1.99"})
    assert lotte.status == 409 and 'value="6.1.99"' in lotte.page
    await lotte.submit(f"{path}/close", closing | {"result": "15.1 Onderhouden en repareren"})
    assert await lotte.finds("Hoe kan ik trouwen op zaterdag?", "closed") == path
    sql = "select state, valued_code from archiver.dossier where conversation = '{}'"
    look = partial(town.database.execute, sql.format(path.rpartition("/")[2]))
    await until(lambda: asyncio.to_thread(look), lambda found: found == "destroy|15.1", SECONDS)


async def test_confidential_department_is_read_at_the_record_alone(
    fatima: Phone, hanna: Employee, lotte: Employee
) -> None:
    fatima.number = "31600000805"
    await fatima.writes("Ik heb een vraag over jeugdzorg voor mijn zoon")
    path = await hanna.finds("Vertrouwelijk")
    assert "jeugdzorg" not in hanna.page
    await hanna.reads(path, "Ik heb een vraag over jeugdzorg voor mijn zoon")
    await lotte.get(path)
    assert lotte.status == 404


async def test_photo_is_shown_small_and_whole_behind_it(
    fatima: Phone, lotte: Employee, hanna: Employee
) -> None:
    fatima.number = "31600000807"
    photo = io.BytesIO()
    Image.effect_noise((1600, 1200), 40).save(photo, "JPEG")
    await fatima.writes("Mijn paspoort is nat geworden")
    path = await lotte.finds("Mijn paspoort is nat geworden")
    await fatima.sends_photo(photo.getvalue())
    await lotte.reads(path, "/thumbnail")
    sources = re.findall(r'src="(/files/[^"]+)"', lotte.page)
    [small] = [unescape(each) for each in sources]
    whole = small.replace("/thumbnail", "")
    assert small != whole and whole in lotte.links("/files/")
    await lotte.get(small)
    assert lotte.headers["Content-Type"] == "image/jpeg"
    assert Image.open(io.BytesIO(lotte.content)).size == (320, 240)
    await lotte.get(whole)
    assert lotte.content == photo.getvalue()
    await lotte.get(path)
    page, printed = lotte.links(f"{path}/transcript/")
    await lotte.get(page)
    assert (lotte.status, lotte.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert lotte.headers["Content-Disposition"] == 'attachment; filename="gesprek.html"'
    assert b"Mijn paspoort is nat geworden" in lotte.content
    assert b'src="data:image/jpeg;base64,' in lotte.content
    await lotte.get(printed)
    assert (lotte.status, lotte.content[:5]) == (200, b"%PDF-")
    for hidden in (small, whole, page, printed):
        await hanna.get(hidden)
        assert hanna.status == 404


async def test_draft_survives(fatima: Phone, lotte: Employee) -> None:
    fatima.number = "31600000806"
    await fatima.writes("Waar kan ik mijn identiteitskaart ophalen?")
    path = await lotte.finds("Waar kan ik mijn identiteitskaart ophalen?")
    await lotte.reads(path, "Waar kan ik mijn identiteitskaart ophalen?")
    form = lotte.form(f"{path}/answer")
    assert form
    await lotte.post(f"{path}/draft", form | {"text": "U kunt <terecht> & meer"})
    assert lotte.status == 204
    await lotte.get(path)
    kept = lotte.form(f"{path}/answer")
    assert kept and kept.pop("opening") != form.pop("opening"), "it was opened again"
    assert kept == form | {"text": "U kunt <terecht> & meer"}


async def test_stranger_is_sent_to_log_in(
    town: Installation, session: aiohttp.ClientSession
) -> None:
    for path in ("/inbox", "/inbox/list", "/conversations/x", "/files/x", "/stream"):
        async with session.get(town.desk + path, allow_redirects=False) as answer:
            assert answer.status == 303, path
            assert answer.headers["Location"].startswith("/login")


async def test_each_answer_is_for_its_page_alone_and_names_no_software(
    town: Installation, session: aiohttp.ClientSession, lotte: Employee
) -> None:
    for path in ("/inbox", "/standard-answers", "/conversations/x", "/nothing", "/login"):
        await lotte.get(path)
        assert lotte.headers["Server"] == "Postkamer", path
        assert "unsafe" not in lotte.headers["Content-Security-Policy"]
    async with session.post(f"{town.desk}/events", data=b"{}") as answer:
        assert (answer.status, answer.headers["Server"]) == (401, "Postkamer")


async def test_log_out_ends_the_session_here_and_at_the_provider(lotte: Employee) -> None:
    cookies = {origin: dict(jar) for origin, jar in lotte.cookies.items()}
    await lotte.get("/inbox")
    await lotte.submit("/logout", {})
    assert "U bent uitgelogd" in lotte.page
    lotte.cookies = cookies  # whoever kept the cookie
    await lotte.get("/inbox")
    assert lotte.url.path == "/identity/authorize"


async def test_provider_ends_a_session(
    town: Installation, session: aiohttp.ClientSession, hanna: Employee
) -> None:
    await hanna.get("/inbox")
    assert hanna.status == 200
    async with session.post(f"{town.sandbox}/identity/people/h.vos/_end") as answer:
        assert set((await answer.json())["statuses"]) == {200}  # hers of earlier tests too
    await hanna.get("/inbox")
    assert hanna.url.path == "/identity/authorize"


async def test_change_without_the_token_of_its_page_is_refused(
    fatima: Phone, lotte: Employee
) -> None:
    fatima.number = "31600000807"
    await fatima.writes("Kan ik mijn paspoort spoed aanvragen?")
    path = await lotte.finds("Kan ik mijn paspoort spoed aanvragen?")
    await lotte.post(f"{path}/take", {"assignee": ""})
    assert lotte.status == 403
    await lotte.post(f"{path}/take", {"assignee": "", "form_token": "0" * 64})
    assert lotte.status == 403
    await lotte.get("/inbox")
    token = lotte.form("/logout")
    assert token
    await lotte.post(f"{path}/take", token | {"assignee": ""}, **{"Sec-Fetch-Site": "cross-site"})
    assert lotte.status == 403
    await lotte.get("/inbox?filter=mine")
    assert path not in lotte.page


async def test_open_page_alone_keeps_no_session_alive(town: Installation, lotte: Employee) -> None:
    def age(minutes: int) -> None:
        town.database.execute(
            f"update desk.session set used_at = now() - interval '{minutes} minutes'"
        )

    fresh = "select count(*) from desk.session where used_at > now() - interval '5 minutes'"
    age(50)
    for path in ("/inbox/list", "/conversations/x/messages"):
        await lotte.get(path)
    assert town.database.execute(fresh) == "0"
    await lotte.get("/inbox")
    assert town.database.execute(fresh) == "1"
    age(61)
    await lotte.get("/inbox/list", **{"HX-Request": "true"})
    assert (lotte.status, lotte.headers["HX-Redirect"]) == (401, "/login")


async def test_language_is_kept_in_the_browser(lotte: Employee) -> None:
    await lotte.get("/inbox?filter=mine")
    await lotte.submit("/language", {"language": "en"})
    assert lotte.url.path == "/inbox" and "Waiting for an answer" in lotte.page
    await lotte.post("/language", {"language": "nl", "to": "//evil.example"})
    assert lotte.url.host == "127.0.0.1" and "Wacht op antwoord" in lotte.page


async def test_session_that_somebody_laid_ready_is_nobodys(
    town: Installation, session: aiohttp.ClientSession
) -> None:
    """Session fixation: the value that a browser brings along is never the one of its session."""
    browser = Employee(session, town.desk)
    laid = {"desk": "laid-ready", "desk-login": "laid-ready"}
    browser.cookies[town.desk] = dict(laid)
    await browser.log_in("l.hendriks")
    kept = dict(browser.cookies[town.desk])
    assert kept["desk"] != laid["desk"] and "desk-login" not in kept
    thief = Employee(session, town.desk)
    thief.cookies[town.desk] = dict(laid)
    await thief.get("/inbox")
    assert thief.url.path == "/identity/authorize"
    await browser.log_in("l.hendriks")
    assert browser.cookies[town.desk]["desk"] != kept["desk"]  # a new one at each login
    thief.cookies[town.desk] = kept
    await thief.get("/inbox")
    assert thief.url.path == "/identity/authorize", "the one before has ended"
