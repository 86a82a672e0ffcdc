"""Files, templates, standard answers and the managers' pages, through all services."""

import asyncio
import csv
import re
from html import unescape
from urllib.parse import quote
from uuid import uuid4

import aiohttp
import pytest
from yarl import URL

from desk.pages.management.figure_table import CSV_BEGINNING
from services import clock
from tests.support.desk.employee import Employee
from tests.support.desk.markup import ATTACK, WORDS, faults_of
from tests.support.e2e.phone import SECONDS, Phone
from tests.support.installation import Installation
from tests.support.observer import Watch, until

PNG = b"\x89PNG\r\n\x1a\n" + bytes(200_000)
"""A picture that comes in several pieces."""


DIED = """
update deliverer.ledger set state = 'sending', attempt = 1, claimed_by = id,
    claimed_at = now() - interval '11 minutes' where state = 'queued'
"""
"""A deliverer died while it sent these, eleven minutes ago."""


def looks(town: Installation) -> int:
    """Looks at the record."""
    return int(town.database.execute("select count(*) from archiver.entry where kind = 'view'"))


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
    await lotte.reads(path, 'class="desk-picture"')  # colleagues see what was sent
    [picture] = lotte.links("/files/")
    await lotte.get(picture)
    assert (lotte.status, lotte.content) == (200, PNG)
    await lotte.upload(f"{path}/file", form, "pagina.html", b"<script>", "text/html")
    assert lotte.status == 400
    assert "WhatsApp laat dit soort bestand niet toe" in lotte.page
    stolen = form | {"form_token": "0" * 64}
    await lotte.upload(f"{path}/file", stolen, "paspoort.png", PNG, "image/png")
    assert lotte.status == 404


async def test_caption_of_a_refused_file_is_kept(fatima: Phone, lotte: Employee) -> None:
    fatima.number = "31600000835"
    path = await opened(fatima, lotte, "Welke foto moet er in mijn paspoort?")
    form = lotte.form(f"{path}/file")
    assert form
    fields = form | {"caption": "Zo'n foto <voor> u"}
    for name, content in (("pagina.html", b"<script>"), ("", b"")):
        await lotte.upload(f"{path}/file", fields, name, content, "text/html")
        assert lotte.status == 400
        kept = lotte.form(f"{path}/file")
        assert kept and kept["caption"] == "Zo'n foto <voor> u"
    await lotte.submit(f"{path}/answer", {"text": "Een recente."})
    meanwhile = await lotte.upload(f"{path}/file", fields, "foto.png", PNG, "image/png")
    assert lotte.status == 409 and "Iemand heeft intussen geantwoord" in unescape(meanwhile)
    kept = lotte.form(f"{path}/file")
    assert kept and kept["caption"] == "Zo'n foto <voor> u"


async def test_answer_quotes_a_message_and_a_reaction_is_taken_back(
    watch: Watch, fatima: Phone, lotte: Employee
) -> None:
    fatima.number = "31600000836"
    path = await opened(fatima, lotte, "Mag mijn paspoort ook op zaterdag?")
    [message] = re.findall(r'name="quote" value="([0-9a-f-]{36})"', lotte.page)
    await lotte.submit(f"{path}/react", {"emoji": "👍"})
    await lotte.reads(path, "Haal onze reactie weg")
    assert "👍</p>" in lotte.page
    assert await lotte.finds("Mag mijn paspoort ook op zaterdag?") == path, "it is no answer"
    await lotte.get(path)
    await lotte.submit(f"{path}/react", {"emoji": ""})
    sent = await until(lambda: received(watch, "reaction"), lambda got: len(got) == 2, SECONDS)
    assert [each["emoji"] for each in sent] == ["👍", ""]
    await lotte.get(path)
    await lotte.submit(f"{path}/react", {"emoji": "x"})
    assert lotte.status == 400

    form = lotte.form(f"{path}/answer")
    assert form
    await lotte.post(f"{path}/draft", form | {"text": "Ja, tot", "quote": message})
    quoting = lotte.form(f"{path}/answer")
    assert quoting and (quoting["about"], quoting["text"]) == (message, "Ja, tot")
    assert "U antwoordt op" in lotte.page
    await lotte.post(f"{path}/draft", quoting | {"quote": ""})
    bare = lotte.form(f"{path}/answer")
    assert bare and bare["text"] == "Ja, tot" and "about" not in bare
    await lotte.post(f"{path}/answer", bare | {"text": "Ja, tot één uur", "about": message})
    assert lotte.status == 200, lotte.page

    async def is_quoted() -> bool:
        page = await lotte.get(path)
        return page.count('<blockquote class="desk-quote" dir="auto">Mag mijn paspoort') == 1

    await until(is_quoted, bool, SECONDS)
    await until(fatima.got_texts, lambda got: got == ["Ja, tot één uur"], SECONDS)


