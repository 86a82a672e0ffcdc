"""Hours in a notation of people's own: the fault shows the hours that were probably meant."""

import pytest

from services.calendar.opening_hours_syntax import fault

OFFICE = "Mo-Fr 09:00-17:00"


@pytest.mark.parametrize(
    ("hours", "meant"),
    [
        ("ma-vr 9-17", OFFICE), ("ma t/m vr 9.00-17.00 uur", OFFICE), ("Mo-Fr 9-17", OFFICE),
        ("maandag tot en met vrijdag van 9 tot 17 uur", OFFICE), ("Mo-Fr 09:00–17:00", OFFICE),
        ("Monday to Friday 9:00-17:00", OFFICE), ("Mo-Fr 09:00-17:00;", OFFICE),
        ("ma-vr: 9-17", OFFICE), ("ma-vr 9-17, za 10-12", f"{OFFICE}; Sa 10:00-12:00"),
        ("ma en di 9-12 en 13-17", "Mo,Tu 09:00-12:00,13:00-17:00"),
        ("ma-vr 8.30u-17u; feestdagen gesloten", "Mo-Fr 08:30-17:00; PH off"),
    ],
)  # fmt: skip
def test_fault_of_hours_shows_the_hours_that_were_probably_meant(hours: str, meant: str) -> None:
    assert fault(meant) == ""
    assert fault(hours).startswith("Write hours as in Mo-Fr 09:00-17:00; PH off, with Mo Tu")
    assert fault(hours).endswith(f": did you mean {meant!r}?")


@pytest.mark.parametrize(
    "hours",
    ["op afspraak", "Mo-Fr 25:00-26:00", "9 december 9-12", "ma-vr", "Mo-Fr 17", "tot 17 uur", " "],
)
def test_hours_with_no_clear_meaning_have_no_suggestion(hours: str) -> None:
    assert fault(hours)
    assert "did you mean" not in fault(hours)
