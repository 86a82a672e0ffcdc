"""Webhook bodies for the fuzzer: from what Meta sends, through what it should not, to rubbish.

Everything that a citizen would be known by carries a mark, so that a search of the logs finds it.
"""

import itertools
import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

EXAMPLES = Path(__file__).parents[2] / "examples" / "whatsapp"
NUMBERS = ("106540352242922", "206540352242923", "300000000000001", "")
"""Two municipalities, a number of nobody's, and none."""
WABAS = ("102290129340398", "202290129340399", "102290129340399", "")

WORD = "Vlinderslag"
PHONE = "3168642"
"""Beginning of every citizen's number."""
MARKS = (WORD, PHONE)
CITIZENS = 2000
MOST_BYTES = 4 * 1024 * 1024
"""Bytes that the door takes of one body."""
_serial = itertools.count(1000)
"""Most messages are new; what becomes of one that came before is told by the others."""
Json = Any


SAID = frozenset(
    ["body", "caption", "name", "formatted_name", "title", "username", "filename", "address"]
)
"""Names of the members whose text is a citizen's."""


def _marked(tree: Json, name: str = "") -> Json:
    """An example with marks on its citizens, and places for which citizen (`~c~`) and message
    (`~m~`)."""
    if isinstance(tree, dict):
        return {key: _marked(value, key) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_marked(value, name) for value in tree]
    if not isinstance(tree, str):
        return tree
    text = re.sub(r"(?<!\d)\+?31600000\d{3}(?!\d)", PHONE + "~c~", tree)
    text = re.sub(r"^wamid\.", f"wamid.{WORD}~m~.", text)
    text = re.sub(r"^([A-Z]{2})\.((?:ENT\.)?)\d+", rf"\1.\2{WORD}~c~", text)
    return f"{WORD} {text}" if name in SAID else text


def _changes() -> list[str]:
    """Every change in the examples, as marked JSON."""
    return [
        json.dumps(_marked(change), ensure_ascii=False)
        for path in sorted(EXAMPLES.glob("*.json"))
        for entry in json.loads(path.read_text())["entry"]
        for change in entry["changes"]
    ]


CHANGES = _changes()

# What JSON libraries of Python cannot write; stands in the tree as a text that is replaced at last.
RAW = (
    "1e999", "-1e999", "NaN", "-0", "1" * 19, "9" * 20, "9" * 400, "-" + "9" * 25, "1e-400",
    "1.7976931348623157e308", "01", "+1", "0x10", "tru", "", ",", "}", "]", '"', "'a'",
    r'"\ud800"', r'"\udfff\ud800"', r'"\ud83d"', r'"\u0000"', r'"\u000"', r'"\x"', '"\n"',
    '{"a":1,"a":2}', '{"id":"x","id":null}', "/* x */ 1", '"\ufeff"', "[" * 300, "{" * 300,
    "[" * 70 + "]" * 70, '{"a":' * 70 + "1" + "}" * 70, "[" * 255 + "]" * 255,
    "[" * 2000 + "]" * 2000, '{"a":' * 5000 + "1" + "}" * 5000,
)  # fmt: skip
ODD: tuple[Json, ...] = (
    None, True, False, 0, -1, 1, 1.5, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**30, 1e300,
    "", " ", "\0", "0", "-1", "null", "1795000000000", 1795000000000, "1795000000.5",
    "253402300801", "-62135596801", "text", "edit", "system", "group", "unsupported", "NL.", "NL.1",
    "\ud800", "a\udfffb", "\ufeff", "\u202e", "é" * 300, "x" * 5000, [], {}, [[]], [{}], [None],
    {"": {}}, 99999999999999, {"a": {"a": {"a": {}}}}, {"id": {}}, [1, "a", None, {}], "%s%n",
    "'; drop table --", "<b>",
)  # fmt: skip
NAMES = (
    "id", "from", "from_user_id", "to", "type", "text", "body", "timestamp", "context", "errors",
    "messages", "statuses", "contacts", "wa_id", "user_id", "profile", "status", "history",
    "threads", "message_echoes", "metadata", "phone_number_id", "field", "value", "changes",
    "entry", "event", "new_field", "__proto__", "a\0b", "",
)  # fmt: skip


def _places(tree: Json) -> list[tuple[Any, Any]]:
    """Every (container, key or index) in a tree."""
    found: list[tuple[Any, Any]] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        inner = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in inner:
            found.append((node, key))
            if isinstance(value, dict | list):
                stack.append(value)
    return found


def _drop(draw: Any, node: Any, key: Any) -> None:
    del node[key]


def _odd(draw: Any, node: Any, key: Any) -> None:
    node[key] = deepcopy(draw(AN_ODD_ONE))


def _raw(draw: Any, node: Any, key: Any) -> None:
    node[key] = f"~raw{draw(st.integers(0, len(RAW) - 1))}~"


def _double(draw: Any, node: Any, key: Any) -> None:
    times = draw(st.sampled_from((2, 2, 2, 3, 30)))
    if isinstance(node, list):
        node[key:key] = [node[key]] * (times - 1)
    else:
        node[key] = [node[key]] * times


def _wrap(draw: Any, node: Any, key: Any) -> None:
    for _ in range(draw(st.sampled_from((1, 1, 2, 8, 60, 64, 65)))):
        node[key] = [node[key]] if draw(st.booleans()) else {"a": node[key]}


def _rename(draw: Any, node: Any, key: Any) -> None:
    if isinstance(node, dict):
        node[draw(A_NAME)] = node.pop(key)


