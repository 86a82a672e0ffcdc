"""A municipality's parts and what a token may learn of them, for the tests of isolation."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from services import clock
from services.config import loader
from services.http.rights import Rights
from tests.support.access_matrix import Subject
from tests.support.access_town import NUMBERS, Part, Parts, ids_in
from tests.support.api_operations import Operation
from tests.support.installation import Installation

NO_NUMBER = "306540352242924"
"""Number that is none of ours."""
PDF = b"%PDF-1.7\n%%EOF\n"
NOWHERE = Part(
    tenant="almelo",
    department="burgerzaken",
    conversation=f"{NUMBERS['almelo']}-{'a' * 26}",
    messages=("018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c11",),
    mark="nowhere",
    to="+31600000099",
)
"""A part that does not exist."""


def url_of(operation: Operation, part: Part, town: Installation) -> str:
    """The operation's address with this part as its subject."""
    steps = operation.path.split("/")
    subjects = {
        "conversations": part.conversation,
        "messages": part.messages[-1],
        "media": part.messages[-1],
        "numbers": NUMBERS.get(part.tenant, NO_NUMBER),
        "destinations": "crm" if part.tenant in NUMBERS else "nergens",
        "requests": "AVG-2026-9999",
        "holds": "BW-2026-9999",
        "destruction-lists": "VL-2026-9999",
        "disclosures": "WOO-2026-9999",
        "documents": "1",
        "pictures": part.messages[-1],
        "resends": part.messages[-1],
        "secrets": part.messages[-1],
    }
    if "versions" in steps[:-1]:
        subjects["versions"] = present_version(town.config)
    for n, step in enumerate(steps):
        if step.startswith("{"):
            steps[n] = subjects[steps[n - 1]]  # KeyError: say here what its subject is
    return getattr(town, operation.door) + "/".join(steps)


@cache
def present_version(config: Path) -> str:
    """Version of the rules in force; the towns of these tests keep theirs."""
    return loader.load(config).version


def filled(example: Any, part: Part, upload: str, key: str = "") -> Any:
    """An example with this part as its subject, whatever was answered in it before."""
    given = {
        "conversationId": part.conversation,
        "messageId": part.messages[-1],
        "replyTo": part.messages[-1],
        "number": NUMBERS.get(part.tenant, NO_NUMBER),
        "to": part.to,
        "from": part.department,
        "with": NOWHERE.conversation,
        "until": (clock.now() + timedelta(days=1)).isoformat(),
    }
    if key in given:
        return given[key]
    if isinstance(example, dict):
        found = {k: filled(v, part, upload, k) for k, v in example.items() if k != "ifLast"}
        return found | ({"id": upload} if key == "media" and "id" in found else {})
    return (
        [filled(each, part, upload) for each in example] if isinstance(example, list) else example
    )


class World(msgspec.Struct, frozen=True):
    tokens: dict[str, str]
    parts: list[Part]
    upload: str
    """Upload by the token that may do all in almelo."""
    subjects: dict[Subject, Part]
    """Conversations for the access matrix, which nothing else touches."""
    kinds: dict[str, str]
    """Tokens of the access matrix."""

    def parts_of(self, part: Part) -> list[Part]:
        """All of its conversation, in their order."""
        return [each for each in self.parts if each.conversation == part.conversation]

    def last_of(self, part: Part) -> Part:
        return self.parts_of(part)[-1]


async def uploaded(parts: Parts, name: str) -> str:
    url = f"{parts.town.gateway}/v1/media"
    files = {"data": PDF, "headers": {"Content-Type": "application/pdf"}}
    status, said, _ = await parts.ask("POST", url, parts.tokens[name], **files)
    assert status == 201, said
    return str(msgspec.json.decode(said)["id"])


def more_of(operation: Operation, part: Part, upload: str, example: int) -> dict[str, Any]:
    """Body and headers of a request."""
    if operation.takes_files:
        return {"data": PDF, "headers": {"Content-Type": "application/pdf"}}
    if not operation.bodies:
        return {}
    body = operation.bodies[example % len(operation.bodies)]
    return {"json": filled(body, part, upload)}


def is_inside(rights: Rights, operation: Operation, part: Part, world: World) -> bool:
    """True when a token gets an answer to its request, its role apart."""
    if "destinations" in operation.path:
        return False  # none of these is an owner
    if "numbers" in operation.path or operation.path.endswith("_confirm"):
        return rights.tenant == part.tenant  # whatever its departments
    if operation.is_order:
        return world.last_of(part).is_for(rights)
    if operation.door == "gateway":
        return rights.name == f"{part.tenant}-send"  # who sent it
    if "conversations" in operation.path:
        return has_seen(rights, part, world)
    return part.is_for(rights)


def has_seen(rights: Rights, part: Part, world: World) -> bool:
    """True when some of the conversation was the token's."""
    return any(each.is_for(rights) for each in world.parts_of(part))


def assert_tells_nothing(said: bytes, rights: Rights | None, world: World) -> None:
    """No word and no id of what these rights do not cover stands in an answer."""
    theirs = [part for part in world.parts if rights and part.is_for(rights)]
    known = {id for part in theirs for id in (part.conversation, *part.messages)}
    hidden = {id for part in world.parts for id in (part.conversation, *part.messages)} - known
    assert not [
        part.mark for part in world.parts if part not in theirs and part.mark.encode() in said
    ]
    try:
        value = msgspec.json.decode(said)
    except msgspec.DecodeError:  # a page
        assert not [id for id in hidden if id.encode() in said]
        return
    assert not hidden & set(ids_in(value))


def refusals(operation: Operation, body: Any, rights: Rights, was: bool) -> set[int]:
    """Possible answers to an order for a conversation of another department."""
    if operation.takes_files:
        return {201}  # it names nobody else's
    if "numbers" in operation.path or "destinations" in operation.path:
        return {404}
    if "with" in body:  # nor is the other one theirs
        return {400} if was else {404}
    if "number" in body:  # with one number of its own department the door cannot see more
        return {400} if body["number"] != NUMBERS[rights.tenant] else {202, 400}
    if was and "id" in body.get("media", {}):  # the file is nobody's but its uploader's either
        return {400, 409}
    return {409} if was else {400, 404}
