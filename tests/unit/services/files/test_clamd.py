"""Answers of clamd."""

import pytest

from services.files import clamd
from services.files.clamd import ScanResult


@pytest.mark.parametrize(
    ("answer", "malware"),
    [(b"stream: OK\0", ""), (b"stream: Win.X-1 FOUND\0", "Win.X-1"), (b"stream: OK", "")],
)
def test_answer_of_the_scanner_names_the_malware(answer: bytes, malware: str) -> None:
    assert clamd.parse_answer(answer) == ScanResult(malware)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        *((answer, clamd.ScannerUnavailable)
          for answer in (b"", b"\0", b"UNKNOWN COMMAND\0", b"stream: x ERROR\0", b"\xff")),
        (b"INSTREAM size limit exceeded. ERROR\0", clamd.TooLarge),
    ],
)  # fmt: skip
def test_answer_that_is_no_result_raises(answer: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        clamd.parse_answer(answer)
