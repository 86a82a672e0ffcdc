"""The report of a month on paper: PDF/A-2a, tagged so that a screen reader can read it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from router.figures.month import settled_on
from router.month_report.contents import Report
from services.printing.typesetter import FONTS, Printing, print_pages

TEMPLATE = Path(__file__).with_name("page.typ")
STANDARDS = "a-2a", "ua-1"


def report_pdf(report: Report, fonts: Sequence[Path] = FONTS) -> bytes:
    """Print a report. The same one gives the same bytes. Raises Unprintable."""
    made = datetime.combine(settled_on(report.month), datetime.min.time(), UTC)
    return print_pages(
        TEMPLATE, msgspec.to_builtins(report), made, Printing(STANDARDS, fonts=fonts)
    )