async def test_doubtful_answer_is_settled_by_who_looked(
    town: Installation, fatima: Phone, lotte: Employee
) -> None:
    fatima.number = "31600000837"
    path = await opened(fatima, lotte, "Hoe duur is een rijbewijs?")
    await asyncio.to_thread(town.kill, "deliverer")
    await lotte.submit(f"{path}/answer", {"text": "48 euro"})
    queued = "select count(*) from deliverer.ledger where state = 'queued'"
    await until(lambda: asyncio.to_thread(town.database.execute, queued), lambda n: n == "1", 10)
    await asyncio.to_thread(town.database.execute, DIED)
    await asyncio.to_thread(town.restart, "deliverer")
    await lotte.reads(path, "Kijk voordat u opnieuw stuurt")
    assert "onzeker of het aankwam" in lotte.page
    await lotte.submit(f"{path}/settle", {"seen": "not_sent", "reason": "niet in WhatsApp Manager"})
    assert lotte.status == 200, lotte.page
    await until(fatima.got_texts, lambda got: got == ["48 euro"], SECONDS)


async def test_conversation_that_asks_why_opens_for_a_reason_and_is_one_look(
    town: Installation, fatima: Phone, hanna: Employee
) -> None:
    fatima.number = "31600000838"
    await fatima.writes("Ik wil praten over huiselijk geweld bij de buren")
    path = await hanna.finds("Veilig thuis")
    await until(
        lambda: hanna.get(path), lambda page: "Waarom opent u dit gesprek?" in page, SECONDS
    )
    assert hanna.status == 200 and "huiselijk" not in hanna.page
    await hanna.get(f"{path}/messages", **{"HX-Request": "true"})
    assert hanna.headers["HX-Refresh"] == "true" and hanna.page == ""
    await hanna.get(path)
    await hanna.submit(f"{path}/reason", {"why": "", "explanation": "melding"})
    assert hanna.status == 400 and "Kies een reden" in hanna.page
    kept = hanna.form(f"{path}/reason")
    assert kept and kept["explanation"] == "melding"
    await hanna.submit(f"{path}/reason", {"why": "other", "explanation": " "})
    assert hanna.status == 400
    before = await asyncio.to_thread(looks, town)
    await hanna.submit(f"{path}/reason", {"why": "own", "explanation": "melding van vandaag"})
    assert "huiselijk geweld bij de buren" in hanna.page
    [again] = set(re.findall(r'hx-get="(/conversations/[^"]+)"', hanna.page))
    for _ in range(3):
        await hanna.get(unescape(again))
        assert "huiselijk geweld bij de buren" in hanna.page
    assert await asyncio.to_thread(looks, town) == before + 2, "the dossier and the messages"
    await hanna.get(path)
    assert "huiselijk geweld bij de buren" in hanna.page, "the reason holds"
    assert await asyncio.to_thread(looks, town) == before + 4, "it was opened again"
    await hanna.submit(f"{path}/close", {"outcome": "handled"})
    assert await hanna.finds("Veilig thuis", "closed") == path


