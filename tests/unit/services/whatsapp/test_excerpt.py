"""An excerpt of a body: one item, read as it was read in its body, and nothing of the others."""

from pathlib import Path

import pytest

from services.whatsapp.excerpt import MAX_BODY, cut_excerpt
from services.whatsapp.parser import identity_key, parse
from tests.support.router.webhooks import body, change, text

EXAMPLES = Path(__file__).parents[3] / "examples" / "whatsapp"
PATHS = sorted(EXAMPLES.glob("*.json"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_excerpt_of_every_example_holds_the_one_item(path: Path) -> None:
    whole = path.read_bytes()
    for item in parse(whole):
        excerpt = cut_excerpt(whole, item)
        assert excerpt
        [again] = parse(excerpt)
        assert identity_key(again) == identity_key(item)
        assert (again.raw, again.key, type(again)) == (item.raw, item.key, type(item))


def test_excerpt_holds_nothing_of_the_items_beside_it() -> None:
    contacts = [{"wa_id": f"3161111111{n}", "profile": {"name": f"Burger{n}"}} for n in range(3)]
    messages = [text(f"wamid.{n}", f"geheim{n}", phone=f"3161111111{n}") for n in range(3)]
    whole = body(
        change("10000001", contacts=contacts, messages=messages),
        change("10000002", messages=[text("wamid.9", "geheim9", phone="31611111119")]),
    )
    item = parse(whole)[1]
    excerpt = cut_excerpt(whole, item)
    assert excerpt and parse(excerpt) == [item], "with its person's name"
    for n in (0, 2, 9):
        for private in (f"geheim{n}", f"wamid.{n}", f"Burger{n}", f"3161111111{n}"):
            assert private.encode() not in excerpt


def test_item_that_cannot_be_cut_out_with_certainty_has_no_excerpt() -> None:
    one = text("wamid.1", "hallo", phone="31611111111")
    [item] = parse(body(change("10000001", messages=[one])))
    quoting = text("wamid.2", "hallo", phone="31611111111") | {"was": one}
    assert cut_excerpt(body(change("10000001", messages=[quoting])), item) is None
    broken = body(change("10000001", messages=[one])).replace(b"hallo", b"\xff\\ud800")
    assert cut_excerpt(broken, parse(broken)[0]) is None
    large = body(change("10000001", messages=[one], more=["x" * MAX_BODY]))
    assert cut_excerpt(large, item) is None


@pytest.mark.parametrize("odd", [rb"\ud800", b"\xff", b"\xed\xa0\x80", rb"\u0000"])
@pytest.mark.parametrize("place", [b"odd0", b"odd1", b"WABA", b"messaging_product"])
def test_odd_bytes_anywhere_make_no_fault(odd: bytes, place: bytes) -> None:
    """The router quarantines such items by the hundred; one that cannot be cut out stays there."""
    messages = [text(f"wamid.{n}", f"odd{n}", phone=f"3161111111{n}") for n in range(2)]
    whole = body(change("10000001", messages=messages)).replace(place, place + odd)
    for item in parse(whole):
        excerpt = cut_excerpt(whole, item)
        assert excerpt is None or [each.raw for each in parse(excerpt)] == [item.raw]
