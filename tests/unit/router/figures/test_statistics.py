"""Tables that may be published: no confidential department, no small count, no shared total."""

from collections import Counter
from itertools import product
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from router.figures.month import CountedByMonth, CountedRow
from router.figures.statistics import MonthCounts, Statistics, find_rule_departments
from router.figures.suppression import Mark
from tests.support.cli.counted_month import MONTH, config, counted, statistics

ORDINARY = ("kcc", "groen")


def cells(made: Statistics, name: str, *key: str) -> dict[tuple[Any, ...], Any]:
    """Count by what stands between the month and it, of the records that begin with this."""
    records = (row[1:] for row in made.table(name).records)
    return {row[len(key) : -1]: row[-1] for row in records if row[: len(key)] == key}


def test_table_by_hour_has_a_cell_for_each_hour_of_the_week_and_the_totals() -> None:
    made = statistics(counted(*ORDINARY))
    kcc = cells(made, "berichten-per-uur", "kcc", "Klantcontact")
    assert len(kcc) == 169
    assert kcc["maandag", "9"] == 50 and kcc["dinsdag", "9"] is Mark.SMALL
    assert kcc["totaal", "totaal"] == 58
    messages = cells(made, "berichten-per-uur", "totaal", "totaal")
    assert (messages["maandag", "9"], messages["totaal", "totaal"]) == (100, 116)
    assert messages["maandag", "10"] is Mark.HIDDEN, (
        "else 116 - 100 - 16 tells that all others are 0"
    )


def test_answers_and_outcomes_are_by_department() -> None:
    made = statistics(counted(*ORDINARY))
    assert cells(made, "antwoorden", "groen", "Openbare ruimte") == {
        ("medewerker",): 30,
        ("vanzelf",): Mark.HIDDEN,
        ("systeem",): Mark.SMALL,
        ("totaal",): 42,
    }
    assert cells(made, "uitkomsten", "totaal", "totaal")[("beantwoord",)] == 40


def test_confidential_department_is_in_no_table_nor_total_and_neither_is_its_rule() -> None:
    without, made = statistics(counted(*ORDINARY)), statistics(counted(*ORDINARY, "jeugd"))
    assert made.tables == without.tables
    assert (made.confidential, made.has_removed) == (1, False)
    told = {str(cell) for table in made.tables for row in table.records for cell in row}
    assert told.isdisjoint({"jeugd", "Jeugdzorg", "Team J", "jeugdzorg"})


def test_department_that_was_removed_is_left_out_and_that_is_said() -> None:
    made = statistics(counted(*ORDINARY, "weg"))
    assert made.has_removed and made.tables == statistics(counted(*ORDINARY)).tables


def test_rules_have_words_for_a_name_and_safety_rules_are_counted_together() -> None:
    made = statistics(counted(*ORDINARY))
    rules = {row[1]: row[2:] for row in made.table("regels").records}
    assert rules["afval"] == ("Afval", 22, 10)
    assert rules["parkeer-vergunning"] == ("Parkeer vergunning", Mark.SMALL, Mark.SMALL)
    assert rules["_veiligheid"][1] is Mark.HIDDEN, "the least that keeps two zeros apart"
    assert rules["_geen"] == ("Geen regel paste: vaste afdeling van het nummer", 18, Mark.SMALL)
    assert rules["_verwijderd"][1] == 12
    assert rules["totaal"][1:] == (68, "")


def test_rule_leads_to_its_department_and_the_deputies_of_that() -> None:
    leads = find_rule_departments(config(), "almelo")
    assert leads["parkeer-vergunning"] - {""} == {"kcc"} and "kcc" in leads["_geen"]
    assert leads["_veiligheid"] - {""} == {"kcc"} and "jeugd" in leads["jeugdzorg"]


def test_other_municipality_is_counted_apart() -> None:
    made = statistics(counted(*ORDINARY))
    assert {row[1] for row in made.table("antwoorden").records} == {"kcc", "groen", "totaal"}


WHATS = ("opened", "received", "placed", "corrected")


