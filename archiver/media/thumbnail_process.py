"""Program that makes one thumbnail: a picture on standard input, a JPEG on standard output.

Boxes of it are painted over where that is asked, before anything is encoded: nothing lies under
them.

A citizen's picture is hostile input for decoders written in C. So each is decoded in a process of
its own, which ends afterwards: it has none of our secrets, opens no file, starts no program, and is
bounded in memory and time. It exits with REFUSED if there is no thumbnail of these bytes. Only the
standard library and Pillow are imported, so that it starts quickly.
"""

import io
import os
import resource
import sys
from collections.abc import Sequence
from typing import Final

from PIL import Image, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, WebPImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2

LONGEST_SIDE: Final = 320
"""Pixels of the longest side of a thumbnail: it is shown at half of that on a phone."""
SIDES: Final = {"thumbnail": LONGEST_SIDE, "print": 1024}
"""Purpose -> pixels of the longest side. On paper it is 13 cm wide at 200 pixels an inch."""
QUALITY: Final = 75
"""Quality of the JPEG: 10 to 30 KB for a photo."""
FORMATS: Final = ("JPEG", "PNG", "WEBP")
PIXELS: Final = {
    "JPEG": 50_000_000,
    "MPO": 50_000_000,  # a JPEG with a second one behind it, which phones make
    "PNG": 4096 * 4096,
    "WEBP": 4096 * 4096,
}
"""Format -> most pixels. WhatsApp sends photos of at most 4,096 pixels a side. A photo that is sent
as a document may be larger; a JPEG is decoded at an eighth of its size."""
NEEDED: Final = (
    JpegImagePlugin, MpoImagePlugin, PngImagePlugin, WebPImagePlugin, ImageFileDirectory_v2,
)  # fmt: skip
"""Parts of Pillow that it would load when it needs them: then no file opens any more."""
MEMORY_BYTES: Final = 512 * 1024 * 1024
"""Address space: the largest WebP takes some 350 MiB."""
CPU_SECONDS: Final = 5
"""Time on a processor: the largest PNG takes a second. A second later the process is killed."""
OPEN_FILES: Final = 3
"""Standard input, output and error."""
NICENESS: Final = 10
"""Priority below all services, which have 0: messages go first."""
PICTURE_BYTES: Final = 16 * 1024 * 1024
"""Largest picture. WhatsApp's are at most 5 MB; as a document up to 100 MB, which is no photo."""
REFUSED: Final = 3
"""Exit status: there is no thumbnail of these bytes."""
WHOLE: Final = 1000
"""Sides of the upright picture, in the unit of boxes."""
ORIENTATION_TAG: Final = 0x0112
TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> turn that makes the picture upright."""


Box = tuple[int, int, int, int]
"""Left, top, width and height."""


class NoThumbnail(Exception):
    """The bytes are no picture of these formats, or a larger one."""


def make_thumbnail(
    picture: bytes, longest_side: int = LONGEST_SIDE, boxes: Sequence[Box] = ()
) -> bytes:
    """Return a small JPEG of a picture, of its first frame if it moves, without what the boxes are
    on. Nothing but its pixels goes along: no place, time, name or profile. Raises NoThumbnail, and
    what decoders raise."""
    Image.MAX_IMAGE_PIXELS = None  # ours are in PIXELS; Pillow's would only warn
    with Image.open(io.BytesIO(picture), formats=FORMATS) as image:
        if image.width * image.height > PIXELS.get(image.format or "", 0):
            raise NoThumbnail("it has too many pixels")
        turn = TURNS.get(_orientation(image))
        image.thumbnail((longest_side, longest_side), reducing_gap=2.0)
        upright = image.transpose(turn) if turn else image
        return _encode(_paint_over(_flatten(upright), boxes))


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ORIENTATION_TAG)
    except Exception:  # EXIF that cannot be read says nothing, and spoils no picture
        return 1
    return value if isinstance(value, int) else 1


def _flatten(image: Image.Image) -> Image.Image:
    """Return the pixels on white, in a new image that knows nothing of the old one."""
    pixels = image.convert("RGBA")
    flat = Image.new("RGB", pixels.size, "white")
    flat.paste(pixels, mask=pixels.getchannel("A"))
    return flat


def _paint_over(image: Image.Image, boxes: Sequence[Box]) -> Image.Image:
    """Paint the boxes black, each to the outer edge of the pixels that it touches."""
    for x, y, width, height in boxes:
        left, top = x * image.width // WHOLE, y * image.height // WHOLE
        right = -(-(x + width) * image.width // WHOLE)
        bottom = -(-(y + height) * image.height // WHOLE)
        image.paste("black", (left, top, right, bottom))
    return image


def _encode(image: Image.Image) -> bytes:
    output = io.BytesIO()
    image.save(output, "JPEG", quality=QUALITY)
    return output.getvalue()


def limit_process() -> None:
    """Bound what this process can do, for good."""
    Image.preinit()
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(limit, (value, value))


def run(purpose: str, *boxes: str) -> int:
    """Make the thumbnail of standard input, without its boxes: each is `x,y,width,height`. Return
    the exit status."""
    limit_process()
    picture = sys.stdin.buffer.read(PICTURE_BYTES + 1)
    if len(picture) > PICTURE_BYTES:
        return REFUSED
    try:
        painted = [_parse_box(each) for each in boxes]
        thumbnail = make_thumbnail(picture, SIDES[purpose], painted)
    except Exception:  # decoders raise nearly everything; a report would quote the picture
        return REFUSED
    sys.stdout.buffer.write(thumbnail)
    return 0


def _parse_box(text: str) -> Box:
    x, y, width, height = map(int, text.split(","))
    return x, y, width, height


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
