"""Today's services read everything that 0.1.0 wrote, and no field of it has gone.

Services of the release before run beside those of today and read what these write. So nothing in
`baseline.json` goes, is retyped or is demanded anew. It holds the goldens by their hashes, the
fields of all Structs, and the records and events of a made-up conversation. A release makes it:

    PYTHONPATH=. .venv/bin/python tests/contract/test_baseline.py
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

from archiver.index.record_fields import RecordFields, read_fields
from router.handlers.batch import make_outputs
from services import event_types
from services.contract import Record
from tests.contract.test_golden import GOLDEN, KINDS, structs
from tests.support.router.commands import SANNE, command
from tests.support.router.harness import Router
from tests.support.router.names import ANNA, NOON
from tests.support.router.webhooks import inbound, outcome, status, statuses, text, writes

BASELINE = Path(__file__).parent / "baseline.json"
Fields = dict[str, dict[str, list[str]]]
"""Struct -> name on the wire -> types that it may have, and `required` if there is no default."""


def alternatives(annotation: Any) -> set[str]:
    """Types and values that a field may have."""
    origin, members = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return set().union(*map(alternatives, members))
    if origin is Literal:
        return {repr(member) for member in members}
    if origin is list:
        return {f"list[{each}]" for each in alternatives(members[0])}
    return {annotation.__name__ if isinstance(annotation, type) else str(annotation)}


def fields_of(kind: type[msgspec.Struct]) -> dict[str, list[str]]:
    hints = get_type_hints(kind)
    tag = kind.__struct_config__.tag
    found = {"(tag)": [f"{kind.__struct_config__.tag_field}={tag}"]} if tag else {}
    for field in msgspec.structs.fields(kind):
        required = {"required"} if field.required else set()
        found[field.encode_name] = sorted(alternatives(hints[field.name]) | required)
    return found


def all_fields() -> Fields:
    """Fields of all that travels or is kept, by today's code."""
    kinds = set[type[msgspec.Struct]]()
    for kind in (*KINDS.values(), RecordFields):
        structs(kind, kinds)
    return {kind.__name__: fields_of(kind) for kind in sorted(kinds, key=lambda k: k.__name__)}


def broken_promises(before: Fields, now: Fields) -> Iterator[str]:
    """Return what a service of before cannot read of today's, or the other way round."""
    for struct, fields in before.items():
        if struct not in now:
            yield f"{struct} is gone"
            continue
        for name, types in fields.items():
            if gone := set(types) - set(now[struct].get(name, [])) - {"required"}:
                yield f"{struct}.{name} is no more {sorted(gone)}"
        for name, types in now[struct].items():
            if "required" in types and "required" not in fields.get(name, []):
                yield f"{struct}.{name} is demanded, and was not"


def golden_hashes() -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(GOLDEN.iterdir())
    }


def types_of_events() -> list[str]:
    return sorted(value for name, value in vars(event_types).items() if name.isupper())


def conversation() -> Iterator[tuple[str, bytes]]:
    """Kind or type, and data, of each record and event of a conversation, decided by today's
    router."""
    router = Router()
    decided = [
        *router.takes(writes(1, "Mijn container is vol", **ANNA)),
        *router.takes(inbound(text("wamid.2", "Kijk maar", kind="image", **ANNA), second=2)),
    ]
    own = decided[-1][1].conversation
    order = command("a", second=3, conversation=own, author=SANNE)
    decided += router.takes(order)
    decided += router.takes(outcome(order.id, "sent", second=4, wamid="wamid.3"))
    decided += router.takes(statuses(status("wamid.3", "delivered", f"{order.id}.1"), second=5))
    for second, (type, fields) in enumerate(ORDERS, 6):
        given = {"second": second, "conversation": own, "author": SANNE} | fields
        decided += router.takes(command(type, type, **given))
    for output in make_outputs(decided).values():
        yield from ((record.kind, record.data) for record in output.records)
        yield from ((event.type, event.data) for _, event in output.events)


ORDERS: list[tuple[str, dict[str, Any]]] = [
    ("note", {"text": "Belt morgen terug"}),
    ("link", {"zaak": "Z-1"}),
    ("transfer", {"to_department": "belastingen", "reason": "gaat over een aanslag"}),
    ("close", {"outcome": "answered"}),
    ("reopen", {"reason": "toch niet klaar"}),
]


