"""A message as Meta takes it. Pure.

Whoever sends it fills in the rest: the recipient and the context; for an upload the `id` of the one
media object that has neither `id` nor `link`; `message_id` of a reaction.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec

from gateway.requests.interactive import (
    BODY_CHARACTERS,
    AskContact,
    AskLocation,
    Buttons,
    Flow,
    Interactive,
    List,
    MediaHeader,
    TextHeader,
    Url,
)
from gateway.requests.messages import (
    CAPTION_CHARACTERS,
    TEXT_CHARACTERS,
    UNCAPTIONED,
    ContactsMessage,
    InteractiveMessage,
    Location,
    LocationMessage,
    Media,
    MediaMessage,
    Message,
    ReactionMessage,
    TemplateMessage,
    TextMessage,
)
from gateway.requests.templates import (
    Component,
    DocumentParameter,
    HeaderFilling,
    HeaderParameter,
    ImageParameter,
    LocationParameter,
    Template,
    TemplateFile,
    TemplatePlace,
    TextParameter,
    VideoParameter,
)
from services.api.field_types import Body
from services.api.json_body import FieldError
from services.language.readability import length

Json = dict[str, Any]

FLOW_VERSION = "3"
"""Of the messages that open a flow: Meta knows no other."""


class Upload(msgspec.Struct, frozen=True):
    """A file of ours that goes along; `kind` is Meta's word for what it is sent as."""

    id: UUID
    kind: str
    pointer: str


def graph_payload(message: Message, disclosure: str = "") -> bytes:
    """Meta's JSON of `message`; `disclosure` goes under the words of an automated one."""
    kind, content = _content(message, with_disclosure(message, disclosure))
    return msgspec.json.encode({"type": kind, kind: content})


def disclosure_faults(message: Message, disclosure: str) -> list[FieldError]:
    """Where the words are too long once the disclosure is under them."""
    text, most, pointer = _room(message)
    if not text or length(append_disclosure(text, with_disclosure(message, disclosure))) <= most:
        return []
    detail = f"is over {most} characters with the disclosure of automated answers under it"
    return [FieldError(pointer, detail)]


def upload_of(message: Message) -> Upload | None:
    """The upload that goes along; no message has room for two."""
    for medium, kind, where in _media(message):
        if medium.id:
            return Upload(medium.id, kind, f"{where}/id")
    return None


def link_of(message: Message) -> str:
    """Where it names a file that is elsewhere; '' where it names none."""
    return next((f"{where}/link" for medium, _, where in _media(message) if medium.link), "")


def _media(message: Message) -> Iterator[tuple[Any, str, str]]:
    """The files of a message, each with its kind and where it stands."""
    match message:
        case MediaMessage(media=media):
            yield media, media.kind, "/media"
        case InteractiveMessage(interactive=interactive):
            header = getattr(interactive, "header", None)
            if isinstance(header, MediaHeader):
                yield header, header.kind, "/interactive/header"
        case TemplateMessage(template=template):
            for n, kind, medium in _header_media(template):
                yield medium, kind, f"/template/components/{n}/parameters/0/{kind}"


def with_disclosure(message: Message, disclosure: str) -> str:
    """What goes under its words: only an automated answer says so."""
    automated = message.author is not None and message.author.kind == "automated"
    return disclosure if automated else ""


def append_disclosure(text: str, disclosure: str) -> str:
    """A text with a blank line and the disclosure under it, of what there is of both."""
    return "\n\n".join(filter(None, (text, disclosure)))


def caption(media: Media, disclosure: str) -> str:
    """The words under a file, be it the disclosure alone."""
    return "" if media.kind in UNCAPTIONED else append_disclosure(media.caption or "", disclosure)


def _room(message: Message) -> tuple[str, int, str]:
    """The words under which a disclosure goes, how long they may be, and where they stand."""
    match message:
        case TextMessage(text=text):
            return text.body, TEXT_CHARACTERS, "/text/body"
        case InteractiveMessage(interactive=interactive):
            return interactive.body, BODY_CHARACTERS, "/interactive/body"
        case MediaMessage(media=media):
            return media.caption or "", CAPTION_CHARACTERS, "/media/caption"
    return "", 0, ""


def _content(message: Message, disclosure: str) -> tuple[str, Any]:
    """Meta's type and the object under it."""
    match message:
        case TextMessage(text=text):
            body = append_disclosure(text.body, disclosure)
            return "text", {"body": body, "preview_url": text.preview_url}
        case MediaMessage(media=media):
            words = caption(media, disclosure) or None
            return media.kind, _medium(media) | _given(caption=words, filename=media.filename)
        case InteractiveMessage(interactive=interactive):
            return "interactive", _interactive(interactive, disclosure)
    return message.type, _undisclosed(message)


