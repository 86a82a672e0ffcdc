"""The webhooks of a trip: new and known citizens, each message once."""

from collections import Counter
from pathlib import Path

from bench.open_loop import request
from bench.trip.crm import NUMBER
from bench.trip.load import Phase, moments_of
from bench.trip.workload import BLOCK, PER_CITIZEN, Workload, citizen_of
from bench.workloads.webhooks import is_signed
from services.whatsapp.parser import parse


def test_citizens_are_new_one_time_in_four_and_come_back_three_times() -> None:
    blocks = 4
    count = BLOCK + blocks * BLOCK * PER_CITIZEN
    citizens = Counter(citizen_of(n) for n in range(count))
    assert sorted(citizens) == list(range((blocks + 1) * BLOCK))
    assert {citizens[n] for n in range(blocks * BLOCK)} == {PER_CITIZEN}
    assert {citizens[n] for n in range(blocks * BLOCK, (blocks + 1) * BLOCK)} == {1}


def test_two_messages_of_a_citizen_are_more_than_a_thousand_apart() -> None:
    last: dict[int, int] = {}
    for n in range(20 * BLOCK):
        citizen = citizen_of(n)
        if citizen in last:
            assert n - last[citizen] > BLOCK, n
        last[citizen] = n


def test_webhooks_are_signed_and_no_message_is_made_twice(tmp_path: Path) -> None:
    workload, path = Workload(), tmp_path / "webhooks"
    numbers = list[int]()
    for first in (0, 30):
        assert workload.write(path, 30) == first
        for line in path.read_bytes().splitlines():
            signature, _, body = line.partition(b"\t")
            assert is_signed(body, signature.decode())
            assert request(line).endswith(body)
            (item,) = parse(body)
            found = NUMBER.search(item.raw)
            assert found
            numbers.append(int(found[1]))
    assert numbers == list(range(60))


def test_phases_follow_one_another_with_their_own_rates() -> None:
    moments = moments_of([Phase(10.0, 20.0), Phase(100.0, 10.0)])
    assert moments == sorted(moments)
    early = sum(moment < 20 for moment in moments)
    assert 150 < early < 250
    assert 900 < len(moments) - early < 1100
    assert moments[-1] < 30
