"""A map of the Netherlands with a dot, as SVG: it needs no server, and tells none which place
somebody looks at. Pure."""

import math

import msgspec

from archiver.transcript.place import SOUTH_NORTH, WEST_EAST, is_near
from archiver.transcript.transcript import Place
from services.package_data import load_table

Ring = tuple[tuple[float, float], ...]


class _Outline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rings of points, longitude before latitude."""

    land: tuple[Ring, ...]
    water: tuple[Ring, ...]


OUTLINE = load_table("archiver.transcript", "netherlands.toml", _Outline)
HEIGHT = 360.0
"""Units of the drawing from south to north."""
NARROWING = math.cos(math.radians(sum(SOUTH_NORTH) / 2))
"""Length of a degree of longitude here, in degrees of latitude."""
SCALE = HEIGHT / (SOUTH_NORTH[1] - SOUTH_NORTH[0])
WIDTH = round((WEST_EAST[1] - WEST_EAST[0]) * NARROWING * SCALE)


def _project(longitude: float, latitude: float) -> tuple[float, float]:
    return (longitude - WEST_EAST[0]) * NARROWING * SCALE, (SOUTH_NORTH[1] - latitude) * SCALE


def _path(rings: tuple[Ring, ...]) -> str:
    def point(at: tuple[float, float]) -> str:
        return "{:.1f} {:.1f}".format(*_project(*at))

    return "".join("M" + "L".join(map(point, ring)) + "Z" for ring in rings)


LAND, WATER = _path(OUTLINE.land), _path(OUTLINE.water)


def draw_map(place: Place) -> str:
    """Return the drawing; '' for a place that is not on it."""
    if not is_near(place):
        return ""
    x, y = _project(place.longitude, place.latitude)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT:.0f}">'
        f'<rect width="{WIDTH}" height="{HEIGHT:.0f}" fill="#dce9f2"/>'
        f'<path d="{LAND}" fill="#f7f4ea" stroke="#6b7680" stroke-width="1"/>'
        f'<path d="{WATER}" fill="#dce9f2" stroke="#6b7680" stroke-width="0.6"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="13" fill="#b3123a" fill-opacity="0.22"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5" fill="#b3123a" stroke="#ffffff"'
        ' stroke-width="1.5"/></svg>'
    )
