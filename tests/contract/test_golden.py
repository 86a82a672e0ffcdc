"""Messages and stored bodies stay readable: by newer versions, and by older ones.

A golden is a pair of files in `golden/`. `<kind>--<variant>.json` is written by hand and says its
contents; `.hex` holds the MessagePack of it, as it was sent once. A golden is never changed: the
same bytes may still be in a queue. For a new kind or field write a new .json and run

    .venv/bin/python tests/contract/test_golden.py NAME

which makes the .hex, with the fields that the .json names and no other, and replaces none.
"""

import json
import sys
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.model.decision import AnyDecision
from services import contract

GOLDEN = Path(__file__).parent / "golden"
KINDS: dict[str, Any] = {
    **contract.KINDS,
    "router.inbox.decision": AnyDecision,
    "deliverer.outcome.body": contract.SendOutcome,
}
"""Kinds of stored bytes: messages on the wire, and columns of bytea, which outlive a version."""
NAMES = sorted(path.stem for path in GOLDEN.glob("*.json"))
FULL = [name for name in NAMES if name.endswith("full")]
OLDEST = [name for name in NAMES if name.endswith("--oldest")]
BYTES = {"body", "contact", "content", "data", "raw"}
"""Fields of bytes: shown as the text that they mostly are."""


def kind_of(name: str) -> Any:
    return KINDS[name.partition("--")[0]]


def wire(name: str) -> bytes:
    return bytes.fromhex((GOLDEN / f"{name}.hex").read_text())


