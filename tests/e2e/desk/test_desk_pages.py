"""Files, templates, standard answers and the managers' pages, through all services."""

import asyncio
import csv
import re
from html import unescape

import aiohttp
import pytest

from desk.pages.management.figure_table import CSV_BEGINNING
from tests.support.desk.employee import Employee
from tests.support.e2e.phone import SECONDS, Phone
from tests.support.installation import Installation
from tests.support.observer import Watch, until

PNG = b"\x89PNG\r\n\x1a\n" + bytes(200_000)
"""A picture that comes in several pieces."""


@pytest.fixture
def fatima(watch: Watch, session: aiohttp.ClientSession) -> Phone:
    return Phone(watch, session, "31600000831")


async def opened(phone: Phone, employee: Employee, words: str) -> str:
    """The path of a new conversation, whose page the employee has before them."""
    await phone.writes(words)
    path = await employee.finds(words)
    await employee.reads(path, words)
    return path


async def received(watch: Watch, type: str) -> list[dict[str, object]]:
    """Contents of this type that Meta took."""
    async with watch.session.get(f"{watch.town.sandbox}/phone/received") as answer:
        return [each["content"] for each in await answer.json() if each["type"] == type]


async def test_picture_goes_with_its_caption_once(
    watch: Watch, fatima: Phone, lotte: Employee
) -> None:
    path = await opened(fatima, lotte, "Hoe ziet een paspoort eruit?")
    form = lotte.form(f"{path}/file")
    assert form
    long = {"caption": "Zo ziet het eruit. " + "é" * 400}
    for _ in range(2):  # the second time from the same page
        await lotte.upload(f"{path}/file", form | long, "paspoort.png", PNG, "image/png")
        assert lotte.status == 200, lotte.page
    sent = await until(lambda: received(watch, "image"), bool, SECONDS)
    assert [each["caption"] for each in sent] == [long["caption"]]
    await lotte.upload(f"{path}/file", form, "pagina.html", b"<script>", "text/html")
    assert lotte.status == 400
    assert "WhatsApp laat dit soort bestand niet toe" in lotte.page
    stolen = form | {"form_token": "0" * 64}
    await lotte.upload(f"{path}/file", stolen, "paspoort.png", PNG, "image/png")
    assert lotte.status == 404


async def test_text_beside_an_uncertain_answer_is_kept_until_that_one_is_certain(
    town: Installation, fatima: Phone, lotte: Employee
) -> None:
    fatima.number = "31600000832"
    path = await opened(fatima, lotte, "Wanneer is mijn rijbewijs klaar?")
    form = lotte.form(f"{path}/answer")
    assert form
    await asyncio.to_thread(town.kill, "gateway")
    await lotte.post(f"{path}/answer", form | {"text": "Vrijdag."})
    assert lotte.status == 503
    await asyncio.to_thread(town.restart, "gateway")
    await asyncio.to_thread(town.wait_until_ready, "gateway")
    await lotte.post(f"{path}/answer", form | {"text": "Nee, donderdag."})
    assert lotte.status == 409
    assert "Is dit verstuurd?" in lotte.page and "Vrijdag." in lotte.page
    assert await fatima.got() == []
    await lotte.submit(f"{path}/answer", {})
    await until(fatima.got, lambda got: got == ["Vrijdag."], SECONDS)
    await lotte.get(path)
    kept = lotte.form(f"{path}/answer")
    assert kept and kept["text"] == "Nee, donderdag."
    counts = await counted(town, lotte)
    assert counts['answers_total{outcome="uncertain"}'] >= 1
    assert counts['answers_total{outcome="given"}'] >= 1
    assert counts['api_requests_total{api="gateway",outcome="unanswered"}'] >= 1


async def counted(town: Installation, employee: Employee) -> dict[str, float]:
    """Metrics of the desk alone, as Prometheus reads them."""
    async with employee.session.get(f"{town.operations('desk')}/metrics") as answer:
        shown = await answer.text()
    found = re.findall(r"^postkamer_desk_(\S+) (\S+)$", shown, re.MULTILINE)
    return {name: float(value) for name, value in found}


