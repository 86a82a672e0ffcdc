"""One conversation: its page, and what an employee does in it."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from aiohttp import web

from desk.access import Access
from desk.conversation.answers import MAX_CHARACTERS, AnswerStore, Draft, GivenAnswer
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
from desk.pages.forms import Form, read_form
from desk.postkamer.archive import Archive, Message
from desk.postkamer.client import Refused, Unanswered
from desk.postkamer.gateway import Gateway
from desk.web.gate import Gate
from desk.web.site import Site, Visit
from services import clock
from services.ids import CONVERSATION

MAX_PAGES = 10
"""Pages of messages that are shown: 2,000 messages, more than a year of a talkative citizen."""
Act = Callable[[web.Request, Visit, Conversation, Form], Awaitable[web.StreamResponse]]


class ConversationPages:
    def __init__(
        self,
        gate: Gate,
        site: Site,
        store: ConversationStore,
        answers: AnswerStore,
        archive: Archive,
        gateway: Gateway,
    ) -> None:
        self._gate, self._site, self._store, self._answers = gate, site, store, answers
        self._archive, self._gateway = archive, gateway

    def routes(self) -> list[web.RouteDef]:
        path = "/conversations/{id}"
        pages = {path: self._show, f"{path}/messages": self._show_messages}
        acts: dict[str, Act] = {
            "answer": self._answer,
            "draft": self._store_draft,
            "take": self._take,
            "give-back": self._give_back,
            "note": self._note,
            "transfer": self._transfer,
            "close": self._close,
        }
        return [
            *(web.get(p, self._gate.require(h), allow_head=False) for p, h in pages.items()),
            *(web.post(f"{path}/{verb}", self._acting(act)) for verb, act in acts.items()),
        ]

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /conversations/{id}: the page."""
        conversation = await self._find(request, visit)
        return await self._page(visit, conversation)

    async def _show_messages(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /conversations/{id}/messages: what is said, as an open page fetches it again."""
        conversation = await self._find(request, visit)
        shown = await self._load(visit, conversation)
        return self._site.page(visit, "conversation_messages.html", **shown)

    async def _page(
        self,
        visit: Visit,
        conversation: Conversation,
        *,
        status: int = 200,
        text: str | None = None,
        trouble: str = "",
    ) -> web.Response:
        """Return the page, with a text that could not be sent and why."""
        assert visit.session
        session = visit.session
        shown = await self._load(visit, conversation)
        draft = await self._answers.find_draft(conversation.id, session.person_key)
        unsure = await self._answers.find_unsure(conversation.id, session.person_key)
        targets = []
        if session.access.may_answer:
            targets = await self._gateway.departments(session.tokens.access_token)
        return self._site.page(
            visit,
            "conversation.html",
            status,
            **shown,
            draft=Draft(draft.key, draft.text if text is None else text),
            unsure=unsure,
            targets=[each for each in targets if each.id != conversation.department],
            trouble=trouble,
            max_characters=MAX_CHARACTERS,
        )

    async def _load(self, visit: Visit, conversation: Conversation) -> dict[str, Any]:
        """Return what is on the record: with the employee's own token, so that it is on the record
        that they looked."""
        assert visit.session
        token = visit.session.tokens.access_token
        dossier = await self._archive.dossier(token, conversation.id)
        messages = await self._read_messages(token, conversation.id)
        return {
            "access": visit.session.access,
            "conversation": conversation,
            "citizen": conversation.content.name or citizen_name(messages),
            "picture": is_inline_picture,
            "sound": is_inline_sound,
            "dossier": dossier,
            "rows": build_transcript(messages, dossier),
            "last_answer": last_answer(messages),
            "covers": last_sequence(messages),
        }

    async def _read_messages(self, token: str, id: str) -> list[Message]:
        messages: list[Message] = []
        after: int | None = 0
        for _ in range(MAX_PAGES):
            if after is None:
                break
            page, after = await self._archive.messages(token, id, after)
            messages += page
        return messages

    async def _find(self, request: web.Request, visit: Visit) -> Conversation:
        """Return the conversation of a request. Raises Refused, as the archive does, if there is
        none that the employee reaches."""
        assert visit.session
        id = request.match_info["id"]
        found = None
        if CONVERSATION.fullmatch(id):
            found = await self._store.find(id, visit.session.access)
        if found is None:
            raise Refused(404, "", {})
        return found

    def _acting(self, act: Act) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request, visit: Visit) -> web.StreamResponse:
            conversation = await self._find(request, visit)
            return await act(request, visit, conversation, await read_form(request))

        return self._gate.require(handle)

    async def _answer(
        self, request: web.Request, visit: Visit, conversation: Conversation, form: Form
    ) -> web.Response:
        """POST …/answer: give an answer to the gateway, once. What is not taken stays a draft."""
        assert visit.session
        person, token = visit.session.person_key, visit.session.tokens.access_token
        given = await self._answers.find_unsure(conversation.id, person)
        if given is None:
            text, key = form.text("text").strip(), form.id("key")
            if not 0 < len(text) <= MAX_CHARACTERS or key is None:
                return await self._page(
                    visit, conversation, status=400, text=text, trouble="answer.empty"
                )
            given = build_answer(conversation, form, text, key)
            draft = Draft(key, text)
            await self._answers.store_draft(conversation.id, person, draft, visit.now)
            await self._answers.begin(given, person, visit.now)
        try:
            message = await self._gateway.send(token, given.key, given.body)
        except Refused as refused:
            await self._answers.refused(given.key)
            return await self._refused(visit, conversation, given, refused)
        except Unanswered:
            return await self._page(visit, conversation, status=503, trouble="answer.unsure")
        await self._answers.accepted(given.key, message)
        return self._done(conversation)

    async def _refused(
        self, visit: Visit, conversation: Conversation, given: GivenAnswer, refused: Refused
    ) -> web.Response:
        """Show why an answer was not taken, with its text, under a new key: the old one belongs to
        what was refused."""
        assert visit.session
        text = str(given.body.get("text", {}).get("body", ""))
        draft = Draft(clock.new_id(), text)
        await self._answers.store_draft(conversation.id, visit.session.person_key, draft, visit.now)
        trouble = REFUSALS.get(refused.code, "answer.refused")
        return await self._page(visit, conversation, status=409, text=text, trouble=trouble)

    async def _store_draft(
        self, request: web.Request, visit: Visit, conversation: Conversation, form: Form
    ) -> web.Response:
        """POST …/draft: keep what is being written."""
        assert visit.session
        key = form.id("key")
        if key is not None:
            draft = Draft(key, form.text("text")[:MAX_CHARACTERS])
            person = visit.session.person_key
            await self._answers.store_draft(conversation.id, person, draft, visit.now)
        return web.Response(status=204)

    async def _take(
        self, request: web.Request, visit: Visit, conversation: Conversation, form: Form
    ) -> web.Response:
        """POST …/take: have a conversation, if still nobody has it, or who had it on the page."""
        return await self._assign(visit, conversation, form, _access(visit).person)

    async def _give_back(
        self, request: web.Request, visit: Visit, conversation: Conversation, form: Form
    ) -> web.Response:
        """POST …/give-back: let others have it."""
        return await self._assign(visit, conversation, form, "")

    async def _assign(
        self, visit: Visit, conversation: Conversation, form: Form, to: str
    ) -> web.Response:
        instead_of = form.text("assignee")
        has_it = await self._store.assign(
            conversation.id, _access(visit), to=to, instead_of=instead_of
        )
        if has_it == to:
            return self._done(conversation)
        return await self._page(visit, conversation, status=409, trouble="take.late")

    async def _note(
        self, request: web.Request, visit: Visit, conversation: Conversation, form: Form
    ) -> web.Response:
        """POST …/note: record a note that no citizen sees."""
        return await self._change(visit, conversation, form, "note", {"text": form.text("note")})

    async def _transfer(
        self, request: web.Request, visit: Visit, conversation: Conversation, form: Form
    ) -> web.Response:
        """POST …/transfer: hand over to another department, with a reason."""
        body = {
            "department": form.text("department"),
            "reason": form.text("reason"),
            "from": conversation.department,
        }
        return await self._change(visit, conversation, form, "transfer", body)

    async def _close(
        self, request: web.Request, visit: Visit, conversation: Conversation, form: Form
    ) -> web.Response:
        """POST …/close: close with what was done."""
        body = {"outcome": form.text("outcome"), "reason": form.text("reason")}
        given = {name: value for name, value in body.items() if value}
        return await self._change(visit, conversation, form, "close", given)

    async def _change(
        self, visit: Visit, conversation: Conversation, form: Form, verb: str, body: dict[str, Any]
    ) -> web.Response:
        assert visit.session
        key = form.id("key")
        if key is None:
            return await self._page(visit, conversation, status=400, trouble="change.refused")
        token = visit.session.tokens.access_token
        try:
            await self._gateway.change(token, key, conversation.id, verb, body)
        except Refused as refused:
            trouble = REFUSALS.get(refused.code, "change.refused")
            return await self._page(visit, conversation, status=409, trouble=trouble)
        return self._done(conversation)

    def _done(self, conversation: Conversation) -> web.Response:
        """Return to the page, so that loading it again does nothing twice."""
        return web.Response(status=303, headers={"Location": f"/conversations/{conversation.id}"})


def build_answer(conversation: Conversation, form: Form, text: str, key: UUID) -> GivenAnswer:
    """Return an answer as the gateway gets it: refused if somebody answered since its writer saw
    the conversation, or if another department has it. Pure."""
    body = {
        "conversationId": conversation.id,
        "type": "text",
        "text": {"body": text},
        "ifLast": form.text("last_answer"),
        "department": conversation.department,
    }
    return GivenAnswer(key, conversation.id, form.number("covers"), body)


def _access(visit: Visit) -> Access:
    assert visit.session
    return visit.session.access


REFUSALS = {
    "answered_meanwhile": "answer.meanwhile",
    "transferred": "answer.transferred",
    "key_used": "answer.sent_before",
    "closed": "change.closed",
}
"""Code of a refusal -> key of the words that explain it."""
