"""The entry in the algorithm register follows from rules, settings and figures."""

from datetime import date
from typing import Any

import pytest

from cli.figures.algorithm import RulesInForce, build_entry, entry_faults, to_html
from cli.figures.algorithm_page import render_page
from cli.figures.register_fields import FIELDS, field_faults
from cli.support.configuration import EXAMPLE
from router.danger.model import load_model
from services.config import loader
from tests.support.cli.counted_month import ALGORITHM, OPEN_DATA, config, counted, statistics

COUNTS = counted("kcc", "groen")


def made(settings: str = OPEN_DATA + ALGORITHM) -> dict[str, Any]:
    town = config(settings)
    rules = RulesInForce(town, "3f9c2a7b10de", date(2026, 11, 3), "0.1.0")
    return build_entry(rules, town.tenants[0], statistics(COUNTS, settings))


def test_entry_has_the_required_fields_of_the_standard_and_no_others() -> None:
    entry = made()
    assert list(field_faults(entry)) == []
    assert entry_faults(entry, config().tenants[0]) == []
    assert {name for name, field in FIELDS.items() if field.is_required} <= entry.keys()
    assert list(entry) == [name for name in FIELDS if name in entry]
    assert (entry["organization"], entry["begin_date"]) == ("Gemeente Almelo", "2026-10")
    assert "proportionality" not in entry


def test_entry_counts_rules_and_names_versions() -> None:
    methods = made()["methods_and_models"]
    assert "Regels: 3. Daarvan 3 die kiezen" in methods
    assert "Veiligheidsregels: 1 (zelfdoding)" in methods
    assert "3f9c2a7b10de, in gebruik sinds 2026-11-03" in methods and "0.1.0" in methods
    assert "deze talen: nl" in methods


def test_entry_says_what_weak_signs_do_and_how_they_were_trained() -> None:
    model, entry = load_model(), made()
    calm, rows = model.validated["calm"], sum(each.rows for each in model.validated.values())
    assert f"getraind: op {rows} verzonnen berichten" in entry["source_data"]
    assert f"Versie van de score: {model.version}" in entry["methods_and_models"]
    assert f"gevaar in {calm.found} van {calm.rows} rustige" in entry["methods_and_models"]
    assert "alleen een label en voorrang" in entry["human_intervention"]
    decides = 'weak_signs = "decide"\nweak_signs_rule = "dood"\nweak_signs_at_least = 0.95\n'
    entry = made(OPEN_DATA + ALGORITHM + f"[tenants.care]\n{decides}")
    assert "hetzelfde als de veiligheidsregel dood" in entry["human_intervention"]
    assert "Vanaf 0,95 heeft" in entry["methods_and_models"]


def test_entry_without_weak_signs_says_that_nothing_was_trained() -> None:
    entry = made(OPEN_DATA + ALGORITHM + '[tenants.care]\nweak_signs = "off"\n')
    assert "niet getraind" in entry["source_data"]
    texts = entry["methods_and_models"] + entry["human_intervention"]
    assert "wakke tekenen" not in texts


def test_entry_names_the_data_that_its_rules_look_at_and_no_other() -> None:
    data = made()["source_data"]
    assert "woorden in het bericht" in data and "de taal van het bericht" in data
    assert "het tijdstip" not in data and "lijst van de gemeente" not in data


def test_counts_of_the_entry_are_those_that_the_open_data_publish() -> None:
    risks = made()["risks"]
    shown = {row[1]: row for row in statistics(COUNTS).table("regels").records}
    assert f"kregen: {shown['totaal'][3]}<" in risks
    assert f"een keuzemenu: {shown['_menu'][3]}<" in risks
    assert f"vaste afdeling: {shown['_geen'][3]}<" in risks
    assert "gegeven:" not in risks, "no total of it is published"
    raised = made(OPEN_DATA + "smallest_count = 20\n" + ALGORITHM)["risks"]
    assert "een keuzemenu: &lt;20<" in raised


def test_missing_settings_are_named_by_their_own_names() -> None:
    town = config("")
    entry = made("")
    assert sorted(entry_faults(entry, town.tenants[0])) == [
        f"[tenants.algorithm] of almelo: {what}"
        for what in (
            "assessments is missing, and so is no_assessment",
            "category is missing",
            "contact is missing",
            "legal_ground is missing",
            "since is missing",
        )
    ]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"name": "x" * 101}, ("name", "is longer than 100 characters")),
        ({"status": "Weg"}, ("status", "is none of In ontwikkeling, In gebruik, Buiten gebruik")),
        ({"color": "red"}, ("color", "is no field of the standard")),
        ({"lawful_basis_grouping": [{"title": "x", "link": "y" * 501}]},
         ("lawful_basis_grouping", "is longer than 500 characters")),
    ],
)  # fmt: skip
def test_entry_that_the_register_would_refuse_has_a_fault(
    change: dict[str, Any], fault: tuple[str, str]
) -> None:
    assert list(field_faults(made() | change)) == [fault]


def test_page_has_the_titles_of_the_register_and_the_same_text() -> None:
    page = render_page(made(), config().tenants[0])
    titles = [line[3:] for line in page.splitlines() if line.startswith("## ")]
    assert titles == [FIELDS[name].title for name in made()]
    assert "Er is geen DPIA & geen IAMA gedaan." in page
    assert "\n- Regels: 3." in page and "<p>" not in page and "<li>" not in page
    assert "\n\n\n" not in page


def test_text_becomes_paragraphs_and_lists() -> None:
    assert to_html(["Een <b>", "- twee", "- drie", "Vier"]) == (
        "<p>Een &lt;b&gt;</p><ul><li>twee</li><li>drie</li></ul><p>Vier</p>"
    )
    assert to_html("Een\n\nTwee") == "<p>Een</p><p>Twee</p>"


def test_entry_of_the_shipped_town_fits_the_register() -> None:
    loaded = loader.load(EXAMPLE)
    tenant = loaded.config.tenants[0]
    rules = RulesInForce(loaded.config, loaded.version, None, "0.1.0")
    entry = build_entry(rules, tenant, statistics(COUNTS))
    assert entry_faults(entry, tenant) == []