async def test_reason_shows_the_files_of_its_conversation_and_lets_nobody_else_in(
    fatima: Phone, hanna: Employee, lotte: Employee
) -> None:
    fatima.number = "31600000841"
    await fatima.writes("Foto van huiselijk geweld")
    path = await hanna.finds("Veilig thuis", "nobodys")
    await hanna.reads(path, "Waarom opent u dit gesprek?")
    await hanna.get(f"{path}/transcript/html")
    assert "Waarom opent u dit gesprek?" in hanna.page
    await hanna.submit(f"{path}/reason", {"why": "other", "explanation": "dossier 12"})
    await hanna.get(f"{path}/transcript/html")
    assert hanna.status == 200 and b"Afschrift van een gesprek" in hanna.content
    await fatima.writes("de deur", kind="image")

    async def shows_picture() -> bool:
        await hanna.get(path)
        return bool(hanna.links("/files/"))

    await until(shows_picture, bool, SECONDS)
    [link] = hanna.links("/files/")
    await hanna.get(link)
    assert (hanna.status, hanna.headers["Content-Type"]) == (200, "image/png")
    await hanna.get(link.partition("?")[0])
    assert hanna.status == 404, "no page with a reason shows it"
    await lotte.get(path)
    assert lotte.status == 404
    await lotte.get("/inbox")
    token = lotte.form("/logout")
    assert token
    await lotte.post(f"{path}/reason", token | {"why": "own"})
    assert lotte.status == 404


async def test_alarm_of_another_department_is_confirmed_by_who_is_on_duty(
    fatima: Phone, lotte: Employee, hanna: Employee
) -> None:
    fatima.number = "31600000840"
    path = await opened(fatima, lotte, "Zonder paspoort wil dood ik niet, maar ik wil dood")
    assert "Mogelijk gevaar" in lotte.page
    id = path.rpartition("/")[2]
    confirm = f"/alarms/{id}/confirm"

    async def is_shown() -> bool:
        return confirm in await hanna.get("/inbox")

    await until(is_shown, bool, SECONDS)
    assert "Zelfdoding" in hanna.page and "paspoort" not in hanna.page
    assert f"/conversations/{id}" not in hanna.page, "she does not reach that department"
    await lotte.get("/inbox")
    assert confirm not in lotte.page, "she is not on duty"
    token = lotte.form("/logout")
    assert token
    await lotte.post(confirm, token | {"key": "0199a000-0000-7000-8000-000000000002"})
    assert lotte.status == 404
    await hanna.submit(confirm, {})
    assert hanna.url.path == "/inbox" and confirm not in hanna.page

    async def is_calm() -> bool:
        return "Mogelijk gevaar</span>" not in await lotte.get(path)

    await until(is_calm, bool, SECONDS)


async def test_text_of_an_ended_session_is_shown_and_sent_after_logging_in(
    town: Installation, fatima: Phone, lotte: Employee
) -> None:
    fatima.number = "31600000839"
    path = await opened(fatima, lotte, "Is mijn paspoort al binnen?")
    form = lotte.form(f"{path}/answer")
    assert form
    cookies, lotte.cookies = lotte.cookies, {}
    await lotte.post(f"{path}/answer", form | {"text": "Ja, <morgen> & later"})
    assert lotte.status == 401 and lotte.form(f"{path}/answer") == {
        name: value for name, value in form.items() if name != "form_token"
    } | {"text": "Ja, <morgen> & later"}
    kept = lotte.page
    await lotte.post(f"{path}/take", {"assignee": ""})
    assert lotte.url.path == "/identity/authorize", "nothing was typed"
    await lotte.post(f"{path}/answer", form | {"text": "x"}, **{"Sec-Fetch-Site": "cross-site"})
    assert lotte.status == 403 and "textarea" not in lotte.page
    lotte.cookies = cookies
    await lotte.log_in("l.hendriks")
    lotte.page, lotte.url = kept, lotte.url.join(URL(path))
    await lotte.submit(f"{path}/answer", {})
    assert lotte.status == 403 and "Kijk hem na" in lotte.page
    await lotte.submit(f"{path}/answer", {})
    assert lotte.status == 200, lotte.page
    await until(fatima.got_texts, lambda got: got == ["Ja, <morgen> & later"], SECONDS)


