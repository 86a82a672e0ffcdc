"""A place in words and on a map."""

import re

import pytest

from archiver.transcript.dot_map import HEIGHT, OUTLINE, WIDTH, draw_map
from archiver.transcript.place import format_rd, format_wgs84, rd_metres
from archiver.transcript.transcript import Place


@pytest.mark.parametrize(
    ("degrees", "metres"),
    [
        # The examples of the publication, and the origin.
        ((52.15517440, 5.38720621), (155_000, 463_000)),
        ((52.37453253, 4.88352559), (120_700.723, 487_525.501)),
        ((53.21938317, 6.56820053), (233_883.131, 582_065.167)),
    ],
)
def test_metres_of_rd_are_those_of_the_publication(
    degrees: tuple[float, float], metres: tuple[float, float]
) -> None:
    assert rd_metres(*degrees) == pytest.approx(metres, abs=1)


@pytest.mark.parametrize(
    ("place", "wgs84", "rd"),
    [
        (Place(52.3574, 6.6661), "52,35740° noorderbreedte, 6,66610° oosterlengte",
         "x 242120 m, y 486269 m"),
        (Place(-33.9, -18.4), "33,90000° zuiderbreedte, 18,40000° westerlengte", ""),
        (Place(48.85, 2.35), "48,85000° noorderbreedte, 2,35000° oosterlengte", ""),
    ],
)  # fmt: skip
def test_place_in_words_has_rd_where_that_holds(place: Place, wgs84: str, rd: str) -> None:
    assert (format_wgs84(place), format_rd(place)) == (wgs84, rd)
    assert bool(draw_map(place)) == bool(rd)


@pytest.mark.parametrize(
    ("place", "at"),
    [
        (Place(52.9579, 4.7606), (0.38, 0.23)),  # Den Helder
        (Place(50.8514, 5.6910), (0.60, 0.95)),  # Maastricht
        (Place(53.2194, 6.5665), (0.82, 0.15)),  # Groningen
    ],
)
def test_dot_is_where_the_place_is_in_the_country(place: Place, at: tuple[float, float]) -> None:
    found = re.search(r'cx="([0-9.]+)" cy="([0-9.]+)"', draw_map(place))
    assert found
    x, y = map(float, found.groups())
    assert (x / WIDTH, y / HEIGHT) == pytest.approx(at, abs=0.02)
    assert _is_within(place)


def _is_within(place: Place) -> bool:
    """Return True if a ring of the land goes around the place, or passes within 3 km of it."""
    return any(
        _crossings(ring, place.longitude + shift, place.latitude) % 2
        for ring in OUTLINE.land
        for shift in (-0.04, 0, 0.04)
    )


def _crossings(ring: tuple[tuple[float, float], ...], x: float, y: float) -> int:
    sides = zip(ring, ring[1:] + ring[:1], strict=True)
    return sum(
        (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay)
        for (ax, ay), (bx, by) in sides
    )
