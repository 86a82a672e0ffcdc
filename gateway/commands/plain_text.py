"""The text of a message as a person reads it, for the archive. Pure."""

from collections.abc import Iterator

from gateway.commands.graph_payload import append_disclosure, caption, with_disclosure
from gateway.requests.interactive import Buttons, Flow, Interactive, ListMenu, TextHeader, Url
from gateway.requests.messages import (
    ContactsMessage,
    InteractiveMessage,
    LocationMessage,
    MediaMessage,
    Message,
    ReactionMessage,
    TemplateMessage,
    TextMessage,
)
from gateway.requests.templates import (
    CurrencyParameter,
    DateTimeParameter,
    DocumentParameter,
    LocationParameter,
    SuffixParameter,
    Template,
    TextParameter,
)
from services.api.field_types import Body


def plain_text_of(message: Message, disclosure: str = "") -> str:
    """Return the text of a message in lines; of a template the parameters, as Meta has the rest."""
    return "\n".join(filter(None, _words(message, with_disclosure(message, disclosure))))


def _words(message: Message, disclosure: str) -> Iterator[str]:
    match message:
        case TextMessage(text=text):
            yield append_disclosure(text.body, disclosure)
        case MediaMessage(media=media):
            yield media.filename or ""
            yield caption(media, disclosure)
        case InteractiveMessage(interactive=interactive):
            yield from _interactive_words(interactive, disclosure)
        case LocationMessage(location=place):
            yield from (place.name or "", place.address or "")
            yield f"{place.latitude:.7f}, {place.longitude:.7f}"
        case ReactionMessage(reaction=reaction):
            yield reaction.emoji
        case ContactsMessage(contacts=cards):
            numbers = ([phone.phone for phone in card.phones or ()] for card in cards)
            yield from (
                ", ".join((card.name.formatted_name, *phones))
                for card, phones in zip(cards, numbers, strict=True)
            )
        case TemplateMessage(template=template):
            yield from _template_words(template)


def _interactive_words(interactive: Interactive, disclosure: str) -> Iterator[str]:
    header = getattr(interactive, "header", None)
    yield header.text if isinstance(header, TextHeader) else ""
    yield append_disclosure(interactive.body, disclosure)
    yield getattr(interactive, "footer", None) or ""
    match interactive:
        case Buttons(buttons=buttons):
            yield from (f"[{button.title}]" for button in buttons)
        case ListMenu(button=button, sections=sections):
            yield f"[{button}]"
            for section in sections:
                yield section.title or ""
                yield from (": ".join(filter(None, (r.title, r.description))) for r in section.rows)
        case Url(button=button, url=url):
            yield f"[{button}] {url}"
        case Flow(button=button):
            yield f"[{button}]"


def _template_words(template: Template) -> Iterator[str]:
    """Yield the name of the template, because only Meta has its text, and the parameters."""
    yield f"{template.name} ({template.language})"
    for component in template.components:
        for parameter in component.parameters:
            yield ": ".join(filter(None, _parameter_words(parameter)))


def _parameter_words(parameter: Body) -> Iterator[str]:
    """Yield the name and the text of one parameter."""
    yield getattr(parameter, "parameter_name", None) or ""
    match parameter:
        case TextParameter(text=text) | SuffixParameter(text=text):
            yield text
        case CurrencyParameter(currency=currency):
            yield currency.fallback_value
        case DateTimeParameter(date_time=moment):
            yield moment.fallback_value
        case DocumentParameter(document=document):
            yield document.filename or ""
        case LocationParameter(location=place):
            yield f"{place.name}, {place.address}"