async def test_caption_of_an_ended_session_goes_with_the_file_chosen_again(
    watch: Watch, fatima: Phone, lotte: Employee
) -> None:
    fatima.number = "31600000843"
    path = await opened(fatima, lotte, "Waar staat het nummer van mijn paspoort?")
    form = lotte.form(f"{path}/file")
    assert form
    given = form | {"caption": "Hier <staat> het nummer"}
    cookies, lotte.cookies = lotte.cookies, {}
    await lotte.upload(f"{path}/file", given, "kaart.png", PNG, "image/png")
    kept = lotte.form(f"{path}/file")
    assert lotte.status == 401 and "Kies het bestand opnieuw" in lotte.page
    assert kept == {name: value for name, value in given.items() if name != "form_token"}
    lotte.cookies = cookies
    await lotte.upload(f"{path}/file", kept, "kaart.png", PNG, "image/png")
    assert lotte.status == 403 and "Kijk hem na" in lotte.page, "it was of no session"
    again = lotte.form(f"{path}/file")
    assert again == given
    await lotte.upload(f"{path}/file", again, "kaart.png", PNG, "image/png")
    assert lotte.status == 200, lotte.page
    sent = await until(
        lambda: received(watch, "image"), lambda got: given["caption"] in captions(got), SECONDS
    )
    assert captions(sent).count(given["caption"]) == 1


def captions(contents: list[dict[str, object]]) -> list[object]:
    return [each.get("caption") for each in contents]


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


async def test_answer_that_is_sent_twice_at_once_goes_once(fatima: Phone, lotte: Employee) -> None:
    """A double click without JavaScript. Neither page has the text as one that is still to be sent,
    and the next answer is no surprise to its writer."""
    fatima.number = "31600000872"
    path = await opened(fatima, lotte, "Kan mijn paspoort ook per post?")
    twin = Employee(lotte.session, lotte.desk)
    twin.cookies, twin.page, twin.url = lotte.cookies, lotte.page, lotte.url
    both = [each.submit(f"{path}/answer", {"text": "Nee."}) for each in (lotte, twin)]
    await asyncio.gather(*both)
    for each in (lotte, twin):
        form = each.form(f"{path}/answer")
        assert each.status == 200 and form and form["text"] == "", each.page
    await lotte.submit(f"{path}/answer", {"text": "Kom langs."})
    assert lotte.status == 200, "its own answer is no answer of somebody else"
    await until(fatima.got_texts, lambda got: got == ["Nee.", "Kom langs."], SECONDS)


async def test_gateway_that_is_away_leaves_all_to_be_read_and_loses_nothing(
    town: Installation, fatima: Phone, lotte: Employee
) -> None:
    fatima.number = "31600000873"
    path = await opened(fatima, lotte, "Hoe duur is een paspoort met spoed?")
    await asyncio.to_thread(town.kill, "gateway")
    await lotte.submit(f"{path}/answer", {"text": "Dat is <duurder>."})
    assert lotte.status == 503 and "Is dit verstuurd?" in lotte.page
    await lotte.submit(f"{path}/note", {"note": "Belt u & terug"})
    kept = lotte.form(f"{path}/note")
    assert lotte.status == 503 and kept and kept["note"] == "Belt u & terug"
    await lotte.get(path)
    assert lotte.status == 200 and "Hoe duur is een paspoort met spoed?" in lotte.page
    await asyncio.to_thread(town.restart, "gateway")
    await asyncio.to_thread(town.wait_until_ready, "gateway")
    await lotte.get(path)
    await lotte.submit(f"{path}/answer", {})
    await lotte.post(f"{path}/note", kept)
    await lotte.reads(path, "Belt u & terug")
    await until(fatima.got_texts, lambda got: got == ["Dat is <duurder>."], SECONDS)


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
    filled = lotte.page
    await lotte.get(path)
    await lotte.submit(f"{path}/answer", {"text": "Morgen hoort u het."})
    lotte.page = filled
    await lotte.submit(f"{path}/templates", values | {"send": "yes"})
    assert lotte.status == 409 and "Iemand heeft intussen geantwoord" in unescape(lotte.page)
    kept = lotte.form(f"{path}/templates")
    assert kept and kept.items() >= values.items(), "on purpose it goes, as it was filled in"
    await lotte.submit(f"{path}/templates", {"send": "yes"})
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
    [standard] = re.findall(r'name="standard" value="([0-9a-f-]{36})"', lotte.page)
    form = lotte.form(f"{path}/answer")
    assert form
    await lotte.post(f"{path}/draft", form | {"standard": standard, "text": "Goed nieuws."})
    begun = lotte.form(f"{path}/answer")
    assert begun and begun["text"] == "Goed nieuws.\nBeste inwoner, kom langs. Groet, l.hendriks"


