"""Connections that each kind of destination reuses, and its requests that may be made twice."""

import pytest

from deliverer.destinations import cloudevents_receiver
from deliverer.destinations.openklant import destination as openklant
from services.config.organisation import CloudEventsDestination, OpenKlantDestination

COMMON = {"id": "crm", "url": "https://crm.example/events", "secret": "env:CRM_SECRET"}


@pytest.mark.parametrize(("given", "seconds"), [({}, 1.5), ({"keep_alive_seconds": 0}, 0)])
def test_events_are_repeated_because_a_crm_knows_them_by_their_id(
    given: dict[str, float], seconds: float
) -> None:
    destination = CloudEventsDestination.model_validate(COMMON | {"kind": "cloudevents"} | given)
    reuse = cloudevents_receiver.connection_reuse(destination)
    assert (reuse.idle_seconds, reuse.repeatable, reuse.unpooled) == (seconds, {"POST"}, set())


@pytest.mark.parametrize(("given", "seconds"), [({}, 1.5), ({"keep_alive_seconds": 9}, 9)])
def test_post_to_an_open_klant_shares_no_connection(
    given: dict[str, float], seconds: float
) -> None:
    destination = OpenKlantDestination.model_validate(COMMON | {"kind": "openklant"} | given)
    reuse = openklant.connection_reuse(destination)
    assert reuse.idle_seconds == seconds
    assert (reuse.repeatable, reuse.unpooled) == ({"GET", "PATCH", "DELETE"}, {"POST"})
