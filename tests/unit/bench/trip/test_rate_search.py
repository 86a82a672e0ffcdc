"""The search for the highest rate that is held."""

import pytest

from bench.trip.rate_search import CLOSE, START, Try, best, next_rate


def search(possible: float) -> list[Try]:
    """Search on a machine that holds every rate up to `possible`."""
    tries: list[Try] = []
    while rate := next_rate(tries):
        tries.append(Try(rate, rate <= possible))
        assert len(tries) < 20
    return tries


@pytest.mark.parametrize("possible", [60, 249, 250, 1_555, 2_500, 12_345])
def test_search_ends_just_below_the_highest_possible_rate(possible: float) -> None:
    found = best(search(possible))
    assert possible / CLOSE <= found <= possible


def test_search_doubles_until_a_rate_is_not_held_and_then_halves_the_gap() -> None:
    rates = [each.rate for each in search(1_100)]
    assert rates[:4] == [START, 2 * START, 4 * START, 8 * START]
    assert rates[4] == pytest.approx(START * 32**0.5)


def test_search_gives_up_where_nothing_is_held() -> None:
    assert best(search(0)) == 0.0


def test_rate_held_by_chance_above_one_that_was_not_does_not_count() -> None:
    assert best([Try(100, True), Try(200, False), Try(300, True)]) == 100