async def test_manager_tries_a_sentence_and_sets_a_notice(murat: Employee, lotte: Employee) -> None:
    await murat.get("/rules")
    await murat.submit("/rules", {"text": "mijn container is vol"})
    assert "Gaat naar Openbare ruimte" in murat.page
    assert "container" not in str(murat.url)
    await murat.submit("/rules", {"text": "Mijn container is vol. Ook wil ik een paspoort."})
    assert "ook over: burgerzaken" in murat.page
    await murat.get("/numbers")
    action = "/numbers/106540352242922/notice"
    text = "Er is storm. Wij antwoorden later. U kunt ons ook mailen."
    await murat.submit(action, {"text": text, "until": "2020-01-01T10:00"})
    assert murat.status == 400
    assert "/until" in murat.page
    for path in ("/rules", "/numbers"):
        await lotte.get(path)
        assert lotte.status == 404


async def test_manager_stands_for_a_version_once_and_on_the_record(
    watch: Watch, murat: Employee, sanne: Employee
) -> None:
    await sanne.get("/rules")
    [page] = sanne.links("/rules/versions/")
    # The archiver holds the proof of the employee's token against its own providers.
    confirmed = "select count(*) from router.approval where confirmed_at is not null"
    for _ in range(2):
        await sanne.get(page)
        await sanne.submit(page, {})
        assert "goedgekeurd door" in sanne.page
        await until(lambda: watch.count(confirmed), lambda n: n == 1, SECONDS)
    operations = "select count(*) from opened.record where data->>'what' = 'rules approve'"
    assert await watch.count(operations) == 1
    await murat.get(page)  # who may try rules and not read them
    assert murat.status == 404


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
    fatima.number = "31600000871"
    path = await opened(fatima, lotte, "Hoe lang is een paspoort geldig?")
    await sanne.get("/inbox")
    assert "paspoort" not in sanne.page, "who may not read sees nothing of it in a list either"
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
    assert "Het rapport van deze maand is er vanaf" in sanne.page
    await sanne.get(f"/figures/report/pdf?month={clock.now():%Y-%m}")
    assert sanne.status == 409 and "nog niet" in sanne.page
    await sanne.get("/figures/report/doc?month=2026-01")
    assert sanne.status == 404
    for path in (
        "/figures",
        "/figures/file",
        "/figures/report/csv?month=2026-01",
        "/rights",
        "/destinations/desk",
    ):
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


async def test_words_of_citizens_and_colleagues_are_words_on_every_page(
    watch: Watch, fatima: Phone, murat: Employee
) -> None:
    """In names, texts, captions, places, notes, reasons, zaken, drafts, answers,
    standard answers, values of templates, sentences that are tried, and in what is refused."""
    fatima.number = "31600000844"
    await fatima.writes("Mijn paspoort" + WORDS, name="Mallory" + WORDS)
    await _sends_file(watch, fatima, "bijlage" + WORDS + ".html")
    await fatima.writes("", kind="location", place=WORDS, address=WORDS)
    path = await murat.finds("Mallory" + WORDS)
    await murat.reads(path, "Plaats: 52.35080")
    shown = await _words_are_given(murat, path) + await _pages_with_words(murat, path)
    assert unescape(shown).count(f"<{ATTACK} onload=evil()>") > 10  # it was there to be found