@given(
    st.lists(st.tuples(st.sampled_from(("kcc", "groen", "jeugd")), st.sampled_from(WHATS),
                       st.integers(0, 167), st.integers(1, 6)), max_size=60),
    st.lists(st.tuples(st.sampled_from(("kcc", "groen", "jeugd")),
                       st.sampled_from(("sent_employee", "closed_idle")), st.integers(1, 6)),
             max_size=20),
)  # fmt: skip
def test_no_count_below_the_bound_is_ever_published(
    by_month: list[tuple[str, str, int, int]], figures: list[tuple[str, str, int]]
) -> None:
    hours = Counter[tuple[str, str, int]]()
    for department, what, hour, count in by_month:
        hours[department, what, hour if what in WHATS[:2] else -1] += count
    days = Counter[tuple[str, str]]()
    for department, what, count in figures:
        days[department, what] += count
    made = statistics(
        MonthCounts(
            MONTH,
            False,
            [CountedRow(*key, 0, count) for key, count in days.items()],
            [CountedByMonth(*key, "", count) for key, count in hours.items()],
        )
    )
    counts = [cell for table in made.tables for row in table.records for cell in row[-1:]]
    assert counts and all(cell >= 5 for cell in counts if isinstance(cell, int))


def test_municipality_may_raise_the_bound() -> None:
    made = statistics(counted(*ORDINARY), "[tenants.open_data]\nsmallest_count = 25\n")
    answers = cells(made, "antwoorden", "groen", "Openbare ruimte")
    assert answers[("medewerker",)] == 30 and answers[("vanzelf",)] is Mark.SMALL
    assert made.show(Mark.SMALL) == "<25"


KINDS = ("sent_employee", "sent_automated", "sent_system")
Kinds = dict[tuple[str, str], int]


def test_part_of_a_table_tells_no_small_count_of_it() -> None:
    """Two departments sent messages, some of which were first answers: in each of 25 months a count
    that is not shown has two values at least that fit all that is shown."""
    shown_parts = 0
    for seed in range(25):
        random = Random(seed)
        counts = {(d, kind): random.choice([0, 0, 0, 1, 4, 5, 9]) for d in ORDINARY
                  for kind in KINDS}  # fmt: skip
        most = {d: counts[d, "sent_employee"] for d in ORDINARY}
        first = {d: random.choice([n, n, random.randint(0, n)]) for d, n in most.items()}
        figures = [CountedRow(*key, 0, count) for key, count in counts.items()]
        figures += [CountedRow(d, "first_answer", 0, count) for d, count in first.items()]
        made = statistics(MonthCounts(MONTH, False, figures, []))
        if not made.table("antwoorden").records:
            continue
        shown_parts += isinstance(made.first_answers, int)
        assert isinstance(made.first_answers, Mark) or made.first_answers >= 5
        assert computed(counts, sum(first.values()), made) == set(), seed
    assert shown_parts > 5


def computed(counts: Kinds, part: int, made: Statistics) -> set[Any]:
    """Cells that are not shown and have one value in all that fits."""
    shown: dict[tuple[str, str], Any] = {
        (str(row[1]), str(row[-2])): row[-1] for row in made.table("antwoorden").records
    }
    names = dict(zip(KINDS, ("medewerker", "vanzelf", "systeem"), strict=True))
    values: dict[Any, set[int]] = {}
    for steps in product((-1, 0, 1), repeat=len(counts) + 1):
        cells = {
            (d, names[kind]): count + step
            for ((d, kind), count), step in zip(counts.items(), steps, strict=False)
        }
        for d in ORDINARY:
            cells[d, "totaal"] = sum(cells[d, name] for name in names.values())
        for name in (*names.values(), "totaal"):
            cells["totaal", name] = sum(cells[d, name] for d in ORDINARY)
        other = part + steps[-1]
        fits = other <= cells["totaal", "medewerker"] and is_as(other, made.first_answers)
        if fits and all(is_as(value, shown[cell]) for cell, value in cells.items()):
            for cell, value in (cells | {("part", ""): other}).items():
                values.setdefault(cell, set()).add(value)
    assert values, "the truth itself fits"
    marks = shown | {("part", ""): made.first_answers}
    return {cell for cell, mark in marks.items()
            if isinstance(mark, Mark) and len(values[cell]) == 1}  # fmt: skip


def is_as(value: int, cell: Any) -> bool:
    """True if a reader may take this for the count."""
    if isinstance(cell, Mark):
        return value >= 0 and (value < 5) == (cell is Mark.SMALL)
    return bool(value == cell)
