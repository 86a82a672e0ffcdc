"""One week of a town, counted by hand: what came and what was done, and each figure of it.

Whoever changes what is counted counts this week again, with a pencil, before the numbers below.
"""

from datetime import date
from typing import Any

import msgspec
import pytest

from router.figures.month import Beside, MonthCounts, month_json
from router.month_report.contents import Report, build_report
from tests.support.router.commands import MACHINE
from tests.support.router.config_full import config
from tests.support.router.counted import Counts, month_costs
from tests.support.router.simulation import Stadhuis
from tests.support.router.webhooks import status

NOVEMBER = date(2026, 11, 1)
RATES = [{"from": "2026-10-01", "currency": "EUR", "amounts": {"service": "0.05"}}]
TOWN = config(rates=RATES)
FREE = {"billable": False, "type": "free_customer_service", "category": "service"}
PAID = {"billable": True, "type": "regular", "category": "service"}

# Monday is 2 November. Burgerzaken, klantcontact and balie are open on working days from nine to
# five; in the evening the avonddienst stands for burgerzaken until ten. The others never close.
WEEK = """
ma 09:05 anna  writes    Mijn container is niet geleegd | groen, by the rule afval
ma 09:20 anna  answered                                 | after 15 minutes
ma 09:30 anna  writes    Waar moet hij dan staan?
ma 09:33 anna  answered
ma 10:00 anna  closed    answered                       | right
ma 16:50 bert  writes    Waar haal ik een paspoort?     | burgerzaken, ten minutes open
di 09:10 bert  answered                                 | after 16:20, of which 0:20 open
di 09:15 bert  closed    answered                       | right
ma 20:00 cora  writes    Ik wil een paspoort            | the avonddienst, for burgerzaken
ma 20:30 cora  answered                                 | after 30 minutes
ma 20:40 cora  closed    handled                        | right: burgerzaken
di 10:00 dirk  writes    De lantaarn is stuk            | groen, by the rule afval
di 10:05 dirk  given     balie
di 10:25 dirk  answered                                 | after 25 minutes; corrected
di 10:30 dirk  closed    answered
di 11:00 emma  writes    Wat een mooi weer              | no rule: klantcontact, a menu
di 11:10 emma  given     burgerzaken
di 11:40 emma  answered                                 | after 40 minutes; corrected
di 11:45 emma  closed    redirected
wo 09:00 finn  writes    Er ligt een container op straat| groen, by the rule afval
wo 09:10 finn  closed    handled                        | right, and without a message
wo 14:00 gijs  writes    Waar is de garage?             | klantcontact, by the rule garage
wo 15:30 gijs  answered                                 | teamleider since 15:00: unjudged
wo 15:35 gijs  closed    answered
do 12:00 hans  writes    Ik wil dood                    | zorg; danger of suicide
do 12:02 hans  answered                                 | after 2 minutes
do 12:30 hans  closed    handled                        | right
do 13:00 ina   writes    Mijn vraag gaat over jeugdzorg | zorg, by the rule jeugd
do 13:20 ina   answered                                 | after 20: "ik geef u door"
do 13:25 ina   given     balie
do 13:50 ina   answered                                 | corrected
do 14:00 ina   closed    forwarded
vr 16:30 jan   writes    Waar haal ik een paspoort?     | burgerzaken
zo 15:00 kim   writes    De container is vol            | groen, by the rule afval
zo 15:05 kim   machine                                  | a chatbot's answer is none
zo 15:30 kim   closed    handled                        | right, and not without a message
nx 09:30 jan   answered                                 | after 65 hours, of which 1 open;
nx 09:40 jan   closed    answered                       | right; 24 hours missed
"""
DAYS = dict(zip(("ma", "di", "wo", "do", "vr", "za", "zo", "nx"), range(2, 10), strict=True))


class Town(Stadhuis):
    """The town, in which each message of ours arrives at once: those of employees are free, and the
    chatbot's is paid."""

    def __init__(self) -> None:
        super().__init__("2026-11-02 08:00", given=TOWN)
        self.open: dict[str, str] = {}

    def goes(self, who: str, act: str, words: str) -> None:
        self.id = self.open.get(who, "")
        match act:
            case "writes":
                self.hears(
                    words, who={"bsuid": f"NL.{who}", "phone": f"3161{sum(who.encode()):08}"}
                )
                self.open[who] = self.id
            case "given":
                self.orders("transfer", to_department=words)
            case "closed":
                self.orders("close", outcome=words)
            case _:
                author = {"author": MACHINE} if act == "machine" else {}
                sent = self.orders("text", **author)
                self._arrives(sent.message, PAID if author else FREE)

    def _arrives(self, message: Any, pricing: dict[str, Any]) -> None:
        given = status(f"wamid.{message}", "delivered", opaque=f"{message}.1")
        at = {"timestamp": str(int(self.now.timestamp())), "pricing": pricing}
        self.brings("messages", {"statuses": [given | at]})


