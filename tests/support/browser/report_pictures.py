"""A picture of the month's report for the docs: `make pictures` makes it too.

    python -m tests.support.browser.report_pictures

November of the simulated year, with the conversations that October left.
"""

import subprocess
from pathlib import Path

from router.month_report.pdf import report_pdf
from tests.support.browser.sheets import save_sheet
from tests.support.routing.simulated_year import build_town, simulate

DOCS = Path(__file__).parents[3] / "docs" / "images"
DOTS_PER_INCH = 130
PAGES = 1, 2


def main() -> None:
    printed = report_pdf(simulate(build_town(), months=(10, 11)).report(11))
    tool = ["pdftoppm", "-png", "-r", str(DOTS_PER_INCH), "-singlefile"]
    pages = [
        subprocess.run(
            [*tool, "-f", str(n), "-l", str(n), "-"], input=printed, capture_output=True, check=True
        ).stdout
        for n in PAGES
    ]
    save_sheet(DOCS, "month-report", pages)
    print(f"month-report.png: {(DOCS / 'month-report.png').stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
