"""The archivist and the privacy officer at the desk, through all services."""

import re
from datetime import date
from html import unescape
from uuid import uuid4

import pytest
from aiohttp import ClientSession

from services import clock
from services.calendar.opening_hours import AMSTERDAM
from tests.support.desk.employee import Employee
from tests.support.e2e.phone import SECONDS, Phone
from tests.support.observer import Watch, until

WHY = "Woo-verzoek 2026-17, café"
PAGES = tuple(
    f"/archive/{page}"
    for page in ("search", "lists", "people", "requests", "views", "exposures", "annotations")
)


@pytest.fixture
def fatima(watch: Watch, session: ClientSession) -> Phone:
    return Phone(watch, session, "31600000861")


async def test_pages_are_there_for_their_roles_alone(
    wim: Employee, lotte: Employee, murat: Employee, hanna: Employee
) -> None:
    for employee in (lotte, murat, hanna):
        await employee.get("/inbox")
        assert "/archive/" not in employee.page
        token = employee.form("/logout")
        assert token
        for path in (*PAGES, "/archive/requests/AVG-2026-0001"):
            await employee.get(path)
            assert employee.status == 404, path
        for path in (*PAGES, "/archive/search/conversation", "/archive/people/report",
                     "/archive/exposures/file",
                     "/archive/requests/AVG-2026-0001", "/archive/requests/AVG-2026-0001/decide",
                     "/archive/requests/AVG-2026-0001/extend",
                     "/archive/requests/AVG-2026-0001/erase", "/archive/lists/VL-2026-0001/step",
                     "/archive/lists/VL-2026-0001/spare"):  # fmt: skip
            await employee.post(path, token | {"reason": "nieuwsgierig", "phone": "+31600000861"})
            assert employee.status == 404, path
    await wim.get("/inbox")
    assert {*PAGES} <= {*wim.links("/archive/")}
    for path in PAGES:
        await wim.get(path)
        assert (wim.status, wim.headers["Cache-Control"]) == (200, "no-store"), path


async def test_archivist_searches_with_a_reason_and_reads_what_was_found(
    fatima: Phone, wim: Employee
) -> None:
    words = "Waar kan ik mijn narwalpaspoort ophalen"
    await fatima.writes(f"{words}? <b>snel</b>")
    await wim.get("/archive/search")
    await wim.submit("/archive/search#found", {"words": "narwalpaspoort", "reason": " "})
    assert wim.status == 400 and "Zeg eerst waarom" in wim.page
    assert words not in wim.page

    async def found() -> bool:
        await wim.get("/archive/search")
        await wim.submit("/archive/search#found", {"words": "narwalpaspoort", "reason": WHY})
        return words in wim.page

    await until(found, bool, SECONDS)
    assert "1 gevonden" in wim.page and "&lt;b&gt;snel" in wim.page and "<b>snel" not in wim.page
    assert (str(wim.url.path), wim.url.query_string) == ("/archive/search", "")
    assert wim.headers["Cache-Control"] == "no-store"
    await wim.submit("/archive/search/conversation", {})
    assert wim.status == 200 and words in wim.page
    await wim.get("/archive/search")
    await wim.submit("/archive/search#found", {"words": "de", "reason": WHY})
    assert wim.status == 400 and "Zoek op een woord" in wim.page


async def test_request_goes_from_its_registration_to_its_report_and_decision(
    fatima: Phone, wim: Employee
) -> None:
    fatima.number = "31600000862"
    await fatima.writes("Wat weten jullie van mijn walruspaspoort?")
    await _until_found(wim, "walruspaspoort")
    today = clock.now().astimezone(AMSTERDAM).date()
    await wim.get("/archive/requests")
    new = {"kind": "access", "phone": "+31 6 00000862"}
    await wim.submit("/archive/requests", new | {"received_on": "2999-01-01"})
    assert wim.status == 400 and "dag van ontvangst" in wim.page
    await wim.submit("/archive/requests", new | {"received_on": f"{today}"})
    id = wim.url.name
    assert wim.status == 200 and re.fullmatch(r"AVG-\d{4}-\d{4,}", id), wim.page
    assert "walrus" not in wim.page
    path = f"/archive/requests/{id}"
    await wim.submit(path, {})
    assert "vastgelegd door w.dekker" in wim.page and "Beste heer of mevrouw" in wim.page
    opened = wim.page
    await wim.submit("/archive/people/report", {"form": "json"})
    assert "walruspaspoort" in wim.page and "inzage.json" in wim.headers["Content-Disposition"]
    wim.page = opened
    await wim.submit("/archive/people", {})
    assert "Wat weten jullie van mijn walruspaspoort?" in wim.page
    assert "31600000862" in wim.page and "862" not in str(wim.url)
    wim.page = opened
    await wim.submit(
        f"{path}/extend", {"until": f"{_months_later(today)}", "ground": "ingewikkeld"}
    )
    assert wim.status == 200 and "verlengd door w.dekker" in wim.page
    await _refuses(wim, path)


