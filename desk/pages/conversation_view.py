"""One conversation as an employee sees it: loaded from the record with their own token."""

import asyncio
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

from aiohttp import web

from desk.conversation.answers import MAX_CHARACTERS, AnswerStore, Draft
from desk.conversation.standard_answers import StandardAnswerStore, fill
from desk.conversation.transcript import (
    build_transcript,
    citizen_name,
    is_inline_picture,
    is_inline_sound,
    last_answer,
    last_sequence,
)
from desk.inbox.conversation import Conversation
from desk.inbox.store import ConversationStore
from desk.login.sessions import Session
from desk.postkamer.archive import Archive
from desk.postkamer.client import Refused
from desk.postkamer.gateway import Gateway
from desk.postkamer.record import Dossier, Message
from desk.web.site import Site, Visit
from services import clock
from services.ids import CONVERSATION

ATTEMPTS, PAUSE_SECONDS = 8, 0.4
"""Looks at a record that is behind, some three seconds together: mostly it is half a second."""
RECORD_LAG = timedelta(minutes=5)
"""Age of an event after which the record has it: it alarms when it is that far behind."""
MAX_PAGES = 10
"""Pages of messages that are shown: 2,000 messages, more than a year of a talkative citizen."""


class ConversationViews:
    def __init__(
        self,
        site: Site,
        store: ConversationStore,
        answers: AnswerStore,
        standard: StandardAnswerStore,
        archive: Archive,
        gateway: Gateway,
    ) -> None:
        self.site, self.store, self.answers, self.standard = site, store, answers, standard
        self._archive, self._gateway = archive, gateway

    async def find(self, request: web.Request, visit: Visit) -> Conversation:
        """Return the conversation of a request. Raises Refused, as the archive does, if there is
        none that the employee reaches."""
        id = request.match_info["id"]
        found = None
        if CONVERSATION.fullmatch(id):
            found = await self.store.find(id, session_of(visit).access)
        if found is None:
            raise Refused(404, "", {})
        return found

    async def page(
        self,
        visit: Visit,
        conversation: Conversation,
        *,
        status: int = 200,
        text: str | None = None,
        insert: UUID | None = None,
        trouble: str = "",
    ) -> web.Response:
        """Return the page, with a text that could not be sent and why, or with a standard answer
        in what is being written."""
        session = session_of(visit)
        shown = await self._load(visit, conversation)
        draft = await self.answers.find_draft(conversation.id, session.person_key)
        words = draft.text if text is None else text
        standard = await self.standard.list(session.access, conversation.department)
        chosen = next((each for each in standard if each.id == insert), None)
        if chosen:
            values = shown["citizen"], session.access.person, session.access.tenant.name
            words = f"{words}\n{fill(chosen.text, *values)}".strip()[:MAX_CHARACTERS]
        targets = []
        if session.access.may_answer:
            targets = await self._gateway.departments(session.tokens.access_token)
        return self.site.page(
            visit,
            "conversation.html",
            status,
            **shown,
            draft=Draft(draft.key, words),
            unsure=await self.answers.find_unsure(conversation.id, session.person_key),
            standard=standard,
            targets=[each for each in targets if each.id != conversation.department],
            trouble=trouble,
            max_characters=MAX_CHARACTERS,
        )

    async def messages(self, visit: Visit, conversation: Conversation) -> web.Response:
        """Return what is said, as an open page fetches it again."""
        shown = await self._load(visit, conversation)
        return self.site.page(visit, "conversation_messages.html", **shown)

    async def _load(self, visit: Visit, conversation: Conversation) -> dict[str, Any]:
        """Return what is on the record: with the employee's own token, so that it is on the record
        that they looked."""
        session = session_of(visit)
        token = session.tokens.access_token
        dossier, messages = await self._read(token, conversation)
        return {
            "access": session.access,
            "conversation": conversation,
            "citizen": conversation.content.name or citizen_name(messages),
            "picture": is_inline_picture,
            "sound": is_inline_sound,
            "dossier": dossier,
            "rows": build_transcript(messages, dossier),
            "last_answer": last_answer(messages),
            "covers": last_sequence(messages),
        }

    async def _read(self, token: str, conversation: Conversation) -> tuple[Dossier, list[Message]]:
        """Return what the record has. It may be a moment behind the event that brought the
        employee here, so this waits for the message that the event told of. Each look is on the
        record, so what was seen is not asked for again."""
        dossier = await self._dossier(token, conversation)
        messages = await self._messages_after(token, conversation.id, 0)
        for _ in range(ATTEMPTS):
            if last_sequence(messages) >= conversation.message_sequence:
                break
            await asyncio.sleep(PAUSE_SECONDS)
            seen = last_sequence(messages)
            messages += await self._messages_after(token, conversation.id, seen)
        return dossier, messages

    async def _dossier(self, token: str, conversation: Conversation) -> Dossier:
        for _ in range(ATTEMPTS):
            try:
                return await self._archive.dossier(token, conversation.id)
            except Refused as refused:
                if refused.status != HTTPStatus.NOT_FOUND or not _is_new(conversation):
                    raise
            await asyncio.sleep(PAUSE_SECONDS)
        return await self._archive.dossier(token, conversation.id)

    async def _messages_after(self, token: str, id: str, first: int) -> list[Message]:
        messages: list[Message] = []
        after: int | None = first
        for _ in range(MAX_PAGES):
            if after is None:
                break
            page, after = await self._archive.messages(token, id, after)
            messages += page
        return messages


def _is_new(conversation: Conversation) -> bool:
    """Return True if the record may not have the conversation yet."""
    return clock.now() - conversation.last_at < RECORD_LAG


def session_of(visit: Visit) -> Session:
    """Return the session of a visit that the gate let in."""
    assert visit.session
    return visit.session


def done(conversation: Conversation) -> web.Response:
    """Send the browser back to the page, so that loading it again does nothing twice."""
    return web.Response(status=303, headers={"Location": f"/conversations/{conversation.id}"})


REFUSALS = {
    "answered_meanwhile": "answer.meanwhile",
    "transferred": "answer.transferred",
    "key_used": "answer.sent_before",
    "closed": "change.closed",
    "too_often": "change.too_often",
    "outcome_needed": "change.outcome_needed",
    "other_open": "change.other_open",
}
"""Code of a refusal -> key of the words that explain it."""


def refusal_words(code: str, other: str) -> str:
    return REFUSALS.get(code, other)
