"""Whatever comes in: one bad item costs only itself, and nothing breaks the parser."""

import json
import tracemalloc

import pytest

from services.whatsapp import parser
from services.whatsapp.items import Message, Notice, Status, Unknown
from services.whatsapp.parser import Unparseable, parse, routing_keys
from tests.support.odd_webhooks import BAD_ITEMS, GOOD, NUMBER, nested, only, text, travels, webhook

# What is no envelope.


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


def test_an_envelope_without_entries_holds_nothing() -> None:
    assert parse(b'{"object":"whatsapp_business_account","entry":[]}') == []


def test_routing_keys_are_found_for_as_many_entries_as_meta_sends() -> None:
    body = b'{"entry":[' + b",".join(b'{"id":%d}' % n for n in range(1000)) + b"]}"

    assert routing_keys(body) == [f"waba:{n}" for n in range(1000)]
    assert len(parse(body)) == 1000


# One bad item among good ones.


@pytest.mark.parametrize("bad", BAD_ITEMS, ids=range(len(BAD_ITEMS)))
@pytest.mark.parametrize("name", ["messages", "statuses"])
def test_a_bad_item_becomes_unknown_and_leaves_the_others(bad: bytes, name: str) -> None:
    first, odd, last = parse(webhook(GOOD, bad, GOOD, name=name))

    assert isinstance(odd, Unknown)
    assert (odd.raw, odd.number) == (bad, NUMBER)
    assert type(first) is type(last) is (Message if name == "messages" else Status)


@pytest.mark.parametrize("name", ["message_echoes", "history"])
def test_a_bad_echo_or_chunk_becomes_unknown(name: str) -> None:
    field = "history" if name == "history" else "smb_message_echoes"

    assert isinstance(only(webhook(b"3", name=name, field=field)), Unknown)


def test_a_bad_message_in_history_leaves_the_others() -> None:
    thread = b'{"threads":[7,{"id":"31600000001","messages":[%s,8]}]}' % GOOD
    broken, good, odd = parse(webhook(thread, name="history", field="history"))

    assert isinstance(broken, Unknown) and isinstance(odd, Unknown)
    assert isinstance(good, Message)
    assert (broken.raw, good.raw, odd.raw) == (b"7", GOOD, b"8")


def test_a_chunk_of_history_that_only_tells_how_far_it_is_is_a_notice() -> None:
    assert isinstance(only(webhook(b'{"metadata":{}}', name="history", field="history")), Notice)


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
def test_a_bad_change_is_unknown_under_its_account(change: bytes, reason: str) -> None:
    body = b'{"entry":[{"id":12,"changes":[%s]}]}' % change
    item = only(body)

    assert isinstance(item, Unknown)
    assert (item.reason, item.key, routing_keys(body)) == (reason, "waba:12", ["waba:12"])
    assert item.raw in change


@pytest.mark.parametrize("entry", [b"3", b'{"id":1}', b'{"changes":[]}', b'{"changes":3}'])
def test_a_bad_entry_is_unknown(entry: bytes) -> None:
    item = only(b'{"entry":[%s]}' % entry)

    assert isinstance(item, Unknown)
    assert item.raw == entry


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


def test_a_phone_number_id_that_is_a_number_is_the_same_number() -> None:
    body = webhook(GOOD).replace(b'"106540352242922"', b"106540352242922")

    assert routing_keys(body) == [NUMBER] == [only(body).key]


@pytest.mark.parametrize(
    "stamp", [b"null", b'"soon"', b"-1", b"1e300", b"[]", b"true", b'"' + b"9" * 400 + b'"']
)
def test_a_time_that_is_none_is_left_out(stamp: bytes) -> None:
    message = only(webhook(GOOD.replace(b'"1764061200"', stamp)))

    assert isinstance(message, Message)
    assert message.sent_at is None
    assert message.content.text == "Hallo"


