"""What came under a signature that does not speak for its number."""

import msgspec

from router.model.work import UNPROVEN
from services.contract import Receipt
from tests.support.router.decisions import decisions, records_of
from tests.support.router.harness import Router
from tests.support.router.webhooks import NUMBER, OTHER_NUMBER, body, change, receipt, text

PHONE = "31611111111"


def forged(content: bytes, *unproven: str, second: float = 0) -> Receipt:
    came = receipt(content, second=second, keys=[NUMBER, OTHER_NUMBER], name=f"forged {second}")
    return msgspec.structs.replace(came, unproven=list(unproven))


def test_unverified_item_is_quarantined_and_makes_nothing_a_repeat() -> None:
    router = Router()
    mine = change(NUMBER, messages=[text("wamid.1", "hallo", phone=PHONE)])
    other = change(OTHER_NUMBER, messages=[text("wamid.1", "hallo", phone=PHONE)])
    said = router.takes(forged(body(mine, other), OTHER_NUMBER))
    assert [d.kind for d in decisions(said)] == ["message", "quarantined"]
    assert decisions(said)[1].reason == UNPROVEN
    assert records_of(said)[-1].kind == "quarantine" and b"wamid.1" in records_of(said)[-1].raw
    assert {c.number for c in router.conversations.values()} == {NUMBER}
    # Said again by the same receipt, a repeat in another one, and the real one is news.
    assert len(router.takes(forged(body(mine, other), OTHER_NUMBER))) == 2
    assert router.takes(forged(body(other), OTHER_NUMBER, second=5)) == []
    real = router.takes(receipt(body(other), second=9))
    assert [d.kind for d in decisions(real)] == ["message"]


def test_two_forgeries_of_one_message_are_both_quarantined() -> None:
    router = Router()
    for n, words in enumerate(["een", "twee"]):
        message = text("wamid.1", words, phone=PHONE)
        said = router.takes(forged(body(change(NUMBER, messages=[message])), NUMBER, second=n))
        assert [d.kind for d in decisions(said)] == ["quarantined"]
