"""A report is printed in a process of its own, which knows no secret and does not stay."""

import msgspec
import pytest

from archiver.privacy import printer
from archiver.privacy.printer import print_report
from archiver.subject_access.pdf.render import pdf
from archiver.subject_access.report import Report, encode_report
from services.printing import printer_process
from services.printing.typesetter import TOO_LARGE, Unprintable
from tests.support.archiver.reports import IN, REPORT


async def test_process_prints_what_is_printed_here() -> None:
    assert await print_report(REPORT) == pdf(REPORT)
    assert msgspec.json.decode(encode_report(REPORT), type=Report) == REPORT


async def test_reason_of_a_report_that_cannot_be_printed_comes_back() -> None:
    [first, *_] = REPORT.conversations
    large = msgspec.structs.replace(first, messages=(IN,) * 5_001)
    with pytest.raises(Unprintable, match="pdf_too_large"):
        await print_report(msgspec.structs.replace(REPORT, conversations=(large,)))


async def test_process_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printer_process, "PRINT_SECONDS", 0.05)
    with pytest.raises(Unprintable) as refused:
        await print_report(REPORT)
    assert str(refused.value) == TOO_LARGE


async def test_process_that_fails_is_told_of_without_the_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(printer, "MODULE", "archiver.nothing")
    with pytest.raises(Unprintable, match="pdf_broken"):
        await print_report(REPORT)