async def _words_are_given(employee: Employee, path: str) -> str:
    """Give these words in each form; return all pages that answer."""
    form = employee.form(f"{path}/answer")
    assert form
    token = {"form_token": form["form_token"], "value-0": WORDS}
    await employee.get("/standard-answers")
    standard = employee.form("/standard-answers")
    assert standard
    shown = ""
    for action, fields in (
        (f"{path}/note", {"note": WORDS}),
        (f"{path}/link", {"zaak": WORDS}),
        (f"{path}/answer", form | {"text": WORDS}),
        (f"{path}/draft", form | {"key": str(uuid4()), "text": WORDS}),
        (f"{path}/templates", {"name": "afspraak_herinnering", "language": "nl"}),
        (f"{path}/transfer", {"department": WORDS, "reason": WORDS}),
        (f"{path}/transfer", {"department": "openbare-ruimte", "reason": WORDS}),
        ("/rules", {"text": "Mijn paspoort" + WORDS}),
        ("/standard-answers", standard | {"title": WORDS, "text": WORDS}),
        ("/standard-answers", {"id": "x", "title": WORDS, "text": WORDS}),
        ("/numbers/106540352242922/notice", {"text": WORDS, "until": "2020-01-01T10:00"}),
    ):
        shown += await employee.post(action, token | {"key": str(uuid4())} | fields)
        assert faults_of(employee.page) == [], action
    return shown


async def _pages_with_words(employee: Employee, path: str) -> str:
    odd, shown = quote(WORDS, safe=""), ""
    fixed = "/inbox", "/inbox?filter=citizen", "/standard-answers", "/rules", "/numbers"
    strange = f"/inbox?filter={odd}", f"/inbox?page={odd}", f"/{odd}"
    for page in (path, f"{path}/messages", *fixed, *strange):
        shown += await employee.get(page)
        assert faults_of(employee.page) == [], page
    return shown


async def _sends_file(watch: Watch, phone: Phone, name: str) -> None:
    """A page of HTML that says that it is none, under a name that says that it is."""
    sandbox, page = watch.town.sandbox, b"<!doctype html><script>evil()</script>"
    async with watch.session.post(
        f"{sandbox}/phone/media", data=page, headers={"Content-Type": "application/pdf"}
    ) as answer:
        media = (await answer.json())["id"]
    await phone.writes(WORDS, kind="document", media=media, filename=name)


async def test_employee_of_a_municipality_that_moves_is_told_so_and_keeps_the_text(
    town: Installation, fatima: Phone, lotte: Employee
) -> None:
    fatima.number = "31600000874"
    path = await opened(fatima, lotte, "Verhuist het paspoort mee?")
    await asyncio.to_thread(town.says, "tenant", "stop", "almelo")
    await lotte.submit(f"{path}/answer", {"text": "Dat gaat vanzelf."})
    kept = lotte.form(f"{path}/answer")
    assert lotte.status == 409 and "Uw gemeente verhuist" in lotte.page
    assert kept and kept["text"] == "Dat gaat vanzelf." and "Is dit verstuurd?" not in lotte.page
    await asyncio.to_thread(town.says, "tenant", "start", "almelo")

    # Another citizen's message is taken once the gateway has read that it may.
    await Phone(fatima.watch, fatima.session, "31600000875").writes("Is het loket weer open?")
    await lotte.get(path)
    await lotte.submit(f"{path}/answer", {})
    assert lotte.status == 200, lotte.page
    await until(fatima.got_texts, lambda got: got == ["Dat gaat vanzelf."], SECONDS)
