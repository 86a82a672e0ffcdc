"""Sheets of pictures: one page at three sizes, side by side, small enough for the docs."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

SCALE = 0.65
"""Share of its size at which a window is shown; text stays readable."""
GAP, BACKGROUND = 16, (118, 125, 136)
COLOURS = 64
"""Colours of a sheet: a page has a dozen, and edges of letters the rest."""


def make_sheet(pictures: Sequence[bytes]) -> Image.Image:
    """Return one picture of several, each a PNG, with their tops on one line. Pure."""
    opened = [_smaller(Image.open(io.BytesIO(each)).convert("RGB")) for each in pictures]
    width = sum(each.width for each in opened) + GAP * (len(opened) + 1)
    height = max(each.height for each in opened) + GAP * 2
    sheet, left = Image.new("RGB", (width, height), BACKGROUND), GAP
    for each in opened:
        sheet.paste(each, (left, GAP))
        left += each.width + GAP
    return sheet.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)


def _smaller(picture: Image.Image) -> Image.Image:
    size = round(picture.width * SCALE), round(picture.height * SCALE)
    return picture.resize(size, Image.Resampling.LANCZOS)


def save_sheet(folder: Path, name: str, pictures: Sequence[bytes]) -> None:
    make_sheet(pictures).save(folder / f"{name}.png", optimize=True)