async def _refuses(wim: Employee, path: str) -> None:
    """Decide the request on the page, first without a ground."""
    decision = {"decision": "refused", "ground": ""}
    await wim.submit(f"{path}/decide", decision)
    assert wim.status == 400 and "andere grond" in wim.page
    await wim.submit(f"{path}/decide", decision | {"ground": "identiteit"})
    assert wim.status == 200 and "beslist door w.dekker" in wim.page
    assert wim.form(f"{path}/decide") is None
    await wim.get("/archive/requests")
    assert path in wim.page and "Wij doen het niet" in wim.page


async def test_views_say_who_looked_and_why(fatima: Phone, lotte: Employee, wim: Employee) -> None:
    fatima.number = "31600000863"
    await fatima.writes("Mijn paspoort is zoek, zei de zeehond")
    conversation = (await lotte.finds("zei de zeehond")).rpartition("/")[2]
    await lotte.reads(f"/conversations/{conversation}", "Mijn paspoort is zoek, zei de zeehond")
    await wim.get("/archive/views")
    await wim.submit("/archive/views#found", {"reason": WHY})
    assert wim.status == 400 and "of een medewerker" in wim.page
    await wim.submit("/archive/views#found", {"conversation": conversation, "reason": WHY})
    assert wim.status == 200 and "l.hendriks" in wim.page
    await wim.get("/archive/views")
    await wim.submit("/archive/views#found", {"employee": "w.dekker", "reason": WHY})
    assert WHY in unescape(wim.page) and "zeehond" not in wim.page


async def test_exposure_says_whose_data_an_employee_saw_and_is_a_view_itself(
    fatima: Phone, lotte: Employee, wim: Employee
) -> None:
    fatima.number = "31600000864"
    await fatima.writes("Mijn paspoort is zoek, zei de otter")
    path = await lotte.finds("zei de otter")
    await lotte.reads(path, "Mijn paspoort is zoek, zei de otter")
    conversation = path.rpartition("/")[2]
    today = f"{clock.now().astimezone(AMSTERDAM).date()}"
    asked = {"subject": "employee", "name": "l.hendriks", "since": today, "until": today}
    await wim.get("/archive/exposures")
    await wim.submit("/archive/exposures#found", asked | {"reason": " "})
    assert wim.status == 400 and "Zeg eerst waarom" in wim.page
    await wim.submit("/archive/exposures#found", asked | {"reason": WHY, "until": ""})
    assert wim.status == 400 and "de laatste dag" in wim.page
    assert conversation not in wim.page
    await wim.submit("/archive/exposures#found", asked | {"reason": WHY})
    assert wim.status == 200 and conversation in wim.page and "31600000864" in wim.page
    assert "otter" not in wim.page and "864" not in str(wim.url)
    await wim.submit("/archive/exposures/file", {})
    assert "blootstelling.json" in wim.headers["Content-Disposition"]
    assert "31600000864" in wim.page
    await wim.get("/archive/views")
    await wim.submit("/archive/views#found", {"conversation": conversation, "reason": WHY})
    assert wim.page.count("of het gezien was") == 2


async def test_correction_is_beside_its_message_once(fatima: Phone, wim: Employee) -> None:
    fatima.number = "31600000865"
    await fatima.writes("Mijn paspoort staat op huisnummer 21, zei de marter")
    await _until_found(wim, "marter")
    await wim.submit("/archive/search/conversation", {})
    [message] = set(re.findall('name="message" value="([^"]+)"', wim.page))
    await wim.submit("/archive/annotations", {"message": message})
    form = wim.form("/archive/annotations")
    assert form and (form["message"], form["reason"]) == (message, WHY)
    correction = {"text": "Het is huisnummer <12>."}
    await wim.submit("/archive/annotations", correction | {"reason": ""})
    assert wim.status == 400 and "&lt;12&gt;" in wim.page, "nothing that was typed is lost"
    for _ in range(2):
        await wim.post("/archive/annotations", form | correction)
        assert wim.status == 200 and "De correctie staat bij het bericht" in wim.page
    await _until_found(wim, "marter")
    await wim.submit("/archive/search/conversation", {})
    assert wim.page.count("Het is huisnummer &lt;12&gt;.") == 1
    await wim.post("/archive/annotations", form | correction | {"message": f"{uuid4()}"})
    assert wim.status == 400 and "dit bericht is er niet" in wim.page.lower()


async def _until_found(wim: Employee, word: str) -> None:
    async def found() -> bool:
        await wim.get("/archive/search")
        await wim.submit("/archive/search#found", {"words": word, "reason": WHY})
        return "1 gevonden" in wim.page

    await until(found, bool, SECONDS)


def _months_later(day: date) -> date:
    """The first of the month after next: later than a month, and within three."""
    month = day.month + 1
    return date(day.year + month // 12, month % 12 + 1, 1)