def _undisclosed(
    message: LocationMessage | ReactionMessage | ContactsMessage | TemplateMessage,
) -> Any:
    """Of what has no words of ours for something to go under."""
    match message:
        case LocationMessage(location=place):
            return _place(place) | _given(name=place.name, address=place.address)
        case ReactionMessage(reaction=reaction):
            return {"emoji": reaction.emoji}
        case ContactsMessage(contacts=cards):
            return [_plain(card) for card in cards]
        case TemplateMessage(template=template):
            return _template(template)


def _given(**members: Any) -> Json:
    return {name: value for name, value in members.items() if value is not None}


def _plain(model: Body) -> Json:
    """Members under Meta's names, which are ours without the humps."""
    return model.model_dump(mode="json", exclude_none=True)


def _medium(medium: Media | MediaHeader | TemplateFile) -> Json:
    return {"link": medium.link} if medium.link else {}


def _place(place: Location | TemplatePlace) -> Json:
    """Meta's OpenAPI has texts here; seven decimals are a centimetre."""
    return {"latitude": f"{place.latitude:.7f}", "longitude": f"{place.longitude:.7f}"}


def _interactive(given: Interactive, disclosure: str) -> Json:
    kind, action = _action(given)
    content: Json = {"type": kind, "body": {"text": append_disclosure(given.body, disclosure)}}
    if isinstance(given, AskLocation | AskContact):
        return content | {"action": action}
    footer = {"text": given.footer} if given.footer else None
    return content | _given(header=_header(given.header), footer=footer) | {"action": action}


def _header(header: TextHeader | MediaHeader | None) -> Json | None:
    match header:
        case TextHeader(text=text):
            return {"type": "text", "text": text}
        case MediaHeader(kind=kind):
            return {"type": kind, kind: _medium(header)}
    return None


def _action(given: Interactive) -> tuple[str, Json]:
    match given:
        case Buttons(buttons=buttons):
            replies = [{"type": "reply", "reply": _plain(button)} for button in buttons]
            return "button", {"buttons": replies}
        case List(button=button, sections=sections):
            return "list", {"button": button, "sections": [_plain(one) for one in sections]}
        case Url(button=button, url=url):
            return "cta_url", _named("cta_url", {"display_text": button, "url": url})
        case AskLocation():
            return "location_request_message", {"name": "send_location"}
        case AskContact():
            return "request_contact_info", {"name": "request_contact_info"}
        case Flow():
            return "flow", _named("flow", _flow(given))


def _named(name: str, parameters: Json) -> Json:
    return {"name": name, "parameters": parameters}


def _flow(flow: Flow) -> Json:
    first = _given(screen=flow.screen, data=flow.data)
    return _given(
        flow_message_version=FLOW_VERSION,
        flow_id=flow.flow_id,
        flow_cta=flow.button,
        flow_token=flow.token,
        mode="draft" if flow.draft else "published",
        flow_action="navigate" if first else "data_exchange",
        flow_action_payload=first or None,
    )


def _template(template: Template) -> Json:
    components = [_component(component) for component in template.components]
    return {
        "name": template.name,
        "language": {"policy": "deterministic", "code": template.language},
    } | ({"components": components} if components else {})


def _component(component: Component) -> Json:
    plain = _plain(component)
    if isinstance(component, HeaderFilling):
        plain["parameters"] = [_header_parameter(one) for one in component.parameters]
    if "index" in plain:
        plain["index"] = str(plain["index"])  # a text, as Meta has it
    return plain


def _header_parameter(parameter: HeaderParameter) -> Json:
    match parameter:
        case LocationParameter(location=place):
            return _plain(parameter) | {"location": _plain(place) | _place(place)}
        case TextParameter():
            return _plain(parameter)
    plain = _plain(parameter)
    plain[parameter.type].pop("id", None)
    return plain


def _header_media(template: Template) -> Iterator[tuple[int, str, TemplateFile]]:
    """TemplatePlace of the component, kind, and the file of each header with a file."""
    for n, component in enumerate(template.components):
        if isinstance(component, HeaderFilling):
            for parameter in component.parameters:
                match parameter:
                    case ImageParameter(image=medium) | VideoParameter(video=medium):
                        yield n, parameter.type, medium
                    case DocumentParameter(document=medium):
                        yield n, parameter.type, medium
