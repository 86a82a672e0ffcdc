"""Templates in a conversation: chosen, filled in, seen as the citizen will see them, and sent."""

from typing import Any

from aiohttp import web

from desk.conversation.answers import GivenAnswer
from desk.conversation.templates import MAX_VALUE, message_components, preview
from desk.inbox.conversation import Conversation
from desk.pages.answers import AnswerPages, Failure, build_answer
from desk.pages.conversation import PATH
from desk.pages.conversation_view import ConversationViews, Typed, done, session_of
from desk.pages.forms import Form, read_form
from desk.postkamer.client import Refused
from desk.postkamer.gateway import Gateway
from desk.postkamer.templates import Template, find_template
from desk.web.gate import Gate
from desk.web.site import Site, Visit

MAX_PARAMETERS = 50
"""Values of one template that are read from a form."""


class TemplatePages:
    def __init__(
        self,
        gate: Gate,
        site: Site,
        views: ConversationViews,
        gateway: Gateway,
        answers: AnswerPages,
    ) -> None:
        self._gate, self._site, self._views = gate, site, views
        self._gateway, self._answers = gateway, answers

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        return [
            web.get(f"{PATH}/templates", require(self._list), allow_head=False),
            web.post(f"{PATH}/templates", require(self._fill)),
        ]

    async def _list(self, request: web.Request, visit: Visit) -> web.Response:
        """GET …/templates?last_answer=&covers=: those that can be sent now. The query says what
        its writer has seen, as the form of an answer does."""
        conversation = await self._views.find(request, visit)
        token = session_of(visit).tokens.access_token
        templates = await self._gateway.templates(token, number_of(conversation))
        return self._site.page(
            visit,
            "templates.html",
            conversation=conversation,
            templates=[each for each in templates.templates if each.is_fillable],
            asked_at=templates.asked_at,
            last_answer=request.query.get("last_answer", ""),
            covers=request.query.get("covers", ""),
        )

    async def _fill(self, request: web.Request, visit: Visit) -> web.Response:
        """POST …/templates: show a template with the values so far, or send it (`send`)."""
        conversation, form = await self._views.find(request, visit), await read_form(request)
        token = session_of(visit).tokens.access_token
        templates = await self._gateway.templates(token, number_of(conversation))
        template = find_template(templates, form.text("name"), form.text("language"))
        if template is None or not template.is_fillable:
            raise Refused(404, "", {})
        values, key = values_in(form, template), form.id("key")
        failure = None
        if form.text("send") and key and all(values):
            content = template_content(template, values)
            given: GivenAnswer = build_answer(conversation, form, key, content)
            failure = await self._answers.give(visit, given)
            if failure is None:
                return done(visit, conversation)
            if failure.is_unsure:
                unsure = Typed(failure.trouble)
                return await self._views.page(visit, conversation, failure.status, unsure)
        return self._page(visit, conversation, template, form, failure)

    def _page(
        self,
        visit: Visit,
        conversation: Conversation,
        template: Template,
        form: Form,
        failure: Failure | None,
    ) -> web.Response:
        """Return the page, with the values so far and why they were not sent. Who answered
        meanwhile is known now, so that sending it again is on purpose."""
        values = values_in(form, template)
        return self._site.page(
            visit,
            "template.html",
            failure.status if failure else 200,
            conversation=conversation,
            chosen=template,
            values=values,
            parts=preview(template, values),
            trouble=failure.trouble if failure else "",
            last_answer=(failure and failure.last) or form.text("last_answer"),
            covers=form.number("covers"),
            max_value=MAX_VALUE,
        )


def number_of(conversation: Conversation) -> str:
    """Return the number of a conversation, with which its id begins."""
    return conversation.id.rpartition("-")[0]


def values_in(form: Form, template: Template) -> list[str]:
    count = min(len(template.parameters), MAX_PARAMETERS)
    return [form.text(f"value-{n}").strip()[:MAX_VALUE] for n in range(count)]


def template_content(template: Template, values: list[str]) -> dict[str, Any]:
    """Return a message with this template, as the gateway takes it. Pure."""
    content = {"name": template.name, "language": template.language}
    components = message_components(template, values)
    given = content | ({"components": components} if components else {})
    return {"type": "template", "template": given}
