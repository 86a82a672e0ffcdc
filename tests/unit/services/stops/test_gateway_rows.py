"""A stop is seen once every gateway that lives refuses all of its numbers."""

import pytest

from gateway.intake import CONFIRM_SECONDS
from gateway.stops import BEAT_SECONDS
from services.stops.gateway_rows import GONE_SECONDS, GatewayRow, still_open

NUMBERS = ["1", "2"]


@pytest.mark.parametrize(
    ("refuses", "silent", "is_open"),
    [
        (["1", "2"], 0.0, False),
        (["1", "2", "3"], 0.0, False),
        (["1"], 0.0, True),
        (["3"], 0.0, True),
        ([], GONE_SECONDS, True),
        ([], GONE_SECONDS + 0.1, False),
    ],
    ids=["both", "more", "one", "another", "just heard of", "gone"],
)
def test_gateway_is_open_while_it_lives_and_does_not_refuse_all(
    refuses: list[str], silent: float, is_open: bool
) -> None:
    others = [GatewayRow("a/1", NUMBERS, 1.0), GatewayRow("c/3", NUMBERS, 1.0)]
    rows = [others[0], GatewayRow("b/2", refuses, silent), others[1]]
    assert still_open(rows, NUMBERS) == ["b/2"] * is_open


def test_without_a_gateway_or_a_number_nothing_is_open() -> None:
    assert still_open([], NUMBERS) == still_open([GatewayRow("a/1", [], 0.0)], []) == []


def test_webhook_that_was_let_in_has_its_answer_within_a_beat() -> None:
    """A gateway tells at a beat what it has refused since the one before."""
    assert CONFIRM_SECONDS < BEAT_SECONDS
