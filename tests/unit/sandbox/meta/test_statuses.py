from random import Random

from sandbox.meta import graph_errors, status_timing
from sandbox.meta.graph_errors import MAGIC, NORMAL
from sandbox.meta.rate_limits import PAIRS_KEPT, RateLimits
from sandbox.meta.webhook_sender import RETRY_SECONDS, retry_delay

SECONDS = (0.2, 2.0)


def test_statuses_come_late_and_within_their_bounds() -> None:
    plan = status_timing.plan_statuses(NORMAL, Random(1), SECONDS)
    assert sorted(name for _, name in plan) == ["delivered", "sent"]
    assert all(0.2 <= seconds <= 2.0 for seconds, _ in plan)
    assert plan == sorted(plan, key=lambda one: one[0])


def test_now_and_then_delivered_overtakes_sent() -> None:
    chance = Random(1)
    first = [status_timing.plan_statuses(NORMAL, chance, SECONDS)[0][1] for _ in range(1000)]
    assert 50 < first.count("delivered") < 200


def test_the_same_seed_gives_the_same_plan() -> None:
    assert status_timing.plan_statuses(NORMAL, Random(7), SECONDS) == status_timing.plan_statuses(
        NORMAL, Random(7), SECONDS
    )


def test_every_magic_number_refers_to_an_error_that_exists() -> None:
    for behaviour in MAGIC.values():
        assert not behaviour.code or behaviour.code in graph_errors.ERRORS
        assert not behaviour.late_code or behaviour.late_code in graph_errors.ERRORS
        assert ("failed" in behaviour.statuses) == bool(behaviour.late_code)


def test_a_magic_number_looks_like_a_dutch_mobile_number_and_tells_its_code() -> None:
    assert all(len(number) == 11 and number.startswith("316") for number in MAGIC)
    assert MAGIC["31600131047"].code == 131047


def test_the_error_body_is_what_meta_documents() -> None:
    body = graph_errors.error_body(graph_errors.ERRORS[131047], trace="A1")
    assert body == {
        "error": {
            "message": "(#131047) Re-engagement message",
            "type": "OAuthException",
            "code": 131047,
            "error_data": {
                "messaging_product": "whatsapp",
                "details": "The 24 hours since their last are over.",
            },
            "fbtrace_id": "A1",
        }
    }


def test_a_number_may_send_80_a_second_and_then_again_after_a_while() -> None:
    limits = RateLimits()
    codes = [limits.refusal_code("n", f"citizen {i}", 0.0) for i in range(81)]
    assert codes == [0] * 80 + [130429]
    assert limits.refusal_code("n", "another", 1.0) == 0
    assert limits.refusal_code("m", "another", 0.0) == 0


def test_a_citizen_gets_45_at_once_and_then_one_in_six_seconds() -> None:
    limits = RateLimits()
    codes = [limits.refusal_code("n", "citizen", 0.0) for _ in range(46)]
    assert codes == [0] * 45 + [131056]
    assert limits.refusal_code("n", "citizen", 5.9) == 131056
    assert limits.refusal_code("n", "citizen", 6.1) == 0


def test_citizens_longest_not_written_to_are_forgotten() -> None:
    limits = RateLimits()
    for i in range(PAIRS_KEPT + 50):
        limits.refusal_code("n", str(i), i / 10)
    assert len(limits._pairs) == PAIRS_KEPT


def test_meta_waits_longer_every_time_up_to_a_bound() -> None:
    waits = [retry_delay(attempt) for attempt in range(1, 20)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (RETRY_SECONDS[0], RETRY_SECONDS[-1])
