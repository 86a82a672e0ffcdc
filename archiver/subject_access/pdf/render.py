"""Print a report as PDF/A-2b."""

from collections.abc import Sequence
from pathlib import Path

from archiver.subject_access.pdf.layout import page_layout
from archiver.subject_access.report import Report, count_messages
from services.printing.typesetter import FONTS, TOO_LARGE, Printing, Unprintable, print_pages

TEMPLATE = Path(__file__).with_name("report.typ")
MAX_MESSAGES = 5_000
"""Most messages in one PDF: typst takes half a GiB for them, and some 20 seconds a round. A larger
report is made by period."""


def pdf(report: Report, fonts: Sequence[Path] = FONTS) -> bytes:
    """Print the report. The same report and fonts give the same bytes. Raises Unprintable."""
    if count_messages(report) > MAX_MESSAGES:
        raise Unprintable(TOO_LARGE)
    printing = Printing(fonts=fonts)
    return print_pages(TEMPLATE, page_layout(report), report.made_at, printing)
