"""Build the JSON of a message for Meta's Graph API. Pure.

The deliverer fills in the rest: the recipient and the context; for an upload the `id` of the one
media object that has neither `id` nor `link`; the `message_id` of a reaction.
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
    ListMenu,
    MediaHeader,
    TextHeader,
    Url,
)
from gateway.requests.messages import (
    CAPTION_CHARACTERS,
    TEXT_CHARACTERS,
    WITHOUT_CAPTION,
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
from services.files.filenames import sanitise_filename
from services.language.readability import length

Json = dict[str, Any]

FLOW_VERSION = "3"
"""Version of the messages that open a flow; Meta has only this one."""


class UploadReference(msgspec.Struct, frozen=True):
    """An uploaded file that a message sends."""

    id: UUID
    kind: str
    """Meta's kind of media that the file is sent as."""
    pointer: str
    """JSON pointer to the id in the request body."""
    filename: str = ""
    """Name under which the citizen gets it, if the message says one."""


def graph_payload(message: Message, disclosure: str = "") -> bytes:
    """Return Meta's JSON of `message`, with `disclosure` under the text of an automated one."""
    kind, content = _content(message, with_disclosure(message, disclosure))
    return msgspec.json.encode({"type": kind, kind: content})


def disclosure_faults(message: Message, disclosure: str) -> list[FieldError]:
    """Return a fault if the text is too long with the disclosure under it."""
    text, most, pointer = _disclosable_text(message)
    if not text or length(append_disclosure(text, with_disclosure(message, disclosure))) <= most:
        return []
    detail = f"is over {most} characters with the disclosure of automated answers under it"
    return [FieldError(pointer, detail)]


def upload_of(message: Message) -> UploadReference | None:
    """Return the upload that a message sends, or None. No message can send two."""
    for medium, kind, pointer in _media(message):
        if medium.id:
            filename = getattr(medium, "filename", None) or ""
            return UploadReference(medium.id, kind, f"{pointer}/id", filename)
    return None


def link_pointer(message: Message) -> str:
    """Return the JSON pointer to the link of a file, or '' if the message has none."""
    return next((f"{pointer}/link" for medium, _, pointer in _media(message) if medium.link), "")


def _media(message: Message) -> Iterator[tuple[Any, str, str]]:
    """Yield the files of a message, each with its kind and its JSON pointer."""
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
    """Return the disclosure if the message is automated, else ''."""
    automated = message.author is not None and message.author.kind == "automated"
    return disclosure if automated else ""


def append_disclosure(text: str, disclosure: str) -> str:
    """Return the text with the disclosure under it after a blank line. Either may be empty."""
    return "\n\n".join(filter(None, (text, disclosure)))


def caption(media: Media, disclosure: str) -> str:
    """Return the caption of a file, which may be the disclosure alone."""
    return (
        "" if media.kind in WITHOUT_CAPTION else append_disclosure(media.caption or "", disclosure)
    )


def _disclosable_text(message: Message) -> tuple[str, int, str]:
    """Return the text under which a disclosure goes, its maximum length, and its JSON pointer."""
    match message:
        case TextMessage(text=text):
            return text.body, TEXT_CHARACTERS, "/text/body"
        case InteractiveMessage(interactive=interactive):
            return interactive.body, BODY_CHARACTERS, "/interactive/body"
        case MediaMessage(media=media):
            return media.caption or "", CAPTION_CHARACTERS, "/media/caption"
    return "", 0, ""


def _content(message: Message, disclosure: str) -> tuple[str, Any]:
    """Return Meta's type of the message and the object under it."""
    match message:
        case TextMessage(text=text):
            body = append_disclosure(text.body, disclosure)
            return "text", {"body": body, "preview_url": text.preview_url}
        case MediaMessage(media=media):
            words = caption(media, disclosure) or None
            filename = sanitise_filename(media.filename or "") or None
            return media.kind, _medium(media) | _present(caption=words, filename=filename)

        case InteractiveMessage(interactive=interactive):
            return "interactive", _interactive(interactive, disclosure)
    return message.type, _textless_content(message)


