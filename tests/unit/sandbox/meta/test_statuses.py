from random import Random

import pytest

from sandbox.meta import graph_errors, rate_limits, status_timing
from sandbox.meta.graph_errors import MAGIC, NORMAL
from sandbox.meta.rate_limits import RateLimits
from sandbox.meta.webhook_sender import RETRY_SECONDS, retry_delay


def test_statuses_are_late_within_bounds_and_sometimes_in_the_wrong_order() -> None:
    chance = Random(1)
    plans = [status_timing.plan_statuses(NORMAL, chance, (0.2, 2.0)) for _ in range(1000)]
    for plan in plans:
        assert sorted(name for _, name in plan) == ["delivered", "sent"]
        assert 0.2 <= plan[0][0] <= plan[1][0] <= 2.0
    assert 50 < [plan[0][1] for plan in plans].count("delivered") < 200
    assert plans[0] == status_timing.plan_statuses(NORMAL, Random(1), (0.2, 2.0))


def test_a_magic_number_is_a_dutch_mobile_number_with_an_error_that_exists() -> None:
    for number, behaviour in MAGIC.items():
        assert len(number) == 11 and number.startswith("316")
        assert {behaviour.code, behaviour.late_code} <= graph_errors.ERRORS.keys() | {0}
        assert ("failed" in behaviour.statuses) == bool(behaviour.late_code)
    assert MAGIC["31600131047"].code == 131047


def test_an_error_body_is_as_meta_documents_it() -> None:
    data = {
        "messaging_product": "whatsapp",
        "details": "The 24 hours since their last are over.",
    }
    assert graph_errors.error_body(graph_errors.ERRORS[131047], trace="A1") == {
        "error": {
            "message": "(#131047) Re-engagement message",
            "type": "OAuthException",
            "code": 131047,
            "error_data": data,
            "fbtrace_id": "A1",
        }
    }


def test_a_number_may_send_80_messages_a_second() -> None:
    limits = RateLimits()
    codes = [limits.refusal_code("n", f"citizen {i}", 0.0) for i in range(81)]
    assert codes == [0] * 80 + [130429]
    assert limits.refusal_code("n", "another", 1.0) == 0
    assert limits.refusal_code("m", "another", 0.0) == 0


def test_a_citizen_gets_45_messages_at_once_and_then_one_in_six_seconds() -> None:
    limits = RateLimits()
    codes = [limits.refusal_code("n", "citizen", 0.0) for _ in range(46)]
    assert codes == [0] * 45 + [131056]
    assert [limits.refusal_code("n", "citizen", at) for at in (5.9, 6.1)] == [131056, 0]


def test_the_citizens_longest_not_written_to_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "PAIRS_KEPT", 2)
    limits = RateLimits()
    for citizen in "abc":
        limits.refusal_code("n", citizen, 0.0)
    assert [citizen for _, citizen in limits._pairs] == ["b", "c"]


def test_a_webhook_is_repeated_after_longer_waits_up_to_a_bound() -> None:
    waits = [retry_delay(attempt) for attempt in range(1, 20)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (RETRY_SECONDS[0], RETRY_SECONDS[-1])
