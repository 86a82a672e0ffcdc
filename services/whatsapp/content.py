"""The content of a message by its type, from a table with each type that Meta documents.

For a type that the table lacks, only its name and its object are read.
"""

from collections.abc import Callable
from typing import Any

from services.whatsapp.items import Content, Message
from services.whatsapp.lenient_json import fields, objects, text

Fields = dict[str, Any]


def read_content(message: Fields) -> Content:
    """Read the content of a message object. An object without a type has the type of the content
    that it holds, or else Meta's own `unknown`."""
    type = text(message.get("type"))
    if not type:
        type = next((each for each in CONTENTS if each in message), "unknown")
    body = message.get(type)
    detail = body if isinstance(body, dict) else {} if body is None else {type: body}
    return CONTENTS.get(type, _other)(type, detail)


def words(message: Message) -> str:
    """Return the citizen's words, for the rules; '' if the message has no words of the citizen."""
    content = message.content
    if content.type not in CITIZEN_TEXT or (content.type == "interactive" and not content.choice):
        return ""
    return content.text


def _text(type: str, detail: Fields) -> Content:
    return Content(type=type, text=text(detail.get("body")), detail=detail)


def _media(type: str, detail: Fields) -> Content:
    return Content(
        type=type,
        text=text(detail.get("caption")),
        media=text(detail.get("id")),
        mime_type=text(detail.get("mime_type")),
        sha256=text(detail.get("sha256")),
        filename=text(detail.get("filename")),
        detail=detail,
    )


def _location(type: str, detail: Fields) -> Content:
    parts = (text(detail.get("name")), text(detail.get("address")))
    return Content(type=type, text="\n".join(filter(None, parts)), detail=detail)


def _contacts(type: str, detail: Fields) -> Content:
    names = (text(fields(card.get("name")).get("formatted_name")) for card in _cards(detail))
    return Content(type=type, text=", ".join(filter(None, names)), detail=detail)


def _cards(detail: Fields) -> list[Fields]:
    return objects(detail.get("contacts"))


def _interactive(type: str, detail: Fields) -> Content:
    """button_reply and list_reply have an id and a title, call_permission_reply a response, and
    nfm_reply (a Flow) a fixed body; the answers in a Flow are in `detail`, as a JSON string."""
    reply = fields(detail.get(text(detail.get("type"))))
    return Content(
        type=type,
        text=text(reply.get("title")) or text(reply.get("body")),
        choice=text(reply.get("id")) or text(reply.get("response")),
        detail=detail,
    )


def _button(type: str, detail: Fields) -> Content:
    label, choice = text(detail.get("text")), text(detail.get("payload"))
    return Content(type=type, text=label, choice=choice, detail=detail)


def _reaction(type: str, detail: Fields) -> Content:
    """A withdrawn reaction has no emoji, or an empty one."""
    emoji, about = text(detail.get("emoji")), text(detail.get("message_id"))
    return Content(type=type, text=emoji, about=about, detail=detail)


def _order(type: str, detail: Fields) -> Content:
    return Content(type=type, text=text(detail.get("text")), detail=detail)


def _edit(type: str, detail: Fields) -> Content:
    """Read the new version, with the type `edit`. An edit of an edit is not read."""
    about = text(detail.get("original_message_id"))
    edited = fields(detail.get("message"))
    if text(edited.get("type")) == "edit":
        return Content(type=type, about=about, detail=detail)
    new = read_content(edited)
    return Content(
        type=type,
        text=new.text,
        choice=new.choice,
        media=new.media,
        mime_type=new.mime_type,
        sha256=new.sha256,
        filename=new.filename,
        about=about,
        detail=detail,
    )


def _revoke(type: str, detail: Fields) -> Content:
    return Content(type=type, about=text(detail.get("original_message_id")), detail=detail)


def _other(type: str, detail: Fields) -> Content:
    return Content(type=type, detail=detail)


CONTENTS: dict[str, Callable[[str, Fields], Content]] = {
    "text": _text,
    "image": _media,
    "video": _media,
    "audio": _media,
    "voice": _media,  # the older name of a voice note
    "document": _media,
    "sticker": _media,
    "location": _location,
    "contacts": _contacts,
    "interactive": _interactive,
    "button": _button,
    "reaction": _reaction,
    "order": _order,
    "system": _text,
    "unsupported": _other,
    "edit": _edit,
    "revoke": _revoke,
    "request_welcome": _other,
    "media_placeholder": _other,
    "unknown": _other,
}

CITIZEN_TEXT = {
    "text",
    "image",
    "video",
    "document",
    "location",
    "interactive",
    "button",
    "order",
    "edit",
}
"""Types whose text is the citizen's own words or choice. It leaves out names on contact cards,
emoji, and Meta's own sentence about a changed number."""
