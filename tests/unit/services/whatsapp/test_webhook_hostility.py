"""Hostile webhook bodies: one bad item costs only itself, and nothing breaks the parser."""

import json
import tracemalloc

import pytest

from services.whatsapp import parser
from services.whatsapp.items import AnyItem, Message, Notice, Status, Unknown
from services.whatsapp.parser import Unparseable, parse, routing_keys
from tests.support.odd_webhooks import (
    BAD_ITEMS,
    GOOD,
    NUMBER,
    nested,
    only,
    only_message,
    text,
    travels,
    webhook,
)

# Bodies that are no webhook.


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"[]",
        b"3",
        b"{}",
        b"{",
        b'{"entry":{}}',
        b'{"entry":null}',
        b'{"entry":[]} ,',
        b"[" * 3_000_000,
        nested(1_000_000),
        b'{"entry":' * 100_000,
        b'{"entry":[{"a":' + nested(300) + b"}]}",
        b'{"entry":[' + b'{"changes":[]},' * 10_000 + b'{"changes":[]}]}',
        b'{"entry":[' + b",".join(b'{"id":%d}' % n for n in range(1001)) + b"]}",
    ],
    ids=range(15),
)
def test_malformed_webhook_body_is_refused_and_has_no_keys(body: bytes) -> None:
    with pytest.raises(Unparseable) as refused:
        parse(body)
    assert routing_keys(body) == []
    assert len(str(refused.value)) < 60


def test_webhook_without_entries_has_no_items() -> None:
    assert parse(b'{"object":"whatsapp_business_account","entry":[]}') == []


def test_routing_keys_are_found_for_as_many_entries_as_meta_sends() -> None:
    body = b'{"entry":[' + b",".join(b'{"id":%d}' % n for n in range(1000)) + b"]}"
    assert routing_keys(body) == [f"waba:{n}" for n in range(1000)]
    assert len(parse(body)) == 1000


# One bad item among good ones.


@pytest.mark.parametrize("bad", BAD_ITEMS, ids=range(len(BAD_ITEMS)))
@pytest.mark.parametrize(("name", "kind"), [("messages", Message), ("statuses", Status)])
def test_bad_item_becomes_unknown_and_leaves_the_others(
    bad: bytes, name: str, kind: type[AnyItem]
) -> None:
    first, odd, last = parse(webhook(GOOD, bad, GOOD, name=name))
    assert isinstance(odd, Unknown)
    assert (odd.raw, odd.number) == (bad, NUMBER)
    assert type(first) is type(last) is kind


def test_bad_message_in_history_becomes_unknown_and_leaves_the_others() -> None:
    thread = b'{"threads":[7,{"id":"31600000001","messages":[%s,8]}]}' % GOOD
    items = parse(webhook(thread, name="history", field="history"))
    assert [type(item) for item in items] == [Unknown, Message, Unknown]
    assert [item.raw for item in items] == [b"7", GOOD, b"8"]


def entry(content: bytes) -> bytes:
    return b'{"entry":[%s]}' % content


@pytest.mark.parametrize(
    ("body", "kind", "raw"),
    [
        (webhook(b"3", name="message_echoes", field="smb_message_echoes"), Unknown, b"3"),
        (webhook(b"3", name="history", field="history"), Unknown, b"3"),
        # A chunk that only tells how far the history is
        (webhook(b'{"metadata":{}}', name="history", field="history"), Notice, None),
        (entry(b"3"), Unknown, b"3"),
        (entry(b'{"id":1}'), Unknown, b'{"id":1}'),
        (entry(b'{"changes":[]}'), Unknown, b'{"changes":[]}'),
        (entry(b'{"changes":3}'), Unknown, b'{"changes":3}'),
    ],
)
def test_body_without_a_good_item_is_one_unknown_item_or_notice(
    body: bytes, kind: type[AnyItem], raw: bytes | None
) -> None:
    item = only(body)
    assert type(item) is kind
    assert raw in (item.raw, None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (b"3", "change is no object"),
        (b'{"field":"messages"}', "change without a value"),
        (b'{"field":"messages","value":[]}', "value is no object"),
        (b'{"field":"messages","value":{}}', "nothing known in the value"),
        (b'{"field":"messages","value":{"messages":[]}}', "nothing known in the value"),
        (b'{"field":"messages","value":{"messages":{}}}', "no list where one belongs"),
        (b'{"field":{},"value":{}}', "unknown field"),
        (b'{"field":"security","value":{"a":' + nested(100) + b"}}", "nested too deeply"),
    ],
)
def test_bad_change_is_unknown_under_its_account(change: bytes, reason: str) -> None:
    body = b'{"entry":[{"id":12,"changes":[%s]}]}' % change
    item = only(body)
    assert isinstance(item, Unknown)
    assert (item.reason, item.key, routing_keys(body)) == (reason, "waba:12", ["waba:12"])
    assert item.raw in change


def test_body_with_too_many_items_is_one_unknown_item(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser, "MAX_ITEMS", 3)
    item = only(webhook(GOOD, GOOD, GOOD, GOOD))
    assert isinstance(item, Unknown)
    assert item.key == NUMBER