async def test_metrics_count_events_logins_requests_and_open_pages(
    town: Installation, session: aiohttp.ClientSession, fatima: Phone, lotte: Employee
) -> None:
    fatima.number = "31600000839"
    before = await counted(town, lotte)
    async with session.post(f"{town.desk}/events", data=b"{}") as refused:
        assert refused.status == 401
    await lotte.get("/login/callback?code=x&state=x")
    assert lotte.status == 400
    await opened(fatima, lotte, "Hoe lang duurt een paspoort?")
    headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in lotte.cookies[lotte.desk].items())}
    async with session.get(f"{town.desk}/stream", headers=headers) as stream:
        assert await stream.content.readline() == b"retry: 1000\n"
        after = await counted(town, lotte)
    rose = {name for name, value in after.items() if value > before.get(name, 0)}
    assert rose >= {
        'event_requests_total{status="401"}',
        'event_requests_total{status="204"}',
        'logins_total{outcome="late"}',
        'api_requests_total{api="archiver",outcome="answered"}',
        "streams",
    }
    assert after['logins_total{outcome="logged_in"}'] >= 1
    assert after['logins_total{outcome="away"}'] == 0  # there before the first one


async def test_template_is_seen_filled_in_and_sent(
    watch: Watch, fatima: Phone, lotte: Employee
) -> None:
    fatima.number = "31600000833"
    path = await opened(fatima, lotte, "Wanneer is mijn afspraak voor een paspoort?")
    link = f"{path}/templates?last_answer=none&covers=1"

    async def lists() -> bool:
        return "afspraak_herinnering" in await lotte.get(link)

    await until(lists, bool, SECONDS)
    names = {"name": "afspraak_herinnering", "language": "nl"}
    token = lotte.form(f"{path}/templates")
    assert token
    values = {"value-0": "vrijdag 4 december", "value-1": "9.00 uur"}
    await lotte.post(f"{path}/templates", token | names)
    assert "op [donderdag 3 december] om" in unescape(lotte.page)
    await lotte.submit(f"{path}/templates", values)
    assert "op vrijdag 4 december om 9.00 uur" in unescape(lotte.page)
    await lotte.submit(f"{path}/templates", values | {"send": "yes"})
    assert lotte.url.path == path, lotte.page
    [sent] = await until(lambda: received(watch, "template"), bool, SECONDS)
    assert sent["name"] == "afspraak_herinnering"


async def test_manager_writes_a_standard_answer_that_others_begin_with(
    fatima: Phone, lotte: Employee, murat: Employee
) -> None:
    await lotte.get("/standard-answers")
    assert lotte.form("/standard-answers") is None  # she may read them
    token = lotte.form("/logout")
    assert token
    given = {"title": "Ophalen", "text": "Beste {naam}, kom langs. Groet, {medewerker}"}
    id = {"id": "0199a000-0000-7000-8000-000000000001", "department": "burgerzaken"}
    await lotte.post("/standard-answers", token | id | given)
    assert lotte.status == 404
    await murat.get("/standard-answers")
    await murat.submit("/standard-answers", given | {"department": "burgerzaken"})
    assert "Ophalen" in murat.page
    fatima.number = "31600000834"
    path = await opened(fatima, lotte, "Waar haal ik mijn identiteitskaart?")
    [link] = lotte.links(f"{path}?standard=")
    await lotte.get(link)
    begun = lotte.form(f"{path}/answer")
    assert begun and begun["text"] == "Beste inwoner, kom langs. Groet, l.hendriks"


async def test_manager_tries_a_sentence_and_sets_a_notice(murat: Employee, lotte: Employee) -> None:
    await murat.get("/rules")
    await murat.submit("/rules", {"text": "mijn container is vol"})
    assert "Gaat naar Openbare ruimte" in murat.page
    assert "container" not in str(murat.url)
    await murat.get("/numbers")
    action = "/numbers/106540352242922/notice"
    text = "Er is storm. Wij antwoorden later. U kunt ons ook mailen."
    await murat.submit(action, {"text": text, "until": "2020-01-01T10:00"})
    assert murat.status == 400
    assert "/until" in murat.page
    for path in ("/rules", "/numbers"):
        await lotte.get(path)
        assert lotte.status == 404


