"""A place in words: degrees of WGS84, and metres of the Rijksdriehoeksstelsel (RD). Pure.

RD is by the polynomials of Schreutelkamp and Strang van Hees, "Benaderingsformules voor de
transformatie tussen RD- en WGS84-kaartcoordinaten" (NGT Geodesia, February 2001): within a metre
in the Netherlands.
"""

from archiver.transcript.transcript import Place

ORIGIN = 52.15517440, 5.38720621
"""Amersfoort, in degrees: where RD is EAST, NORTH."""
EAST, NORTH = 155_000, 463_000
SCALE = 0.36
"""The polynomials are in units of 10,000 seconds of arc."""
EASTING = {
    (0, 1): 190094.945, (1, 1): -11832.228, (2, 1): -114.221, (0, 3): -32.391, (1, 0): -0.705,
    (3, 1): -2.340, (1, 3): -0.608, (0, 2): -0.008, (2, 3): 0.148,
}  # fmt: skip
"""Powers of latitude and longitude -> coefficient, in metres."""
NORTHING = {
    (1, 0): 309056.544, (0, 2): 3638.893, (2, 0): 73.077, (1, 2): -157.984, (3, 0): 59.788,
    (0, 1): 0.433, (2, 2): -6.439, (1, 1): -0.032, (0, 4): 0.092, (1, 4): -0.054,
}  # fmt: skip
WEST_EAST, SOUTH_NORTH = (3.2, 7.3), (50.7, 53.65)
"""Degrees within which RD holds, and that the map shows."""


def is_near(place: Place) -> bool:
    """Return True for a place on the map: in the Netherlands in Europe, or just beside it."""
    (west, east), (south, north) = WEST_EAST, SOUTH_NORTH
    return west <= place.longitude <= east and south <= place.latitude <= north


def rd_metres(latitude: float, longitude: float) -> tuple[int, int]:
    """Return easting and northing in RD, to a metre."""
    phi, lam = SCALE * (latitude - ORIGIN[0]), SCALE * (longitude - ORIGIN[1])
    x, y = (
        sum(factor * phi**p * lam**q for (p, q), factor in table.items())
        for table in (EASTING, NORTHING)
    )
    return round(EAST + x), round(NORTH + y)


def format_wgs84(place: Place) -> str:
    """Write the degrees of a place, north or south first."""
    north = "noorderbreedte" if place.latitude >= 0 else "zuiderbreedte"
    east = "oosterlengte" if place.longitude >= 0 else "westerlengte"
    return f"{_degrees(place.latitude)} {north}, {_degrees(place.longitude)} {east}"


def _degrees(value: float) -> str:
    return f"{abs(value):.5f}\N{DEGREE SIGN}".replace(".", ",")


def format_rd(place: Place) -> str:
    """Write a place as `x 120701 m, y 487526 m`; '' where RD does not hold."""
    if not is_near(place):
        return ""
    x, y = rd_metres(place.latitude, place.longitude)
    return f"x {x} m, y {y} m"
