"""Colleagues at a CRM, and citizens who write to them: over the real API, each with a token."""

import uuid
from typing import Any

from tests.support.citizens import post, text, webhook
from tests.support.observer import BEARER, Watch, until
from tests.support.tokens import bearer, made

AUTHOR = {"kind": "employee", "id": "sanne"}


class Desk:
    """A colleague at a CRM: everything that is done with one token."""

    def __init__(self, watch: Watch, headers: dict[str, str] = BEARER) -> None:
        self.watch, self.headers = watch, headers

    async def post(self, path: str, body: dict[str, Any], key: str = "") -> tuple[int, Any]:
        headers = self.headers | {"Idempotency-Key": key or str(uuid.uuid4())}
        url = f"{self.watch.town.gateway}{path}"
        async with self.watch.session.post(url, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def answer(self, conversation: str, **body: Any) -> tuple[int, Any]:
        """A text, unless another type is given."""
        given = {"type": "text", "text": {"body": "Goedemiddag"}} if "type" not in body else {}
        return await self.post(
            "/v1/messages", {"conversationId": conversation, "author": AUTHOR} | given | body
        )

    async def does(self, conversation: str, verb: str, **body: Any) -> tuple[int, Any]:
        return await self.post(f"/v1/conversations/{conversation}/{verb}", body)

    async def status(self, id: str) -> dict[str, Any]:
        url = f"{self.watch.town.gateway}/v1/messages/{id}"
        async with self.watch.session.get(url, headers=self.headers) as answer:
            return dict(await answer.json())


async def colleague(watch: Watch, name: str, **rights: Any) -> Desk:
    """Desk with a token of its own, once the gateway knows it."""
    token = await made(watch.town.database.url, name, "almelo", **rights)
    desk = Desk(watch, bearer(token))
    await until(lambda: desk.status(str(uuid.UUID(int=0))), lambda s: s["status"] == 404, 10)
    return desk


async def wrote(watch: Watch, words: str, wamid: str, citizen: int, **more: Any) -> dict[str, Any]:
    """A citizen's message, as the CRM gets it."""
    body = webhook(text(words, wamid, citizen, **more))
    assert await post(watch.session, watch.town.gateway, body) == 200
    (event,) = await until(lambda: watch.events(words), bool, 10)
    return dict(event["event"]["data"])