def shapes() -> dict[str, list[Any]]:
    """Kind or type -> data that it had, in order."""
    found: dict[str, list[Any]] = {}
    for name, data in conversation():
        found.setdefault(name, []).append(json.loads(data))
    return found


def missing(before: Any, now: Any, place: str) -> Iterator[str]:
    """Return the members of `before` that are not in `now`, or of another type."""
    if type(before) is not type(now):
        yield f"{place} is a {type(now).__name__}"
    elif isinstance(before, dict):
        for name, member in before.items():
            if name not in now:
                yield f"{place}.{name} is gone"
            else:
                yield from missing(member, now[name], f"{place}.{name}")
    elif isinstance(before, list):
        for n, (old, new) in enumerate(zip(before, now, strict=False)):
            yield from missing(old, new, f"{place}[{n}]")
        yield from (f"{place} has fewer" for _ in before[len(now) :][:1])


def read_back(shapes: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Kind -> what today's archiver reads of its records, and indexes."""
    return {
        kind: [json.loads(_read(kind, data)) for data in all_of_kind]
        for kind, all_of_kind in shapes.items()
        if kind not in types_of_events()
    }


def _read(kind: str, data: Any) -> bytes:
    record = Record(id=UUID(int=0), kind=kind, at=NOON, data=msgspec.json.encode(data))
    return msgspec.json.encode(read_fields(record))


def baseline() -> dict[str, Any]:
    return dict(json.loads(BASELINE.read_text(encoding="utf-8")))


def test_goldens_of_the_baseline_are_as_they_were() -> None:
    now = golden_hashes()
    assert [name for name, hash in baseline()["goldens"].items() if now.get(name) != hash] == []


def test_no_field_of_the_baseline_is_gone_retyped_or_demanded_anew() -> None:
    assert list(broken_promises(baseline()["fields"], all_fields())) == []


def test_event_types_of_the_baseline_are_all_there() -> None:
    assert set(baseline()["events"]) <= set(types_of_events())


def test_records_and_events_have_all_that_they_had_in_the_baseline() -> None:
    assert list(missing(baseline()["conversation"], shapes(), "conversation")) == []


def test_records_of_the_baseline_are_read_as_they_were() -> None:
    now = read_back(baseline()["conversation"])
    for kind, before in baseline()["read"].items():
        assert [each | old for each, old in zip(now[kind], before, strict=True)] == now[kind]


class Before(msgspec.Struct):
    kept: str
    kind: Literal["a", "b"] = "a"
    gone: int | None = None


class Now(msgspec.Struct, rename={"kept": "renamed"}):
    kept: str
    kind: Literal["a", "c"] = "a"
    new: bool = False


def test_promise_is_broken_by_what_goes_is_renamed_retyped_or_demanded() -> None:
    before, now = {"S": fields_of(Before), "T": {}}, {"S": fields_of(Now)}
    assert list(broken_promises(before, now)) == [
        "S.kept is no more ['str']",
        "S.kind is no more [\"'b'\"]",
        "S.gone is no more ['NoneType', 'int']",
        "S.renamed is demanded, and was not",
        "T is gone",
    ]
    old = {"a": [{"b": 1, "c": "x"}, 2], "d": None}
    new = {"a": [{"b": "1"}], "d": None, "e": 5}
    assert list(missing(old, new, "x")) == [
        "x.a[0].b is a str",
        "x.a[0].c is gone",
        "x.a has fewer",
    ]
    assert list(missing(old, old | {"e": 5}, "x")) == []


def write() -> None:
    content = {
        "goldens": golden_hashes(),
        "fields": all_fields(),
        "events": types_of_events(),
        "conversation": (found := shapes()),
        "read": read_back(found),
    }
    BASELINE.write_text(_as_lines(content) + "\n", encoding="utf-8")


def _as_lines(content: Any) -> str:
    """JSON with a line for each golden, Struct, event and kind, so that a difference shows."""
    pages = []
    for name, page in content.items():
        text = json.dumps(page, ensure_ascii=False, indent=1)
        parts = [json.dumps(each, ensure_ascii=False) for each in page]
        if isinstance(page, dict):
            values = (json.dumps(each, ensure_ascii=False) for each in page.values())
            parts = [f"{part}: {value}" for part, value in zip(parts, values, strict=True)]
        pages.append(f"{json.dumps(name)}: {text[0]}\n" + ",\n".join(parts) + f"\n{text[-1]}")
    return "{\n" + ",\n".join(pages) + "\n}"


if __name__ == "__main__":
    write()
