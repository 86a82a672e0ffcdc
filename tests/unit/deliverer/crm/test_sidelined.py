"""Sidelined conversations are known before, while and after they are stored, by any process."""

from deliverer.crm.lanes import Job
from deliverer.crm.sidelined import Sidelined, SidelinedDelivery
from tests.support.deliverer.delivery_jobs import delivery


def job(n: int) -> Job:
    return Job(delivery(n, "a"), None, failures=int(n == 1))


WAITING = [SidelinedDelivery(delivery(n, "a"), int(n == 1)) for n in (1, 2)]


def scan(sidelined: Sidelined, *stored: SidelinedDelivery) -> list[int]:
    """Numbers of the deliveries that come in hand, of those `stored`."""
    asked = sidelined.start_scan()
    sidelined.update({each.delivery.conversation for each in stored})
    room = sidelined.room()
    jobs = sidelined.receive(stored if asked and room > 0 else [])
    assert all(job.is_sidelined for job in jobs)
    return [job.delivery.sequence for job in jobs]


def test_delivery_waits_until_the_first_of_its_conversation_is_stored() -> None:
    sidelined = Sidelined()
    first, second = [job(1)], [job(2)]
    sidelined.start_storing(first)
    assert "a" in sidelined
    sidelined.start_storing(second)
    sidelined.end_storing(second)
    assert scan(sidelined, WAITING[1]) == [] and "a" in sidelined
    sidelined.end_storing(first)
    assert scan(sidelined, *WAITING) == [1, 2]


def test_conversation_that_a_dying_process_stored_is_found() -> None:
    sidelined = Sidelined()
    sidelined.update(set())
    assert len(sidelined) == 0
    scan(sidelined, *WAITING)
    assert "a" in sidelined
    assert scan(sidelined, *WAITING) == [1, 2]
    assert scan(sidelined, *WAITING) == [], "they are in hand"


def test_conversation_added_during_a_scan_stays_until_the_next_one() -> None:
    sidelined = Sidelined()
    sidelined.start_scan()
    sidelined.add({"a"})
    sidelined.update(set())
    assert "a" in sidelined
    scan(sidelined)
    assert "a" not in sidelined


def test_one_sidelined_conversation_is_tried_while_the_destination_fails() -> None:
    sidelined = Sidelined()
    sidelined.update({"a"})
    assert sidelined.room(only_one=True) == 1
    sidelined.receive(WAITING)
    assert sidelined.room(only_one=True) == 0 and sidelined.room() > 0


def test_last_sidelined_delivery_in_hand_asks_for_more() -> None:
    sidelined = Sidelined()
    first, second = sidelined.receive(WAITING)
    assert not sidelined.release(first, settled=True)
    assert sidelined.release(second, settled=True)
    assert not sidelined.release(job(3), settled=True), "it did not come from the table"