async def figures(manager: Employee) -> dict[str, str]:
    """The last row of the file of this month: all departments together."""
    await manager.get("/figures")
    [link] = manager.links("/figures/file")
    await manager.get(link)
    assert manager.headers["Content-Type"] == "text/csv; charset=utf-8"
    head, *_, total = csv.reader(
        manager.page.removeprefix(CSV_BEGINNING).splitlines(), delimiter=";"
    )
    return dict(zip(head, total, strict=True))


async def test_manager_reads_the_figures_and_others_do_not(
    fatima: Phone, lotte: Employee, sanne: Employee
) -> None:
    before = await figures(sanne)
    fatima.number = "31600000835"
    path = await opened(fatima, lotte, "Hoe lang is een paspoort geldig?")
    await sanne.get("/figures")
    assert "Burgerzaken" in sanne.page and "Er wacht niemand" not in sanne.page
    await lotte.submit(f"{path}/answer", {"text": "Tien jaar."})
    await until(fatima.got, lambda got: "Tien jaar." in got, SECONDS)
    after = await figures(sanne)
    names = "Begonnen door inwoners", "Van inwoners", "Van medewerkers", "Aantal"
    assert [int(after[name]) - int(before[name]) for name in names] == [1, 1, 1, 1]
    assert int(after["Helft binnen (minuten)"]) < 5
    await sanne.get("/figures?month=1999-01")  # of no month the present one
    assert sanne.status == 200
    for path in ("/figures", "/figures/file", "/rights", "/destinations/desk"):
        await lotte.get(path)
        assert lotte.status == 404, path


async def test_manager_sees_who_has_which_rights_and_ends_a_session(
    lotte: Employee, sanne: Employee, murat: Employee
) -> None:
    await sanne.get("/rights")
    page = unescape(sanne.page)
    for text in ("postkamer-kcc", "klantcontact: mededelingen", "l.hendriks", "sandbox"):
        assert text in page, text
    assert "sandbox-api-token" not in page
    forms = re.findall(r"<form.*?</form>", sanne.page, re.S)
    [form] = [each for each in forms if "Log l.hendriks uit" in each]
    assert not any("Log s.dewit uit" in each for each in forms)
    session = re.search(r'name="session" value="([0-9a-f]{64})"', form)
    token = sanne.form("/logout")
    assert session and token
    own = murat.form("/logout")
    assert own
    await murat.post("/rights/sessions/end", own | {"session": session[1]})
    assert murat.status == 404  # the contact centre may not
    await lotte.get("/inbox")
    assert lotte.url.path == "/inbox"
    await sanne.post("/rights/sessions/end", token | {"session": session[1]})
    assert sanne.url.path == "/rights"
    await lotte.get("/inbox")
    assert "Wie bent u?" in lotte.page
    await sanne.post("/rights/sessions/end", token | {"session": "x"})
    assert sanne.status == 200


async def test_owner_of_a_destination_has_what_was_refused_sent_again(
    town: Installation, fatima: Phone, lotte: Employee, sanne: Employee
) -> None:
    fatima.number = "31600000836"
    await opened(fatima, lotte, "Waar kan ik een paspoort aanvragen?")
    await sanne.get("/destinations")
    assert "alles komt aan" in sanne.page
    town.database.execute(
        "update deliverer.delivery set state = 'parked', status = 422, at = now(),"
        " reason = 'the destination refused this message: 422' where destination = 'desk'"
        " and event in (select event from deliverer.sent order by at desc limit 2)"
    )
    await sanne.get("/destinations")
    assert "2 apart gezet" in sanne.page
    await sanne.get("/destinations/desk")
    assert "vond dat het niet klopte" in sanne.page
    await sanne.submit("/destinations/desk/resend", {})  # those of the first reason
    assert sanne.url.query.get("order"), sanne.page
    order = str(sanne.url.relative())

    async def done() -> bool:
        return "Opnieuw gestuurd: 2 aangekomen" in await sanne.get(order)

    await until(done, bool, SECONDS)
    assert "Er staat niets apart" in sanne.page
    await sanne.post("/destinations/crm/resend", (sanne.form("/logout") or {}) | {"all": "yes"})
    assert sanne.status == 404


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
