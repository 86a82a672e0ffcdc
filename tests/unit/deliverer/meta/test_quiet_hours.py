"""Business-initiated messages go while consent holds, outside the quiet hours of the tenant."""

from datetime import UTC, datetime

from deliverer.meta.accounts import sending_accounts
from deliverer.meta.graph_api import Failed, RetryLater
from deliverer.meta.quiet_hours import business_initiated_refusal, quiet_hours_by_number
from services.calendar.quiet_hours import parse_quiet_hours
from tests.support.deliverer.configuration import NUMBER, configuration

EVENING = datetime(2026, 11, 26, 20, 30, tzinfo=UTC)  # half past nine in Amsterdam
MORNING = datetime(2026, 11, 27, 7, tzinfo=UTC)
NIGHT = parse_quiet_hours("21:00-08:00")
WAITS = "night_rest: wacht tot 8:00 uur"
TENANTS = {"almelo": {}, "borne": {"night": ""}, "delden": {"night": "22:15-06:30"}}


def test_number_rests_in_the_quiet_hours_of_its_own_municipality() -> None:
    config = configuration(
        tenants=[{"id": id, "name": id} | night for id, night in TENANTS.items()],
        numbers=[NUMBER | {"id": f"{n}0000001", "tenant": id} for n, id in enumerate(TENANTS, 1)],
    )
    found = sending_accounts(config, "https://graph.example", "token", {})
    assert quiet_hours_by_number(found, EVENING) == {"10000001": (MORNING, WAITS)}
    late = datetime(2026, 11, 26, 21, 15, tzinfo=UTC)
    early = datetime(2026, 11, 27, 5, 30, tzinfo=UTC)
    asleep = quiet_hours_by_number(found, late)
    assert asleep["30000001"] == (early, "night_rest: wacht tot 6:30 uur")
    assert asleep.keys() == {"10000001", "30000001"}
    assert quiet_hours_by_number(found, early).keys() == {"10000001"}
    assert quiet_hours_by_number(found, MORNING) == {}


def test_business_initiated_message_claimed_before_the_night_waits() -> None:
    assert business_initiated_refusal(True, NIGHT, EVENING) == RetryLater(10.5 * 3600, 0, WAITS)
    assert business_initiated_refusal(True, NIGHT, MORNING) is None
    assert business_initiated_refusal(True, None, EVENING) is None


def test_message_without_consent_fails_at_any_hour() -> None:
    for at in (EVENING, MORNING):
        verdict = business_initiated_refusal(False, NIGHT, at)
        assert isinstance(verdict, Failed)
        assert verdict.reason.startswith("consent_missing: ")