def load_golden(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def with_bytes(value: Any, field: str = "") -> Any:
    if isinstance(value, dict):
        return {name: with_bytes(member, name) for name, member in value.items()}
    if isinstance(value, list):
        return [with_bytes(element) for element in value]
    return value.encode("utf-8", "surrogateescape") if field in BYTES else value


def content(name: str) -> Any:
    """Contents according to the golden's JSON."""
    return msgspec.convert(with_bytes(load_golden(name)), kind_of(name))


def decode_golden(name: str, body: bytes) -> Any:
    """Decode a golden file as the services do."""
    kind = name.partition("--")[0]
    if kind in contract.KINDS:
        return contract.decode(kind, body)
    return msgspec.msgpack.decode(body, type=kind_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_golden_is_decoded_as_its_json_says(name: str) -> None:
    assert decode_golden(name, wire(name)) == content(name)


@pytest.mark.parametrize("name", FULL)
def test_full_golden_is_encoded_as_it_was(name: str) -> None:
    value = decode_golden(name, wire(name))
    body = msgspec.msgpack.encode(value)
    assert body == wire(name)
    if kind_of(name) in contract.NAMES:
        assert contract.encode(value) == body


@pytest.mark.parametrize("name", OLDEST)
def test_oldest_golden_has_no_later_field_and_is_read_with_defaults(name: str) -> None:
    assert fields(content(name), given_only=True) == []
    written = msgspec.msgpack.decode(wire(name))
    assert written == _only(written, load_golden(name))


def tomorrows(value: Any) -> Any:
    """The same with a field more in every object."""
    if isinstance(value, dict):
        return {name: tomorrows(member) for name, member in value.items()} | {"tomorrow": [1]}
    return [tomorrows(element) for element in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", NAMES)
def test_unknown_fields_of_a_newer_version_are_ignored(name: str) -> None:
    newer = msgspec.msgpack.encode(tomorrows(msgspec.msgpack.decode(wire(name))))
    assert newer != wire(name)
    assert decode_golden(name, newer) == content(name)


def fields(value: Any, *, given_only: bool) -> list[tuple[str, str]]:
    """(Struct, field) of all that is in `value`; with `given_only`, optional ones that are set."""
    found: list[tuple[str, str]] = []
    if isinstance(value, list | tuple):
        return [each for element in value for each in fields(element, given_only=given_only)]
    if not isinstance(value, msgspec.Struct):
        return found
    for field in msgspec.structs.fields(value):
        member = getattr(value, field.name)
        default = [] if field.default_factory is list else field.default
        optional = not field.required
        if (optional and member != default) or not (optional or given_only):
            found.append((type(value).__name__, field.name))
        found += fields(member, given_only=given_only)
    return found


def structs(kind: Any, seen: set[type[msgspec.Struct]]) -> set[type[msgspec.Struct]]:
    """Every Struct that a value of `kind` can hold."""
    info = msgspec.inspect.multi_type_info([kind])
    for one in info:
        _collect(one, seen)
    return seen


def _collect(info: Any, seen: set[type[msgspec.Struct]]) -> None:
    if isinstance(info, msgspec.inspect.StructType):
        if info.cls not in seen:
            seen.add(info.cls)
            for field in info.fields:
                _collect(field.type, seen)
    elif isinstance(info, msgspec.inspect.UnionType):
        for one in info.types:
            _collect(one, seen)
    elif isinstance(info, msgspec.inspect.ListType):
        _collect(info.item_type, seen)


def test_every_field_of_every_contract_is_set_in_some_golden() -> None:
    wanted = {
        (struct.__name__, field.name)
        for kind in KINDS.values()
        for struct in structs(kind, set())
        for field in msgspec.structs.fields(struct)
    }
    there = {pair for name in FULL for pair in fields(content(name), given_only=False)}
    assert wanted - there == set()


def test_every_kind_has_a_golden_in_full_and_in_its_oldest_form() -> None:
    assert {kind_of(name) for name in FULL} == set(KINDS.values())
    assert {kind_of(name) for name in OLDEST} >= set(contract.KINDS.values())
    assert {path.stem for path in GOLDEN.iterdir()} == set(NAMES)


def test_unknown_kind_is_another_error_than_an_unreadable_body() -> None:
    with pytest.raises(KeyError):
        contract.decode("partition-batch.v2", b"\x80")
    with pytest.raises(msgspec.DecodeError):
        contract.decode(contract.PARTITION_BATCH, b"\x80")


@settings(deadline=None)
@given(st.sampled_from(FULL), st.data())
def test_body_with_broken_bytes_is_decoded_or_a_decode_error(
    name: str, data: st.DataObject
) -> None:
    """A consumer puts a message aside for a DecodeError; another error would stop it."""
    body = wire(name)
    at = data.draw(st.integers(0, len(body) - 1))
    new = data.draw(st.binary(max_size=4))
    broken = body[:at] + new + body[at + data.draw(st.integers(0, 4)) :]
    for kind in contract.KINDS:
        with suppress(msgspec.DecodeError):
            contract.decode(kind, broken)


@pytest.mark.parametrize(
    "change", [{"action": "tomorrow"}, {"type": "tomorrow"}, {"content": 7}, {"action": [1]}]
)
def test_action_that_this_version_cannot_read_spoils_no_other_entry(change: Any) -> None:
    name = "partition-batch.v1--full"
    body = msgspec.msgpack.decode(wire(name))
    place = next(n for n, each in enumerate(body["entries"]) if each["entry"] == "command")
    body["entries"][place]["action"] |= change
    read = contract.decode(contract.PARTITION_BATCH, msgspec.msgpack.encode(body))
    expected = content(name).entries
    assert read.entries[place].action == contract.UnknownAction()
    assert read.entries[place].id == expected[place].id
    del read.entries[place], expected[place]
    assert read.entries == expected


NO_MESSAGES = [b"", b"\xc1", b"\x81\xa2\xff\xfe\x01", b"\x91" * 5000, b"\x81\xa1x" + b"\x91" * 5000]


@pytest.mark.parametrize("body", NO_MESSAGES)
def test_body_that_is_no_messagepack_is_a_decode_error(body: bytes) -> None:
    for kind in contract.KINDS:
        with pytest.raises(msgspec.DecodeError):
            contract.decode(kind, body)


def _only(value: Any, wanted: Any) -> Any:
    """`value` with the members that `wanted` names."""
    if isinstance(value, dict):
        return {name: _only(value[name], wanted[name]) for name in value if name in wanted}
    if isinstance(value, list):
        return [_only(one, other) for one, other in zip(value, wanted, strict=True)]
    return value


def write(name: str) -> None:
    """Make the .hex of a golden whose .json is there; run by hand, see above."""
    path = GOLDEN / f"{name}.hex"
    body = msgspec.msgpack.decode(msgspec.msgpack.encode(content(name)))
    text = msgspec.msgpack.encode(_only(body, load_golden(name))).hex()
    with path.open("x", encoding="ascii") as file:
        file.write("\n".join(textwrap.wrap(text, 96)) + "\n")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        write(argument)
