"""Messages between the archiver and the signer: a line of JSON each way, on a Unix socket. Pure."""

import msgspec

LINE_BYTES = 4096
"""Longest line: a note has some 150 bytes, and a name may be long."""
ANSWER_SECONDS = 10.0
"""Longest wait for a signature: a file is synced for it, and a token may be slow."""


class SignRequest(msgspec.Struct, frozen=True):
    """The text of a note, to be signed; '' only asks for the public key."""

    note: str = ""


class SignAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """The signature, or a sentence that says why there is none."""

    verifier: str = ""
    """Public key in its published form."""
    signature: bytes = b""
    refused: str = ""
    """This is never signed."""
    unable: str = ""
    """This cannot be signed now."""