@pytest.fixture(scope="module")
def counted() -> tuple[MonthCounts, Beside]:
    town, lines = Town(), [line for line in WEEK.splitlines() if line]
    steps = [line.partition("|")[0].split(maxsplit=4) for line in lines]
    for day, time, who, act, *words in sorted(steps, key=lambda step: (DAYS[step[0]], step[1])):
        town.until(f"2026-11-{DAYS[day]:02} {time}").goes(
            who, act, words[0].strip() if words else ""
        )
        town.repeats() if act == "writes" else None  # Meta repeats itself
    counts = Counts(town.done).month(NOVEMBER)
    costs = month_costs(town.router.charges.values(), TOWN, "hengelo", NOVEMBER)
    return counts, Beside(costs, {})


def test_figures_of_the_week_are_those_that_were_counted_by_hand(
    counted: tuple[MonthCounts, Beside],
) -> None:
    counts, beside = counted
    month = msgspec.to_builtins(month_json(counts, TOWN, "hengelo", beside))
    total, by = month["total"], {each["id"]: each["figures"] for each in month["departments"]}

    def of(*members: str) -> dict[str, Any]:
        """A figure by department, where it is not nothing."""
        values = dict(by)
        for member in members:
            values = {id: value[member] for id, value in values.items()}
        return {id: value for id, value in values.items() if value}

    assert of("received") == {
        "groen": 5, "burgerzaken": 2, "avond": 1, "klantcontact": 2, "zorg": 2,
    }  # fmt: skip
    assert of("opened") == {
        "groen": 4, "burgerzaken": 2, "avond": 1, "klantcontact": 2, "zorg": 2,
    }  # fmt: skip
    assert of("byEmployees") == {
        "groen": 2, "burgerzaken": 3, "avond": 1, "balie": 2, "teamleider": 1, "zorg": 2,
    }  # fmt: skip
    # Sorted: 2 15 20 25 30 40 90 980 3900 by the clock, 2 15 20 20 25 30 40 60 90 in opening hours.
    assert total["firstAnswers"] == {"count": 9, "medianMinutes": 30, "p90Minutes": 3900}
    assert total["firstAnswersOpen"] == {"count": 9, "medianMinutes": 25, "p90Minutes": 90}
    few = {"count": 3, "medianMinutes": None, "p90Minutes": None}
    assert by["burgerzaken"]["firstAnswers"] == by["burgerzaken"]["firstAnswersOpen"] == few
    assert _waits(counts, "first_answer", "burgerzaken") == [40, 980, 3900]
    assert _waits(counts, "first_answer_open", "burgerzaken") == [20, 40, 60]
    assert of("transferred") == {"groen": 1, "klantcontact": 1, "zorg": 1}
    # One danger was right as well, and of danger fewer than five are in no figure.
    assert of("rightAtOnce", "right") == {"groen": 3, "burgerzaken": 3}
    assert [each.count for each in counts.judged if each.rule == "dood"] == [1]
    assert of("rightAtOnce", "corrected") == {"groen": 1, "klantcontact": 1, "zorg": 1}
    assert total["rightAtOnce"] == {"right": 6, "corrected": 3}
    assert [tuple(each.values()) for each in month["rules"]] == [
        (3, 1, "afval"), (0, 1, "_geen"), (0, 1, "jeugd"),
        (3, 0, "paspoort"),
    ]  # fmt: skip
    assert {name: n for name, n in total["closed"].items() if n} == {
        "answered": 5, "handled": 4, "redirected": 1, "forwarded": 1,
    }  # fmt: skip
    assert of("withoutMessage") == {"groen": 1}
    assert of("windowsMissed") == {"burgerzaken": 1}
    assert month["care"] == {"emergency": None, "suicide": None, "violence": None, "threat": None}
    costs = total["costs"]
    assert (costs["delivered"], costs["free"], costs["charged"], costs["amount"]) == (
        12, 11, 1, "0.05",
    )  # fmt: skip
    assert by["groen"]["costs"]["amount"] == "0.05"


def _waits(counts: MonthCounts, what: str, department: str) -> list[int]:
    rows = (row for row in counts.figures if (row.what, row.department) == (what, department))
    return sorted(row.value for row in rows for _ in range(row.count))


def test_report_of_the_week_says_what_is_large_enough(counted: tuple[MonthCounts, Beside]) -> None:
    """Twelve messages, nine first answers, seven right and three not: of the latter only that."""
    report = build_report(counted[0], TOWN, TOWN.tenants[0], counted[1])
    assert [(each.name, each.value) for each in report.key_figures] == [
        ("Ontvangen", "12"),
        ("Beantwoord", "9"),
        ("Afgesloten", "11"),
        ("Zonder bericht", "<5"),
        ("Eerste antwoord", "25 min"),
        ("Eerste antwoord", "–"),  # nine of ten, of nine answers
        ("Meteen goed", "<5 niet"),
        ("Kosten", "€ 0"),
    ]
    assert _row(report, "Per afdeling", "Openbare ruimte")[0] == "5"
    assert {row[1] for row in _table(report, "Gevaar")} == {"<5"}


def _table(report: Report, title: str) -> tuple[tuple[str, ...], ...]:
    return next(table.rows for table in report.tables if table.title == title)


def _row(report: Report, title: str, name: str) -> tuple[str, ...]:
    return next(row[1:] for row in _table(report, title) if row[0] == name)