def _add(draw: Any, node: Any, key: Any) -> None:
    if isinstance(node, dict):
        node[draw(A_NAME)] = deepcopy(draw(AN_ODD_ONE))


def _other_type(draw: Any, node: Any, key: Any) -> None:
    value = node[key]
    if isinstance(value, str) and value.isdecimal() and value.isascii():
        node[key] = int(value)
    elif isinstance(value, int | float):
        node[key] = str(value)
    else:
        node[key] = {"value": value}


def _garbled(draw: Any, node: Any, key: Any) -> None:
    if isinstance(node[key], str):
        node[key] += draw(SOME_TEXT) + draw(st.sampled_from(("", "\ud800", "\0", "😀")))


MUTATIONS = (_drop, _drop, _odd, _odd, _raw, _double, _wrap, _rename, _add, _other_type, _garbled)

# Made once: hypothesis looks at every value of a strategy that it sees for the first time.
A_MUTATION = st.sampled_from(MUTATIONS)
MUTATED_TIMES = st.sampled_from((1, 1, 2, 3, 6))
AN_ODD_ONE = st.sampled_from(ODD)
A_NAME = st.sampled_from(NAMES)
SOME_TEXT = st.text(max_size=6)
A_CHANGE = st.sampled_from(CHANGES)
A_NUMBER = st.sampled_from((0, 0, 0, 0, 1, 1, 2, 3))
A_WABA = st.sampled_from(WABAS)
SOME_ENTRIES = st.sampled_from((1, 1, 1, 2, 3))
IS_REPEATED = st.sampled_from((False, False, False, False, True))


def _mutate(draw: Any, tree: Json) -> None:
    for _ in range(draw(MUTATED_TIMES)):
        places = _places(tree)
        if not places:
            return
        node, key = places[draw(st.integers(0, len(places) - 1))]
        draw(A_MUTATION)(draw, node, key)


def _entry(draw: Any) -> Json:
    return {"id": draw(A_WABA), "changes": [_change(draw)], "time": 1795000000}


def _change(draw: Any) -> Json:
    text = draw(A_CHANGE)
    repeated = draw(IS_REPEATED)
    message = draw(st.integers(0, 500)) if repeated else next(_serial)
    text = text.replace("~m~", f"{message:07}")  # as long each time: a draw must not depend on it
    text = text.replace("~c~", f"{draw(st.integers(0, CITIZENS)):04}")
    number = draw(A_NUMBER)
    return json.loads(text.replace(NUMBERS[0], NUMBERS[number]))


def _envelope(draw: Any) -> Json:
    """One change mostly, as Meta sends; sometimes several, in one entry or in more."""
    entries = [_entry(draw) for _ in range(draw(SOME_ENTRIES))]
    if draw(st.sampled_from((False, False, False, True))):
        entries[0]["changes"].append(_change(draw))
    return {"object": "whatsapp_business_account", "entry": entries}


def _written(tree: Json, ascii: bool) -> bytes:
    text = json.dumps(tree, ensure_ascii=ascii)
    if "~raw" in text:
        text = re.sub(r'"~raw(\d+)~"', lambda found: RAW[int(found[1])], text)
    return text.encode("utf-8", "surrogatepass")


@st.composite
def valid(draw: Any) -> bytes:
    """Body as Meta sends it, of every type and field."""
    return _written(_envelope(draw), draw(st.booleans()))


@st.composite
def mutated(draw: Any) -> bytes:
    """JSON mostly, with things missing, doubled, of another type, too deep or too large."""
    tree = _envelope(draw)
    _mutate(draw, tree)
    return _written(tree, draw(st.booleans()))


@st.composite
def torn(draw: Any) -> bytes:
    """A body of which some bytes are cut out, changed or doubled."""
    body: bytes = draw(mutated())
    if not body:
        return body
    at = draw(st.integers(0, len(body) - 1))
    until = min(len(body), at + draw(st.integers(0, 40)))
    put: bytes = draw(
        st.sampled_from((b"", body[at:until] * 2, b"\xff\xfe", b"\xed\xa0\x80", b"\0", b'"'))
    )
    return body[:at] + put + body[until:]


@st.composite
def large(draw: Any) -> bytes:
    """Many items, long words, or many municipalities: up to what Meta may send, and over it."""
    change = _change(draw)
    times = draw(st.sampled_from((40, 300, 1000)))
    shape = draw(st.sampled_from((_many_items, _long_words, _many_municipalities)))
    most = draw(st.sampled_from((MOST_BYTES, MOST_BYTES, MOST_BYTES + 1)))
    return _written({"entry": shape(change, times)}, draw(st.booleans()))[:most]


def _many_items(change: Json, times: int) -> list[Json]:
    return [{"id": WABAS[0], "changes": [change] * times}]


def _long_words(change: Json, times: int) -> list[Json]:
    change["value"]["new_field"] = "é" * (times * 1000)
    return [{"id": WABAS[0], "changes": [change]}]


def _many_municipalities(change: Json, times: int) -> list[Json]:
    return [{"id": str(n), "changes": [change]} for n in range(times)]


_PARTS = (
    *[valid()] * 120,
    *[mutated()] * 210,
    *[torn()] * 50,
    *[st.binary(max_size=300)] * 15,
    st.sampled_from(
        (b"", b"{}", b"[]", b"null", b'{"entry":[]}', b'{"entry":{}}', b"\xef\xbb\xbf{}")
    ),
    large(),
)
BODIES: st.SearchStrategy[bytes] = st.sampled_from(_PARTS).flatmap(lambda part: part)
"""Mostly what comes close; large ones are rare, since they cost as much as a thousand."""
