"""Printing of month's reports, as a program of its own: `print_apart` runs it."""

import sys

import msgspec

from router.month_report.contents import Report
from router.month_report.pdf import report_pdf
from services.printing.printer_process import print_apart, print_standard_input

MODULE = "router.month_report.printer"


async def print_month(report: Report) -> bytes:
    """Return the PDF of a report. Raises Unprintable."""
    return await print_apart(MODULE, [], msgspec.json.encode(report))


if __name__ == "__main__":
    sys.exit(print_standard_input(lambda text: report_pdf(msgspec.json.decode(text, type=Report))))
