"""Meta's webhooks about the citizens of a run: everything about them carries a mark.

Made of the examples of each type and field (`tests/examples/whatsapp`).
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

from sandbox.meta.webhook_payloads import wamid
from tests.support.citizens import NUMBER, WABA, WRITTEN
from tests.support.pii_markers import Marks, phone

EXAMPLES = Path(__file__).parents[2] / "examples" / "whatsapp"
SAID = {
    "body": "text", "text": "text", "headline": "text", "response_json": "text", "payload": "text",
    "product_retailer_id": "text", "alert_description": "text", "detail": "text",
    "caption": "caption", "name": "name", "first_name": "name", "last_name": "name",
    "formatted_name": "card", "full_name": "name", "username": "username", "title": "button",
    "description": "button", "filename": "filename", "address": "place", "subject": "group",
    "message": "error", "details": "error", "requested_verified_name": "name",
}  # fmt: skip
"""Member of an example -> what in it is somebody's."""
MESSAGES = (
    "text", "text", "text_reply", "text", "text_forwarded", "text_without_phone", "text",
    "image", "text", "document", "audio", "video", "voice", "sticker", "text", "button", "contacts",
    "interactive_list", "text", "interactive_button", "interactive_flow", "location", "text",
    "location_pin", "order", "unsupported", "new_type", "text_from_ad", *["text"] * 30,
)  # fmt: skip
"""Examples of what becomes a message to a department, more or less as often as it comes."""
TOGETHER = 50
"""Messages in one body."""

Json = Any


def _marked(text: str, member: str, mark: str) -> str:
    if member == "response_json":
        return json.dumps({"straat": mark})
    if member == "filename":  # a path before it does not go out
        folder, slash, name = text.rpartition("/")
        return f"{folder}{slash}{mark} {name}"
    return f"{mark} {text}"


class Marked:
    """Bodies of one run."""

    def __init__(self, marks: Marks, chance: Random) -> None:
        self._marks, self._chance = marks, chance
        self._templates = {p.stem: json.loads(p.read_text()) for p in EXAMPLES.glob("*.json")}

    def messages(self, count: int, citizens: range, number: str = NUMBER) -> Iterator[bytes]:
        """So many, each of its own, many in a body."""
        changes: list[Json] = []
        for n in range(count):
            citizen = citizens[n % len(citizens)]
            [change] = self._changes(MESSAGES[n % len(MESSAGES)], citizen, number)
            changes.append(change)
            if len(changes) == TOGETHER or n == count - 1:
                yield body(*changes)
                changes = []

    def every_kind(self, citizen: int) -> Iterator[bytes]:
        """Each example once: statuses, notices, echoes, history, what nobody knows."""
        for name in self._templates:
            yield body(*self._changes(name, citizen, NUMBER))

    def one(self, citizen: int, name: str = "text", number: str = NUMBER, **more: Json) -> bytes:
        """A message with members that it has not, or another value of those that it has."""
        [change] = self._changes(name, citizen, number)
        change["value"]["messages"][0] |= more
        return body(change)

    def photo(self, citizen: int, medium: str, content: bytes) -> bytes:
        """One that Meta has, with a caption."""
        [change] = self._changes("image", citizen, NUMBER)
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        shown = {"id": medium, "mime_type": "image/jpeg", "sha256": digest}
        image = change["value"]["messages"][0]["image"]
        change["value"]["messages"][0]["image"] = {"caption": image["caption"]} | shown
        return body(change)

    def unreadable(self, citizen: int) -> Iterator[bytes]:
        """Signed, of a citizen, and not as Meta writes."""
        said = self.one(citizen)
        yield from (said[:-40], said[20:], said + b"}", b"[" + said, said.replace(b":", b"=", 9))
        yield json.dumps([self._marks["text"], phone(citizen)]).encode()
        yield json.dumps(f"{self._marks['name']} {phone(citizen)}").encode()
        yield json.dumps({"entry": [{"id": WABA, "changes": self._marks["text"]}]}).encode()
        for name in ("messages", "contacts", "metadata", "statuses", "errors"):
            tree = json.loads(said)
            tree["entry"][0]["changes"][0]["value"][name] = (
                f"{self._marks['name']} {phone(citizen)}"
            )
            yield json.dumps(tree).encode()
        strange = {phone(citizen): self._marks["text"], self._marks["name"]: [phone(citizen)]}
        yield self.one(citizen, **strange)
        for field in ("type", "id", "timestamp", "from", "from_user_id", "text", "context"):
            for value in (phone(citizen), self._marks["name"], strange, [strange]):
                yield self.one(citizen, **{field: value})
        for name in ("\0", "\ud800", "\ufeff"):
            yield self.one(citizen, text={"body": f"{self._marks['text']}{name}{phone(citizen)}"})
        for field in (phone(citizen), self._marks["name"]):
            tree = json.loads(said)
            tree["entry"][0]["changes"][0]["field"] = field
            yield json.dumps(tree).encode()
        for status in (phone(citizen), self._marks["text"]):
            [change] = self._changes("status_sent", citizen, NUMBER)
            change["value"]["statuses"][0]["status"] = status
            yield body(change)

    def _changes(self, name: str, citizen: int, number: str) -> list[Json]:
        """Those of an example, as if this citizen were in it."""
        ids: dict[str, str] = {}

        def id(found: re.Match[str]) -> str:
            made = wamid(phone(citizen), self._chance, outgoing=False)
            return ids.setdefault(found[0], made)

        def told(tree: Json, member: str = "") -> Json:
            if isinstance(tree, dict):
                return {key: told(value, key) for key, value in tree.items()}
            if isinstance(tree, list):
                return [told(value, member) for value in tree]
            if member == "timestamp":
                return str(WRITTEN)
            if not isinstance(tree, str):
                return tree
            text = re.sub(r"316000000(0\d)", phone(citizen), tree)
            text = re.sub(
                r"\+31 6 000000(0\d)", f"+31 6 {phone(citizen)[3:7]} {phone(citizen)[7:]}", text
            )
            text = re.sub(r"^wamid\.\w+", id, text)
            text = re.sub(
                r"^([A-Z]{2})\.((?:ENT\.)?)\d+", rf"\1.\2{self._marks['user id']}{citizen}", text
            )
            mark = self._marks[SAID[member]] if member in SAID else ""
            return text if member == "emoji" or not mark else _marked(text, member, mark)

        tree = told(deepcopy(self._templates[name]))
        changes = [change for entry in tree["entry"] for change in entry["changes"]]
        return json.loads(json.dumps(changes).replace(NUMBER, number))


def body(*changes: Json) -> bytes:
    """A body as Meta writes it, now with escapes and now without."""
    tree = {
        "object": "whatsapp_business_account",
        "entry": [{"id": WABA, "changes": list(changes)}],
    }
    text = json.dumps(tree, ensure_ascii=len(changes) % 2 == 1)
    return text.encode("utf-8", "surrogatepass")
