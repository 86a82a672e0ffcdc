"""A body in segments: joined they are the body again, and the remainder holds no PII."""

import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.whatsapp import segments
from services.whatsapp.identities import MAX_CONTACT
from services.whatsapp.parser import parse
from services.whatsapp.segments import Gap, SegmentedBody, join_body, split_body
from tests.support.odd_webhooks import BAD_ITEMS, GOOD, Pieces, pieces, webhook

EXAMPLES = Path(__file__).parents[3] / "examples" / "whatsapp"
PATHS = sorted(EXAMPLES.glob("*.json"))
NUMBER, BORNE = "106540352242922", "106540352242923"
PRIVATE = (b"3160000", b"wamid.", b"wacid.", b"Noor", b"Daan", b"Sanne", b"NL.", b"Kerkstraat")
"""Personal data in the examples: telephones, ids, names, the names that Meta gives, words."""


def cut_whole(body: bytes) -> tuple[SegmentedBody, Pieces]:
    """Both, of a body that comes together again."""
    items = parse(body)
    done, parts = split_body(body, items), pieces(items)
    assert join_body(done, parts) == body
    return done, parts


def written(n: int, words: str = "hallo") -> dict[str, Any]:
    """A message of citizen n."""
    sender = {"from": f"3161111111{n}", "id": f"wamid.{n}", "timestamp": "1764061200"}
    return sender | {"type": "text", "text": {"body": words}}


def known(n: int) -> dict[str, Any]:
    """The entry of `contacts` of citizen n."""
    return {"profile": {"name": f"Burger {n}"}, "wa_id": f"3161111111{n}"}


def change(number: str = NUMBER, field: str = "messages", **lists: Any) -> dict[str, Any]:
    return {"field": field, "value": {"metadata": {"phone_number_id": number}} | lists}


def body(*changes: dict[str, Any], indent: int | None = None) -> bytes:
    entry = [{"id": "1", "changes": list(changes)}]
    return json.dumps({"object": "x", "entry": entry}, indent=indent).encode()


THREE = body(
    change(contacts=[known(2), known(1)], messages=[written(1), written(2)]),
    change(BORNE, messages=[written(3)], contacts=[known(3)]),
    indent=1,
)
"""Three citizens of two municipalities."""


@pytest.mark.parametrize("few", [0, segments.FEW])
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_body_remainder_of_every_example_holds_no_pii(
    path: Path, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "FEW", few)
    done, _ = cut_whole(path.read_bytes())
    assert done.holes
    assert [word for word in PRIVATE if word in done.rest] == []


def test_items_and_contacts_of_three_citizens_are_separate_segments() -> None:
    done, parts = cut_whole(THREE)
    assert [(hole.item, hole.part) for hole in done.holes] == [
        (1, "contact"), (0, "contact"), (0, "item"), (1, "item"), (2, "item"), (2, "contact")
    ]  # fmt: skip
    for n in (1, 2, 3):
        own = [parts[hole.item, hole.part] for hole in done.holes if hole.item == n - 1]
        assert all(b"3161111111%d" % n in piece for piece in own)
        assert b"3161111111%d" % n not in done.rest and b"Burger %d" % n not in done.rest
    assert b"wamid" not in done.rest and b"hallo" not in done.rest


@pytest.mark.parametrize("nth", range(6))
def test_body_cannot_be_joined_without_any_one_piece(nth: int) -> None:
    done, parts = cut_whole(THREE)
    hole = done.holes[nth]
    del parts[hole.item, hole.part]
    assert join_body(done, parts) is None


def test_shared_contact_belongs_to_the_first_message_of_its_change() -> None:
    one = change(contacts=[known(1)], messages=[written(1), written(1, "nog iets")])
    done, _ = cut_whole(body(one, one))
    assert [tuple([hole.item, hole.part]) for hole in done.holes] == [
        (0, "contact"), (0, "item"), (1, "item"), (2, "contact"), (2, "item"), (3, "item")
    ]  # fmt: skip


def test_contact_without_a_message_or_too_large_stays_in_the_remainder() -> None:
    done, _ = cut_whole(body(change(contacts=[known(1), known(2)], messages=[written(1)])))
    assert b"Burger 2" in done.rest and b"Burger 1" not in done.rest
    large = known(1) | {"about": "x" * MAX_CONTACT}
    done, parts = cut_whole(body(change(contacts=[large], messages=[written(1)])))
    assert parts[0, "contact"] == b"" and b"Burger 1" in done.rest


@pytest.mark.parametrize(("about", "is_cut"), [("x", True), ("x" * MAX_CONTACT, False)])
def test_head_of_a_thread_of_history_is_cut_unless_it_is_too_large(
    about: str, is_cut: bool
) -> None:
    thread = {"id": "31611111111", "about": about, "messages": [written(1)]}
    done, _ = cut_whole(body(change(field="history", history=[{"threads": [thread]}])))
    assert (b"31611111111" not in done.rest) is is_cut


