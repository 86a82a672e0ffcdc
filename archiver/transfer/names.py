"""Names of objects and files in a package, by the MDTO SIP specification (541ffdc). Pure.

A name is unique in the package, has at most 255 characters with its sidecar's ending, and none of
`< > : " / \\ | ? * # & .` or a space.
"""

import re
import unicodedata

OBJECT_ENDING, FILE_ENDING = ".mdto.xml", ".bestand.mdto.xml"
LONGEST_BYTES = 255
"""Longest name of a file with its ending, in UTF-8: the specification counts characters, and file
systems count bytes."""
STEM_BYTES = 100
"""Longest part of a citizen's own file name, in UTF-8: the rest is for the conversation, the place
of the message, the extension and the ending."""
_FORBIDDEN = re.compile(r"(?:[^\w-]|_)+")
"""Everything but letters, digits, `_` and `-`."""


def clean_stem(text: str) -> str:
    """Return a text as part of a name; '' if nothing is left of it."""
    composed = unicodedata.normalize("NFC", text)
    cleaned = _FORBIDDEN.sub("_", composed).strip("_-")
    return cleaned.encode()[:STEM_BYTES].decode(errors="ignore").strip("_-")


def attachment_name(conversation: str, nth: int, filename: str, extension: str) -> str:
    """Return the name of the nth file of a conversation."""
    stem = clean_stem(filename.rpartition(".")[0] or filename)
    return f"{attachment_object(conversation, nth)}{f'_{stem}' if stem else ''}.{extension}"


def attachment_object(conversation: str, nth: int) -> str:
    """Return the name of the information object of that file."""
    return f"{conversation}_bijlage-{nth:04}"
