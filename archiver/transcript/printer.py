"""Printing of transcripts, as a program of its own: `print_apart` runs it."""

import sys

from archiver.transcript.pdf import transcript_pdf
from archiver.transcript.transcript import Transcript, decode_transcript, encode_transcript
from services.printing.printer_process import print_apart, print_standard_input

MODULE = "archiver.transcript.printer"


async def print_transcript(transcript: Transcript) -> bytes:
    """Return the PDF of a transcript. Raises Unprintable."""
    return await print_apart(MODULE, [], encode_transcript(transcript))


if __name__ == "__main__":
    sys.exit(print_standard_input(lambda text: transcript_pdf(decode_transcript(text))))