def test_item_equal_to_other_bytes_is_cut_in_its_own_place() -> None:
    content = webhook(b"1", b'{"id":"1"}', b'"messages"', b"1", GOOD)
    done, _ = cut_whole(content)
    assert done.rest == webhook(b"", b"", b"", b"", b"")
    within = body(change(messages=[written(1) | {"text": written(1)}, written(1)]))
    assert cut_whole(within)[0].rest == body(change(messages=[])).replace(b"[]", b"[, ]")


@pytest.mark.parametrize(
    "content",
    [
        webhook(GOOD, b'{"from":"31600000001","id":"x\\ud83d","type":"text"}'),
        webhook(GOOD, b'{"from":"31600000001","id":"x\xff","type":"text"}'),
        webhook(GOOD, GOOD).replace(b'"field"', b'"value":{"messages":[{"id":"2"}]},"field"')
        .replace(b'"object"', b'"entry":1,"object"'),
    ],
    ids=["half a character", "no UTF-8", "a name twice"],
)  # fmt: skip
def test_malformed_body_is_split_and_joined_unchanged(content: bytes) -> None:
    items = parse(content)
    assert items
    assert join_body(split_body(content, items), pieces(items)) == content


def test_body_between_spaces_is_split() -> None:
    done, _ = cut_whole(b"\r\n " + webhook(*[GOOD] * 9) + b"\n")
    assert len(done.holes) == 9 and b"wamid" not in done.rest


def test_body_without_its_items_stays_whole() -> None:
    assert split_body(b"no JSON", []) == SegmentedBody(b"no JSON", [])
    assert join_body(SegmentedBody(b"no JSON", []), {}) == b"no JSON"
    elsewhere = parse(webhook(GOOD))
    assert split_body(THREE, elsewhere) == SegmentedBody(THREE, [])


CITIZENS = st.integers(0, 9)
WELL_FORMED = st.lists(
    st.builds(
        lambda number, people, informed: change(
            number,
            contacts=[known(n) for n in {*people, *informed}],
            messages=[written(n, f"woorden van {n}") for n in people],
            statuses=[
                {"id": f"wamid.ours{n}", "status": "read", "recipient_id": f"3161111111{n}"}
                for n in informed
            ],
        ),
        st.sampled_from([NUMBER, BORNE]),
        st.lists(CITIZENS, max_size=4),
        st.lists(CITIZENS, max_size=2),
    ).filter(lambda one: one["value"]["messages"] or one["value"]["statuses"]),
    min_size=1,
    max_size=4,
)


@given(WELL_FORMED, st.sampled_from([None, 0, 2]), st.sampled_from([0, 8]))
def test_body_remainder_of_well_formed_bodies_holds_no_pii(
    changes: list[dict[str, Any]], indent: int | None, few: int
) -> None:
    content = body(*changes, indent=indent)
    items = parse(content)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(segments, "FEW", few)
        done = split_body(content, items)
    assert join_body(done, pieces(items)) == content
    private = (b"3161111111", b"wamid", b"woorden", b"Burger")
    assert [word for word in private if word in done.rest] == []
    assert done.holes == sorted(done.holes, key=lambda hole: hole.at)


@given(st.lists(st.sampled_from([*BAD_ITEMS, GOOD]), max_size=12))
def test_bad_items_are_segments_too(bad: list[bytes]) -> None:
    done, _ = cut_whole(webhook(*bad))
    items = [hole.item for hole in done.holes if hole.part == "item"]
    assert items == list(range(len(bad) or 1))


def largest(messages: int) -> bytes:
    """Body with one message of each citizen, and their contacts."""
    phones = [str(31600000000 + n) for n in range(messages)]
    listed = [written(1) | {"id": f"wamid.{phone}", "from": phone} for phone in phones]
    people = [known(1) | {"wa_id": phone} for phone in phones]
    return body(change(contacts=people, messages=listed))


@pytest.mark.slow
def test_splitting_time_grows_in_proportion_to_the_body() -> None:
    took = []
    for messages in (2_000, 20_000):
        content = largest(messages)
        items = parse(content)
        started = time.process_time()
        done = split_body(content, items)
        took.append(time.process_time() - started)
        assert len(done.holes) == 2 * messages
        assert join_body(done, pieces(items)) == content
    assert took[1] < 40 * took[0] + 0.1  # ten times as many; a hundred times, were it quadratic


def test_gap_is_encoded_as_an_array() -> None:
    hole = Gap(12, 3, "contact")
    assert msgspec.json.encode([hole]) == b'[[12,3,"contact"]]'
    assert msgspec.json.decode(b'[[12,3,"contact"]]', type=list[Gap]) == [hole]
