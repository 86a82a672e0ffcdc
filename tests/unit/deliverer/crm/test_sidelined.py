"""Sidelined conversations are known before, while and after they are stored, by any process."""

from deliverer.crm.lanes import Job
from deliverer.crm.sidelined import Sidelined, SidelinedDelivery
from tests.support.deliverer.delivery_jobs import delivery


def job(n: int) -> Job:
    return Job(delivery(n, "a"), None, failures=int(n == 1))


WAITING = [SidelinedDelivery(delivery(n, "a"), int(n == 1)) for n in (1, 2)]


def scan(standing: Sidelined, *stored: SidelinedDelivery) -> list[int]:
    """Numbers of the deliveries that come in hand, of those `stored`."""
    asked = standing.start_scan()
    standing.update({each.delivery.conversation for each in stored})
    room = standing.room()
    jobs = standing.receive(stored if asked and room > 0 else [])
    assert all(job.is_sidelined for job in jobs)
    return [job.delivery.sequence for job in jobs]


def test_nothing_is_taken_before_the_first_of_its_conversation_is_stored() -> None:
    standing = Sidelined()
    first, second = [job(1)], [job(2)]
    standing.start_storing(first)
    assert "a" in standing
    standing.start_storing(second)
    standing.end_storing(second)
    assert scan(standing, WAITING[1]) == [] and "a" in standing
    standing.end_storing(first)
    assert scan(standing, *WAITING) == [1, 2]


def test_a_conversation_is_found_that_a_process_stored_while_it_died() -> None:
    standing = Sidelined()
    standing.update(set())
    assert len(standing) == 0
    scan(standing, *WAITING)
    assert "a" in standing
    assert scan(standing, *WAITING) == [1, 2]
    assert scan(standing, *WAITING) == [], "they are in hand"


def test_a_conversation_added_during_a_scan_stays_until_the_next_one() -> None:
    standing = Sidelined()
    standing.start_scan()
    standing.add({"a"})
    standing.update(set())
    assert "a" in standing
    scan(standing)
    assert "a" not in standing


def test_one_sidelined_conversation_is_tried_while_the_destination_fails() -> None:
    standing = Sidelined()
    standing.update({"a"})
    assert standing.room(only_one=True) == 1
    standing.receive(WAITING)
    assert standing.room(only_one=True) == 0 and standing.room() > 0


def test_the_last_in_hand_asks_for_more() -> None:
    standing = Sidelined()
    first, second = standing.receive(WAITING)
    assert not standing.release(first, settled=True)
    assert standing.release(second, settled=True)
    assert not standing.release(job(3), settled=True), "it did not come from the table"
