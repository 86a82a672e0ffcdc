"""Webhook bodies that are not as they should be, for the tests beside this."""

from collections.abc import Iterable

import msgspec

from services.whatsapp.items import AnyItem, Message
from services.whatsapp.parser import parse

NUMBER = "106540352242922"
GOOD = (
    b'{"from":"31600000001","id":"wamid.GOOD","timestamp":"1764061200",'
    b'"type":"text","text":{"body":"Hallo"}}'
)


def webhook(*items: bytes, name: str = "messages", field: str = "messages") -> bytes:
    listed = b",".join(items)
    return (
        b'{"object":"whatsapp_business_account","entry":[{"id":"102290129340398","changes":[{"value":'
        b'{"metadata":{"phone_number_id":"106540352242922"},"%s":[%s]},"field":"%s"}]}]}'
        % (name.encode(), listed, field.encode())
    )


def text(body: bytes) -> bytes:
    return b'{"from":"31600000001","id":"wamid.ODD","type":"text","text":{"body":%s}}' % body


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def only(body: bytes) -> AnyItem:
    (item,) = parse(body)
    return item


def only_message(body: bytes) -> Message:
    item = only(body)
    assert isinstance(item, Message)
    return item


Pieces = dict[tuple[int, str], bytes]


def pieces(items: Iterable[AnyItem]) -> Pieces:
    """Pieces of the items as their records have them."""
    found: Pieces = {}
    for nth, item in enumerate(items):
        found |= {(nth, "item"): item.raw, (nth, "contact"): item.contact}
    return found


def travels(item: AnyItem) -> bool:
    """True if an item can be sent and stored: no U+0000, nothing that MessagePack refuses."""
    derived = msgspec.structs.replace(item, raw=b"", contact=b"")
    msgspec.msgpack.encode(derived)
    return "\0" not in repr(derived) and "\\x00" not in repr(derived)


BAD_ITEMS = [
    b"null",
    b"3",
    b'"x"',
    b"[]",
    b"{}",
    b'{"type":"text"}',
    b'{"id":null,"from":[],"text":{"body":"x"}}',
    b'{"id":{"a":1}}',
    b'{"a":' + nested(64) + b"}",
    b'{"a":' + nested(200) + b"}",
]
