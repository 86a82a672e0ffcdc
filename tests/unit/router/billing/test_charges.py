"""Charges of messages: the same in the end, in whatever order and how often Meta reports them."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.billing.charges import Charge, apply_pricing, classify_charge
from router.model.changes import DecidedUnit
from router.partition import decision_metrics
from services import metrics
from services.config.pricing import Rate
from services.whatsapp.items import Status
from tests.support.router.harness import router_with_message
from tests.support.router.names import BORNE, NUMBER
from tests.support.router.webhooks import body, change, outcome, receipt, statuses

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
FREE = {"billable": False, "pricing_model": "PMP", "category": "service"}
FREE |= {"type": "free_customer_service"}
SERVICE = FREE | {"billable": True, "type": "regular"}
UTILITY = SERVICE | {"category": "utility"}
REGULAR: Any = {"category": "service", "type": "regular", "pricing_model": "PMP", "billable": True}
NEW = Charge(id=UUID(int=1), tenant="almelo", number="1", department="groen")
PRICES: list[dict[str, Any]] = [{}, FREE, SERVICE, UTILITY, {"billable": True}, {"category": 7}]
PRICES += [{"type": "free_entry_point", "category": "marketing"}, {"type": "een zin"}]


def status(word: str, pricing: dict[str, Any], minute: int = 0) -> Status:
    at = AT + timedelta(minutes=minute)
    return Status(raw=b"", id="wamid.x", status=word, at=at, pricing=pricing)


def charged(*said: Status, start: Charge = NEW) -> Charge:
    for each in said:
        assert each.at
        start = apply_pricing(start, each.status, each.pricing, each.at)
    return start


SAID = st.builds(
    status,
    st.sampled_from(["sent", "delivered", "read", "played", "failed", "deleted", ""]),
    st.sampled_from(PRICES),
    st.integers(-3, 3),
)


@given(st.lists(SAID, max_size=8), st.randoms(use_true_random=False))
def test_charge_is_the_same_for_any_order_and_repeats_of_statuses(
    said: list[Status], chance: Any
) -> None:
    again = [*said, *(each for each in said if chance.random() < 0.5)]
    chance.shuffle(again)
    assert charged(*again) == charged(*said)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_charge_is_the_same_for_any_order_of_price_and_delivery(
    order: tuple[int, ...],
) -> None:
    said = [status("sent", SERVICE), status("delivered", {}, 2), status("read", {}, 5)]
    later = AT + timedelta(minutes=2)
    expected = msgspec.structs.replace(NEW, **REGULAR, said_by="sent", delivered_at=later)
    assert charged(*(said[n] for n in order)) == expected


def test_delivered_status_decides_the_charge_over_a_sent_status() -> None:
    said = [status("sent", SERVICE), status("delivered", FREE)]
    for order in permutations(said):
        assert (charged(*order).type, charged(*order).said_by) == (FREE["type"], "delivered")
    assert charged(status("delivered", {"pricing_model": "PMP"}), said[0]).type == "regular"


@pytest.mark.parametrize(
    ("words", "delivered"),
    [("sent", 0), ("sent failed", 0), ("failed", 0), ("", 0)]
    + [(word, 1) for word in ("delivered", "read", "played")],
)
def test_only_a_delivered_message_that_is_not_free_is_charged(words: str, delivered: bool) -> None:
    for pricing, costs in ((UTILITY, True), (FREE, False), ({}, False)):
        found = charged(*(status(word, pricing) for word in words.split()))
        assert (found.delivered_at is not None, found.is_charged) == (
            delivered,
            delivered and costs,
        )


@pytest.mark.parametrize(
    ("type", "billable", "expected"),
    [
        ("regular", True, "charged"),
        ("regular", False, "charged"),
        ("regular", None, "charged"),
        ("something_new", None, "charged"),
        ("free_customer_service", True, "free"),
        ("free_entry_point", None, "free"),
        ("free_group_customer_service", None, "free"),
        ("", True, "charged"),
        ("", False, "free"),
        ("", None, "unknown"),
    ],
)
def test_type_of_meta_decides_what_is_free(type: str, billable: bool | None, expected: str) -> None:
    assert classify_charge(type, billable) == expected


# What the router makes of it.


def said(word: str, message: UUID, pricing: Any, at: int = 1795600001) -> dict[str, Any]:
    opaque = {"biz_opaque_callback_data": f"{message}.1"}
    return {"id": "wamid.o", "status": word, "timestamp": str(at), "pricing": pricing} | opaque


def test_message_is_charged_to_the_department_that_sent_it() -> None:
    router, message = router_with_message()
    router.takes(statuses(said("sent", message, SERVICE), second=1))
    assert router.charges[message].delivered_at is None
    router.takes(statuses(said("delivered", message, SERVICE), second=2))
    delivered_at = datetime.fromtimestamp(1795600001, UTC)
    sender = {"tenant": "almelo", "number": NUMBER, "department": "klantcontact"}
    assert router.charges[message] == Charge(
        id=message, **sender, **REGULAR, said_by="delivered", delivered_at=delivered_at
    )


def counted(said: list[DecidedUnit]) -> list[tuple[UUID, bool]]:
    return [(c.charge.id, c.is_newly_charged) for _, _, c in said if c.charge]


def test_message_is_newly_charged_once() -> None:
    router, message = router_with_message()
    bodies = [
        statuses(said("sent", message, UTILITY), second=1),
        statuses(said("delivered", message, UTILITY), second=2),
        statuses(said("delivered", message, UTILITY), second=3),
        statuses(said("read", message, {}), second=4),
    ]
    seen = [counted(router.takes(each)) for each in bodies]
    assert seen == [[(message, False)], [(message, True)], [], []]
    assert [counted(router.takes(each)) for each in bodies] == [[], [], [], []]


def test_charged_message_with_a_better_status_is_not_newly_charged() -> None:
    router, message = router_with_message()
    read = statuses(said("read", message, UTILITY, at=1795600100), second=1)
    assert counted(router.takes(read)) == [(message, True)]
    delivered = statuses(said("delivered", message, UTILITY), second=2)
    assert counted(router.takes(delivered)) == [(message, False)]
    assert router.charges[message].delivered_at == datetime.fromtimestamp(1795600001, UTC)


def test_charge_counts_the_statuses_of_one_batch_together() -> None:
    router, message = router_with_message()
    both = statuses(said("delivered", message, {}), said("sent", message, UTILITY), second=1)
    assert counted(router.takes(both)) == [(message, False), (message, True)]


@pytest.mark.parametrize("pricing", [None, "x", [], {"category": "\u0000", "type": ["x"]}])
def test_invalid_price_leaves_the_message_delivered(pricing: Any) -> None:
    router, message = router_with_message()
    router.takes(statuses(said("delivered", message, pricing), second=1))
    found = router.charges[message]
    assert found.delivered_at is not None
    assert (found.category, found.type, found.billable, found.is_charged) == ("", "", None, False)


def test_message_of_another_number_is_not_charged() -> None:
    router, message = router_with_message()
    router.takes(
        statuses(said("delivered", UUID(int=7), UTILITY), second=1),
        receipt(body(change(BORNE, statuses=[said("delivered", message, UTILITY)])), second=2),
        outcome(message, "sent", wamid="wamid.o", second=3),
    )
    assert router.charges == {}


RATES = [
    Rate.model_validate({"from": "2026-10-01", "amounts": {"utility": "0.05"}}),
    Rate.model_validate({"from": "2027-01-01", "amounts": {"utility": "0.07"}}),
]
DECEMBER_31, JANUARY_1 = 1798757999, 1798758000
"""Either side of midnight in Amsterdam."""


def metric(name: str, category: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, {"category": category}) or 0


@pytest.mark.parametrize(("at", "cost"), [(DECEMBER_31, 0.05), (JANUARY_1, 0.07)])
def test_charged_message_is_counted_with_its_cost_at_that_time(at: int, cost: float) -> None:
    names = ("postkamer_messages_charged_total", "postkamer_message_cost_total")
    before = [metric(name, "utility") for name in names]
    router, message = router_with_message()
    for n, word in enumerate(["delivered", "read", "sent"]):
        decision_metrics.count_charges(
            router.takes(statuses(said(word, message, UTILITY, at), second=n + 1)), RATES
        )
    more = [metric(name, "utility") - was for name, was in zip(names, before, strict=True)]
    assert more == pytest.approx([1, cost])


def test_charge_of_an_unknown_category_is_counted_without_cost() -> None:
    before = metric("postkamer_messages_charged_total", "other")
    router, message = router_with_message()
    new = UTILITY | {"category": "brand_new"}
    decision_metrics.count_charges(
        router.takes(statuses(said("delivered", message, new), second=1)), RATES
    )
    assert metric("postkamer_messages_charged_total", "other") == before + 1
    assert metric("postkamer_message_cost_total", "other") == 0
