"""One conversation as an employee sees it: loaded from the record with their own token."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from desk.access import Access
from desk.conversation.answers import MAX_CHARACTERS, AnswerStore, Draft
from desk.conversation.reader import RECORD_LAG, ConversationReader, expect_news
from desk.conversation.reasons import COMMON, ReasonStore
from desk.conversation.reasons import MAX_CHARACTERS as REASON_CHARACTERS
from desk.conversation.section import Section
from desk.conversation.standard_answers import StandardAnswer, StandardAnswerStore, fill
from desk.conversation.transcript import (
    build_transcript,
    can_be_quoted,
    citizen_name,
    earlier_notes,
    find_message,
    is_inline_picture,
    is_inline_sound,
    last_answer,
    last_sequence,
)
from desk.inbox.conversation import Conversation, with_labels
from desk.inbox.store import ConversationStore
from desk.login.sessions import Session
from desk.postkamer.archive import REASON_MISSING, Look
from desk.postkamer.client import Refused, Unanswered
from desk.postkamer.gateway import Gateway, TransferTarget
from desk.postkamer.record import Dossier, Message
from desk.web.site import Site, Visit
from services.ids import CONVERSATION
from services.retention.selection_list import RESULTS, Result
from services.stops.refusal import MOVES

TARGETS_SECONDS = 2.0
"""Longest wait for the departments to transfer to, while the rest of the page is there."""
EMOJI = {"thumb": "👍", "heart": "❤️", "hands": "🙏", "smile": "😀", "sad": "😢"}
"""Key of words -> reaction. A few that any citizen understands; WhatsApp takes each."""


class Typed(msgspec.Struct, frozen=True):
    """Fields of a form that was not taken, to be shown again, and the key of the words that say
    why."""

    trouble: str = ""
    text: str | None = None
    caption: str = ""
    verb: str = ""
    """The change that was not made, and what was typed for it."""
    kept: str = ""
    result: str = ""
    """Result of the selection list that was typed."""


NOTHING = Typed()


class Stores(msgspec.Struct, frozen=True):
    """Tables of the desk about conversations."""

    conversations: ConversationStore
    answers: AnswerStore
    standard: StandardAnswerStore
    reasons: ReasonStore


class ConversationViews:
    def __init__(
        self, site: Site, stores: Stores, reader: ConversationReader, gateway: Gateway
    ) -> None:
        self.site, self.stores = site, stores
        self._reader, self._gateway = reader, gateway

    async def find(self, request: web.Request, visit: Visit) -> Conversation:
        """Return the conversation of a request. Raises Refused, as the archive does, if there is
        none that the employee reaches."""
        id = request.match_info["id"]
        found = None
        if CONVERSATION.fullmatch(id):
            found = await self.stores.conversations.find(id, session_of(visit).access)
        if found is None:
            raise Refused(404, "", {})
        return found

    async def page(
        self,
        visit: Visit,
        conversation: Conversation,
        status: int = 200,
        typed: Typed = NOTHING,
        insert: UUID | None = None,
        before: int | None = None,
    ) -> web.Response:
        """Return the page, with what could not be sent and why, or with a standard answer in what
        is being written; or the question why it is read, if its department asks that. `before` asks
        for an earlier section."""
        session, look = session_of(visit), await self._look(visit, conversation)
        # All at once: the record and the gateway take longer to ask than to answer.
        shown, draft, standard, departments = await asyncio.gather(
            self._load(visit, conversation, look, before=before),
            self.stores.answers.find_draft(conversation.id, session.person_key),
            self.stores.standard.list(session.access, conversation.department),
            self._departments(session),
        )
        if shown is None:
            return self.ask_reason(visit, conversation)
        words = draft.text if typed.text is None else typed.text
        chosen = next((each for each in standard if each.id == insert), None)
        words = _with_standard(words, chosen, shown["citizen"], session.access)
        return self.site.page(
            visit,
            "conversation.html",
            status,
            **shown,
            draft=Draft(draft.key, words, draft.about),
            quoted=await self._find_quoted(session, look, shown["section"], draft.about),
            standard=standard,
            targets=[each for each in departments if each.id != conversation.department],
            default_result=_default_result(conversation, departments),
            typed=typed,
            max_characters=MAX_CHARACTERS,
        )

    async def _look(self, visit: Visit, conversation: Conversation) -> Look:
        """Return the look at a conversation, with the reason that holds."""
        session = session_of(visit).id
        reason = await self.stores.reasons.find(session, conversation.id, visit.now)
        return Look(visit.opening, reason)

    async def _find_quoted(
        self, session: Session, look: Look, section: Section, about: UUID | None
    ) -> Message | None:
        """Return the message that the draft quotes, which may be of any section."""
        found = find_message(section.known, about)
        if about is None or found:
            return found
        return await self._reader.find_message(session.tokens.access_token, about, look)

    async def _departments(self, session: Session) -> list[TransferTarget]:
        """Return the departments of the municipality, for an employee who can transfer to them;
        none while the gateway is away."""
        if not session.access.may_answer:
            return []
        try:
            async with asyncio.timeout(TARGETS_SECONDS):
                return await self._gateway.departments(session.tokens.access_token)
        except (Unanswered, TimeoutError):
            return []  # all else can be read, and an answer is kept

    def ask_reason(
        self, visit: Visit, conversation: Conversation, trouble: str = "", explanation: str = ""
    ) -> web.Response:
        """Return the page that asks why the conversation is read; it shows nothing of it."""
        return self.site.page(
            visit,
            "reason.html",
            400 if trouble else 200,
            conversation=conversation,
            reasons=COMMON,
            trouble=trouble,
            explanation=explanation,
            max_characters=REASON_CHARACTERS,
        )

    async def messages(
        self, visit: Visit, conversation: Conversation, before: int | None = None
    ) -> web.Response:
        """Return what is said, as an open page fetches it again. Once its reason has ended the
        browser is to load the page, which asks for one."""
        look = await self._look(visit, conversation)
        shown = await self._load(visit, conversation, look, before=before, is_open=True)
        if shown is None:
            return web.Response(headers={"HX-Refresh": "true", "Cache-Control": "no-store"})
        return self.site.page(visit, "conversation_messages.html", **shown)

    async def _load(
        self,
        visit: Visit,
        conversation: Conversation,
        look: Look,
        *,
        before: int | None,
        is_open: bool = False,
    ) -> dict[str, Any] | None:
        """Return what is on the record: with the employee's own token, so that it is on the record
        that they looked. None if the archive first wants to know why they do. A page that is open
        showed it before, so that the record cannot be without it."""
        session, answers = session_of(visit), self.stores.answers
        try:
            (dossier, section), names, unsure, own = await asyncio.gather(
                self._read(visit, conversation, look, before, is_open=is_open),
                self._names(session, conversation),
                answers.find_unsure(conversation.id, session.person_key),
                answers.find_accepted(conversation.id, session.person_key, visit.now - RECORD_LAG),
            )
        except Refused as refused:
            if refused.code == REASON_MISSING:
                return None
            raise
        if session.access.is_confidential(conversation.department):
            conversation = with_labels(conversation, section.known)
        return {
            "access": session.access,
            "names": names,
            "conversation": conversation,
            "citizen": conversation.content.name or citizen_name(section.known),
            "picture": is_inline_picture,
            "sound": is_inline_sound,
            "can_be_quoted": can_be_quoted,
            "emoji": EMOJI,
            "dossier": dossier,
            "section": section,
            "before": before,
            "unsure": unsure,
            "rows": build_transcript(section, dossier),
            "earlier_notes": earlier_notes(section, dossier),
            "last_answer": last_answer(section, dossier.last_answer, own),
            "covers": last_sequence(section.messages),
        }

    async def _read(
        self,
        visit: Visit,
        conversation: Conversation,
        look: Look,
        before: int | None,
        *,
        is_open: bool,
    ) -> tuple[Dossier, Section]:
        token = session_of(visit).tokens.access_token
        if before is not None:
            return await self._reader.read_before(token, conversation.id, look, before)
        expected = expect_news(
            conversation.message_sequence, conversation.last_at, visit.now, is_open=is_open
        )
        return await self._reader.read(token, conversation.id, look, expected)

    async def _names(self, session: Session, conversation: Conversation) -> Mapping[str, str]:
        """Return the names of the departments that the page may name."""
        is_confidential = session.access.is_confidential(conversation.department)
        if not (conversation.also_about or is_confidential):
            return {}
        return await self._gateway.names.get(session.tokens.access_token)


def _default_result(
    conversation: Conversation, departments: Sequence[TransferTarget]
) -> Result | None:
    """Return the result by which the conversation is kept if nobody gives one."""
    codes = [each.retention_code for each in departments if each.id == conversation.department]
    return RESULTS.get(codes[0] or "") if codes else None


def _with_standard(words: str, chosen: StandardAnswer | None, citizen: str, access: Access) -> str:
    """Return what is being written, with a standard answer after it."""
    if chosen is None:
        return words
    filled = fill(chosen.text, citizen, access.person, access.tenant.name)
    return f"{words}\n{filled}".strip()[:MAX_CHARACTERS]


def session_of(visit: Visit) -> Session:
    """Return the session of a visit that the gate let in."""
    assert visit.session
    return visit.session


def done(visit: Visit, conversation: Conversation, place: str = "") -> web.Response:
    """Send the browser back to the page, so that loading it again does nothing twice. For the
    record it is the same opening."""
    path = f"/conversations/{conversation.id}?opening={visit.opening}{place}"
    return web.Response(status=303, headers={"Location": path})


REFUSALS = {
    "answered_meanwhile": "answer.meanwhile",
    "transferred": "answer.transferred",
    "key_used": "answer.sent_before",
    "closed": "change.closed",
    "too_often": "change.too_often",
    "outcome_needed": "change.outcome_needed",
    "other_open": "change.other_open",
    "not_in_doubt": "settle.known",
    MOVES.code: "problem.moves",
}
"""Code of a refusal -> key of the words that explain it."""


def refusal_words(code: str, other: str) -> str:
    return REFUSALS.get(code, other)