@pytest.mark.parametrize(
    "stamp", [b"1764061200", b"1764061200.0", b"1764061200000", b'"1764061200000"']
)
def test_a_time_may_be_a_number_or_milliseconds(stamp: bytes) -> None:
    odd, good = parse(webhook(GOOD.replace(b'"1764061200"', stamp), GOOD))

    assert isinstance(odd, Message) and isinstance(good, Message)
    assert odd.sent_at == good.sent_at is not None


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
def test_broken_characters_are_mended_and_cost_nothing_else(escape: bytes, read: str) -> None:
    body = webhook(GOOD, text(b'"' + escape + b'"'))
    good, odd = parse(body)

    assert isinstance(good, Message) and isinstance(odd, Message)
    assert (good.raw, odd.content.text) == (GOOD, read)
    assert json.loads(odd.raw)["text"]["body"] == read
    assert routing_keys(body) == [NUMBER]


def test_a_pair_of_surrogates_is_left_as_it_stood() -> None:
    message = only(webhook(text(rb'"\ud83d\ude00"')))

    assert isinstance(message, Message)
    assert message.content.text == "\U0001f600"
    assert rb"\ud83d\ude00" in message.raw


def test_nul_is_replaced_everywhere_but_in_the_raw_bytes() -> None:
    body = webhook(
        rb'{"id":"wamid.\u0000","from":"\u0000","type":"te\u0000xt","te\u0000xt":{"a\u0000":["\u0000"]},'
        rb'"context":{"id":"\u0000"},"referral":{"x":"\u0000"},"group_id":"\u0000"}'
    ).replace(b'"106540352242922"', rb'"10\u0000"')
    message = only(body)

    assert isinstance(message, Message)
    assert message.id == "wamid.\ufffd"
    assert message.content.detail == {"te\ufffdxt": {"a\ufffd": ["\ufffd"]}}.get("te\ufffdxt")
    assert travels(message)
    assert rb"\u0000" in message.raw
    assert routing_keys(body) == ["10\ufffd"] == [message.key]


@pytest.mark.parametrize(
    "number", [b"1e999", b"-1e999", b"1" * 30, b"-" + b"1" * 30, b"1" * 5000, b"0." + b"1" * 5000]
)
def test_a_number_out_of_every_range_is_kept_as_it_can_be(number: bytes) -> None:
    message = only(webhook(GOOD.replace(b'{"body"', b'{"n":' + number + b',"body"')))

    assert isinstance(message, Message)
    assert message.content.text == "Hallo"
    assert str(message.content.detail["n"])[:3] in {number.decode()[:3], "0.1"}
    assert travels(message)


def test_last_of_two_json_members_with_one_name_wins() -> None:
    message = only(webhook(GOOD.replace(b'"type"', b'"id":"wamid.LAST","type"')))

    assert isinstance(message, Message)
    assert message.id == "wamid.LAST"


def test_message_without_a_sender_takes_no_identity_from_a_contact() -> None:
    contact = b'{"contacts":[{"profile":{"name":"Daan"},"wa_id":"31600000002","user_id":"NL.2"}],'
    anonymous = b'{"id":"wamid.A","type":"text","text":{"body":"x"}}'
    alone = only(webhook(anonymous).replace(b'{"metadata"', contact + b'"metadata"'))
    many = parse(webhook(anonymous, GOOD).replace(b'{"metadata"', contact + b'"metadata"'))

    assert isinstance(alone, Message)
    assert alone.person.name == "Daan"
    assert [item.person.name for item in many if isinstance(item, Message)] == ["", ""]


def test_contact_with_another_bsuid_is_not_taken_for_the_sender() -> None:
    contact = b'{"contacts":[{"profile":{"name":"Daan"},"wa_id":"31600000001","user_id":"NL.2"}],'
    message = only(
        webhook(GOOD.replace(b'"id"', b'"from_user_id":"NL.1","id"')).replace(
            b'{"metadata"', contact + b'"metadata"'
        )
    )

    assert isinstance(message, Message)
    assert (message.person.name, message.contact) == ("", b"")
    assert [identity.value for identity in message.person.identities] == ["NL.1", "31600000001"]