def _textless_content(
    message: LocationMessage | ReactionMessage | ContactsMessage | TemplateMessage,
) -> Any:
    """Return the content of a message without a text under which a disclosure could go."""
    match message:
        case LocationMessage(location=place):
            return _place(place) | _present(name=place.name, address=place.address)
        case ReactionMessage(reaction=reaction):
            return {"emoji": reaction.emoji}
        case ContactsMessage(contacts=cards):
            return [_dump(card) for card in cards]
        case TemplateMessage(template=template):
            return _template(template)


def _present(**members: Any) -> Json:
    return {name: value for name, value in members.items() if value is not None}


def _dump(model: Body) -> Json:
    """Return the members under Meta's names: ours in snake_case."""
    return model.model_dump(mode="json", exclude_none=True)


def _medium(medium: Media | MediaHeader | TemplateFile) -> Json:
    return {"link": medium.link} if medium.link else {}


def _place(place: Location | TemplatePlace) -> Json:
    """Meta's OpenAPI has strings here; seven decimals are a centimetre."""
    return {"latitude": f"{place.latitude:.7f}", "longitude": f"{place.longitude:.7f}"}


def _interactive(interactive: Interactive, disclosure: str) -> Json:
    kind, action = _action(interactive)
    text = append_disclosure(interactive.body, disclosure)
    content: Json = {"type": kind, "body": {"text": text}}
    if isinstance(interactive, AskLocation | AskContact):
        return content | {"action": action}
    footer = {"text": interactive.footer} if interactive.footer else None
    header = _header(interactive.header)
    return content | _present(header=header, footer=footer) | {"action": action}


def _header(header: TextHeader | MediaHeader | None) -> Json | None:
    match header:
        case TextHeader(text=text):
            return {"type": "text", "text": text}
        case MediaHeader(kind=kind):
            return {"type": kind, kind: _medium(header)}
    return None


def _action(interactive: Interactive) -> tuple[str, Json]:
    match interactive:
        case Buttons(buttons=buttons):
            replies = [{"type": "reply", "reply": _dump(button)} for button in buttons]
            return "button", {"buttons": replies}
        case ListMenu(button=button, sections=sections):
            return "list", {"button": button, "sections": [_dump(one) for one in sections]}
        case Url(button=button, url=url):
            return "cta_url", _named_action("cta_url", {"display_text": button, "url": url})
        case AskLocation():
            return "location_request_message", {"name": "send_location"}
        case AskContact():
            return "request_contact_info", {"name": "request_contact_info"}
        case Flow():
            return "flow", _named_action("flow", _flow(interactive))


def _named_action(name: str, parameters: Json) -> Json:
    return {"name": name, "parameters": parameters}


def _flow(flow: Flow) -> Json:
    first = _present(screen=flow.screen, data=flow.data)
    return _present(
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
    members = _dump(component)
    if isinstance(component, HeaderFilling):
        members["parameters"] = [_header_parameter(one) for one in component.parameters]
    if "index" in members:
        members["index"] = str(members["index"])  # Meta has a string here
    return members


def _header_parameter(parameter: HeaderParameter) -> Json:
    match parameter:
        case LocationParameter(location=place):
            return _dump(parameter) | {"location": _dump(place) | _place(place)}
        case TextParameter():
            return _dump(parameter)
    members = _dump(parameter)
    members[parameter.type].pop("id", None)
    if name := members[parameter.type].pop("filename", ""):
        members[parameter.type] |= _present(filename=sanitise_filename(name) or None)
    return members


def _header_media(template: Template) -> Iterator[tuple[int, str, TemplateFile]]:
    """Yield the index of the component, the kind and the file of each header with a file."""
    for n, component in enumerate(template.components):
        if isinstance(component, HeaderFilling):
            for parameter in component.parameters:
                match parameter:
                    case ImageParameter(image=medium) | VideoParameter(video=medium):
                        yield n, parameter.type, medium
                    case DocumentParameter(document=medium):
                        yield n, parameter.type, medium
