"""Reading what a CRM orders: a body in, a command or every fault of it out. Pure."""

import hashlib
import re
import uuid
from typing import Any

import msgspec

from services.config import Config
from services.contract import Author
from services.ids import CONVERSATION

TEXT_CHARACTERS = 4096
"""Meta's limit of a text body; counted in UTF-16 units, the larger of the two counts."""
AUTHOR_CHARACTERS = 255
KEY_CHARACTERS = 255
KEY = re.compile(rf"[\x20-\x7e]{{1,{KEY_CHARACTERS}}}")
PHONE = re.compile(r"\+?[1-9][0-9]{6,14}")
FIELDS = {"conversationId", "number", "to", "type", "text", "author"}
TEXT_FIELDS, AUTHOR_FIELDS = {"body"}, {"kind", "id"}
NAMESPACE = uuid.UUID("b7a1f5a4-52b7-5d7e-9a4e-0d2f0c6f3c11")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A text for a citizen, by conversation or by number and phone."""

    text: str
    number: str
    conversation: str = ""
    to: str = ""
    author: Author | None = None


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with a body: a JSON pointer and a sentence, never what was sent."""

    pointer: str
    detail: str


def is_key(key: str) -> bool:
    """Whether `key` can be an idempotency key: printable ASCII, as the values of headers are."""
    return KEY.fullmatch(key) is not None


def message_id(token: str, key: str) -> uuid.UUID:
    """The id that this token's idempotency key stands for, now and after any restart."""
    return uuid.uuid5(NAMESPACE, f"{token}\n{key}")


def fingerprint(body: bytes) -> bytes:
    """What makes two bodies the same one."""
    return hashlib.sha256(body).digest()


def read_order(body: bytes, config: Config) -> Order | list[Fault]:
    """The order in `body`, or all that is wrong with it."""
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [Fault("", "the body is no JSON")]
    if not isinstance(given, dict):
        return [Fault("", "the body is no JSON object")]
    faults = _strange(given, FIELDS, "")
    if given.get("type") != "text":
        faults.append(Fault("/type", "must be text"))
    text = _text(given.get("text"), faults)
    author = _author(given.get("author"), faults)
    number, conversation, to = _recipient(given, config, faults)
    return faults or Order(
        text=text, number=number, conversation=conversation, to=to, author=author
    )


def _strange(given: dict[str, Any], known: set[str], where: str) -> list[Fault]:
    """A fault for each member that is not known (RFC 6901: `~` and `/` are written ~0 and ~1)."""
    names = (name.replace("~", "~0").replace("/", "~1") for name in sorted(given.keys() - known))
    return [Fault(f"{where}/{name}", "is not known") for name in names]


def _text(given: Any, faults: list[Fault]) -> str:
    if isinstance(given, dict):
        faults += _strange(given, TEXT_FIELDS, "/text")
    text = given.get("body") if isinstance(given, dict) else None
    if not isinstance(text, str) or not text.strip():
        faults.append(Fault("/text/body", "must be a text that is not empty"))
        return ""
    if len(text.encode("utf-16-le")) // 2 > TEXT_CHARACTERS:
        faults.append(Fault("/text/body", f"is over {TEXT_CHARACTERS} characters"))
    if "\0" in text:
        faults.append(Fault("/text/body", "holds U+0000, which cannot be stored"))
    return text


def _author(given: Any, faults: list[Fault]) -> Author | None:
    if given is None:
        return None
    if isinstance(given, dict):
        faults += _strange(given, AUTHOR_FIELDS, "/author")
    try:
        author = msgspec.convert(given, Author)
    except msgspec.ValidationError:
        author = None
    if author is None or "\0" in author.id or len(author.id) > AUTHOR_CHARACTERS:
        expected = f"a text of at most {AUTHOR_CHARACTERS} characters"
        what = f"must be {{kind: employee, system or automated, id: {expected}}}"
        faults.append(Fault("/author", what))
    return author


def _recipient(given: dict[str, Any], config: Config, faults: list[Fault]) -> tuple[str, str, str]:
    """Number of ours, conversation, phone number with a plus."""
    conversation = given.get("conversationId")
    if conversation is not None:
        if given.get("number") is not None or given.get("to") is not None:
            faults.append(Fault("/conversationId", "goes without number and to"))
        form = CONVERSATION.fullmatch(conversation) if isinstance(conversation, str) else None
        if form is None or config.number(form[1]) is None:
            faults.append(Fault("/conversationId", "is no conversation of ours"))
            return "", "", ""
        return form[1], form[0], ""
    number, to = given.get("number"), given.get("to")
    if not isinstance(number, str) or config.number(number) is None:
        faults.append(Fault("/number", "must be the id of a number of ours"))
    if not isinstance(to, str) or not PHONE.fullmatch(to):
        faults.append(Fault("/to", "must be a phone number in international form"))
    if faults:
        return "", "", ""
    return str(number), "", str(to).lstrip("+")