@pytest.mark.slow
def test_three_megabytes_of_tiny_items_do_not_fill_the_memory() -> None:
    body = webhook(*[b"3"] * 1_500_000)
    tracemalloc.start()
    try:
        item = only(body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(item, Unknown)
    assert peak < 200 * 2**20  # 64 bytes for each that was found, whatever it is


# Odd values in good items.


def test_phone_number_id_that_is_a_json_number_is_the_same_number() -> None:
    body = webhook(GOOD).replace(b'"106540352242922"', b"106540352242922")
    assert routing_keys(body) == [NUMBER] == [only(body).key]


STAMP = b'"1764061200"'
NO_TIMES = [b"null", b'"soon"', b"-1", b"1e300", b"[]", b"true", b'"' + b"9" * 400 + b'"']
TIMES = [b"1764061200", b"1764061200.0", b"1764061200000", b'"1764061200000"']


@pytest.mark.parametrize("stamp", [*NO_TIMES, *TIMES])
def test_time_is_read_from_seconds_or_milliseconds_else_left_out(stamp: bytes) -> None:
    odd, good = parse(webhook(GOOD.replace(STAMP, stamp), GOOD))
    assert isinstance(odd, Message) and isinstance(good, Message)
    assert good.sent_at
    assert odd.sent_at == (good.sent_at if stamp in TIMES else None)
    assert odd.content.text == "Hallo"


@pytest.mark.parametrize(
    ("escape", "read"),
    [
        (rb"\ud83d", "\ufffd"),
        (rb"\uDE00", "\ufffd"),
        (rb"\ude00\ud83d", "\ufffd\ufffd"),
        (rb"\ud83dx", "\ufffdx"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\\ud83d\ud83d", "\\ud83d\ufffd"),
        (b"\xff", "\ufffd"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
    ],
)
def test_broken_characters_are_replaced_and_leave_other_items(escape: bytes, read: str) -> None:
    body = webhook(GOOD, text(b'"' + escape + b'"'))
    good, odd = parse(body)
    assert isinstance(good, Message) and isinstance(odd, Message)
    assert (good.raw, odd.content.text) == (GOOD, read)
    assert json.loads(odd.raw)["text"]["body"] == read
    assert routing_keys(body) == [NUMBER]


def test_pair_of_surrogates_is_one_character_and_left_in_the_raw_bytes() -> None:
    message = only_message(webhook(text(rb'"\ud83d\ude00"')))
    assert message.content.text == "\U0001f600"
    assert rb"\ud83d\ude00" in message.raw


def test_nul_is_replaced_everywhere_but_in_the_raw_bytes() -> None:
    body = webhook(
        rb'{"id":"wamid.\u0000","from":"\u0000","type":"te\u0000xt","te\u0000xt":{"a\u0000":["\u0000"]},'
        rb'"context":{"id":"\u0000"},"referral":{"x":"\u0000"},"group_id":"\u0000"}'
    ).replace(b'"106540352242922"', rb'"10\u0000"')
    message = only_message(body)
    assert message.id == "wamid.\ufffd"
    assert message.content.detail == {"te\ufffdxt": {"a\ufffd": ["\ufffd"]}}["te\ufffdxt"]
    assert travels(message)
    assert rb"\u0000" in message.raw
    assert routing_keys(body) == ["10\ufffd"] == [message.key]


@pytest.mark.parametrize(
    "number", [b"1e999", b"-1e999", b"1" * 30, b"-" + b"1" * 30, b"1" * 5000, b"0." + b"1" * 5000]
)
def test_number_out_of_range_is_kept_as_far_as_possible(number: bytes) -> None:
    message = only_message(webhook(GOOD.replace(b'{"body"', b'{"n":' + number + b',"body"')))
    assert message.content.text == "Hallo"
    assert str(message.content.detail["n"])[:3] in {number.decode()[:3], "0.1"}
    assert travels(message)


def test_last_of_two_json_members_with_one_name_wins() -> None:
    message = only_message(webhook(GOOD.replace(b'"type"', b'"id":"wamid.LAST","type"')))
    assert message.id == "wamid.LAST"


def with_contact(body: bytes, phone: bytes) -> bytes:
    contact = b'{"profile":{"name":"Daan"},"wa_id":"%s","user_id":"NL.2"}' % phone
    return body.replace(b'{"metadata"', b'{"contacts":[%s],"metadata"' % contact)


def test_message_without_a_sender_takes_no_identity_from_a_contact() -> None:
    anonymous = b'{"id":"wamid.A","type":"text","text":{"body":"x"}}'
    alone = only_message(with_contact(webhook(anonymous), b"31600000002"))
    assert alone.person.name == "Daan"
    many = parse(with_contact(webhook(anonymous, GOOD), b"31600000002"))
    assert [item.person.name for item in many if isinstance(item, Message)] == ["", ""]


def test_contact_with_another_bsuid_is_not_taken_for_the_sender() -> None:
    known = webhook(GOOD.replace(b'"id"', b'"from_user_id":"NL.1","id"'))
    message = only_message(with_contact(known, b"31600000001"))
    assert (message.person.name, message.contact) == ("", b"")
    assert [identity.value for identity in message.person.identities] == ["NL.1", "31600000001"]
