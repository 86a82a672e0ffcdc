"""Pictures of the findings as SVG: text in, text out. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple

from bench.trip.findings import ENDS, Findings, Soak
from bench.trip.histogram import PER_DECADE, Latency
from bench.trip.lag import Samples

WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 70, 170, 40, 50
"""Margins: room for the values, the legend, the title, and the words below."""
COLOURS = ("#1b5e9b", "#c0392b", "#2e7d32", "#8e44ad", "#b9770e", "#455a64", "#00838f", "#6d4c41")
TICKS = 5
"""Steps of an axis at most."""
POINTS = 600
"""Points of a line at most: there are no more pixels."""


class Scale(NamedTuple):
    """Lowest and highest value of an axis, and the pixels of both."""

    low: float
    high: float
    begin: float
    end: float

    def place(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.begin + share * (self.end - self.begin)


Points = Sequence[tuple[float, float]]


def draw_pictures(findings: Findings) -> dict[str, str]:
    """Return the pictures that can be made: name of the file -> SVG."""
    found = {}
    for end in ENDS:
        latencies = {
            f"{each.share:.0%}: {each.rate:,.0f}/s": each.ends[end]
            for each in findings.latencies
            if end in each.ends
        }
        if latencies:
            found[f"latency-{end.lower()}.svg"] = draw_latencies(
                f"From due to {end}, at shares of the held rate", latencies
            )
    if findings.soak:
        found |= _draw_soak(findings.soak)
    return found


def draw_latencies(title: str, latencies: Mapping[str, Latency]) -> str:
    """Return the percentage of messages in each bucket, on a logarithmic scale of time."""
    lines = {name: _outline(each) for name, each in latencies.items() if each.count}
    powers = [x for points in lines.values() for x, _ in points] or [0.0]
    ticks = range(math.floor(min(powers)), math.ceil(max(powers)) + 1)
    across = {float(power): f"{10.0**power:g}" for power in ticks}
    return _draw(title, ("ms", "% of the messages"), lines, across)


def draw_samples(title: str, unit: str, samples: Mapping[str, Samples]) -> str:
    """Return values over time."""
    first = min((each.moments[0] for each in samples.values() if each.moments), default=0.0)
    lines = {
        name: _thin([(at - first, v) for at, v in zip(*each, strict=True)])
        for name, each in samples.items()
    }
    end = max((points[-1][0] for points in lines.values() if points), default=1.0)
    across = {value: f"{value:,.6g}" for value in round_values(end)}
    return _draw(title, ("seconds", unit), lines, across)


def _outline(latency: Latency) -> Points:
    """Return the upper edge of the buckets, from zero to zero."""
    points, end = list[tuple[float, float]](), 0.0
    for bucket in latency.buckets:
        end, share = math.log10(bucket.below), bucket.messages / latency.count * 100
        points += [(end - 1 / PER_DECADE, share), (end, share)]
    return [(points[0][0], 0.0), *points, (end, 0.0)]


def round_values(highest: float) -> list[float]:
    """Return round values from 0 on, of which the last is not below the highest."""
    power = 10.0 ** math.floor(math.log10(highest / TICKS))
    step = next(power * times for times in (1, 2, 5, 10) if power * times * TICKS >= highest)
    return [step * n for n in range(math.ceil(highest / step) + 1)]


def _draw_soak(soak: Soak) -> dict[str, str]:
    about = f"{soak.rate:,.0f} messages/s for {soak.seconds:,.0f} s"
    return {
        "soak-memory.svg": draw_samples(f"Memory, {about}", "MiB", soak.memory),
        "soak-lag.svg": draw_samples(f"Lag, {about}", "messages", soak.lags),
    }


def _thin(points: Points) -> Points:
    step = max(1, math.ceil(len(points) / POINTS))
    return points[::step]


def _draw(
    title: str, words: tuple[str, str], lines: Mapping[str, Points], across: Mapping[float, str]
) -> str:
    """Return a chart of lines. `words`: below and beside it; `across`: ticks and their text."""
    highest = max((y for points in lines.values() for _, y in points), default=0.0) or 1.0
    horizontal = Scale(min(across), max(across), LEFT, WIDTH - RIGHT)
    up = round_values(highest)
    vertical = Scale(0.0, up[-1], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, TOP - 18, title, "start"),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, words[0], "middle"),
        _text(LEFT, TOP - 4, words[1], "start"),
        *_grid(horizontal, vertical, across, up),
        *_lines(horizontal, vertical, lines),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _grid(
    horizontal: Scale, vertical: Scale, across: Mapping[float, str], up: Sequence[float]
) -> Iterator[str]:
    for value, words in across.items():
        x = horizontal.place(value)
        yield f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#dddddd"/>'
        yield _text(x, HEIGHT - BOTTOM + 16, words, "middle")
    for value in up:
        y = vertical.place(value)
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>'
        yield _text(LEFT - 6, y + 4, f"{value:,.6g}", "end")


def _lines(horizontal: Scale, vertical: Scale, lines: Mapping[str, Points]) -> Iterator[str]:
    for n, (name, points) in enumerate(lines.items()):
        colour = COLOURS[n % len(COLOURS)]
        path = " ".join(f"{horizontal.place(x):.1f},{vertical.place(y):.1f}" for x, y in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        y = TOP + 16 * n
        x = WIDTH - RIGHT + 12
        yield f'<path d="M{x} {y}h16" stroke="{colour}" stroke-width="2"/>'
        yield _text(x + 22, y + 4, name, "start")


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
