"""Thumbnails of real pictures, and of bytes that only look like one."""

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from archiver.media import thumbnail_maker, thumbnail_process, thumbnails
from archiver.media.thumbnail_process import LONGEST_SIDE, NoThumbnail, make_thumbnail

PLACE = b"52.3508,6.6633"


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    output = io.BytesIO()
    image.save(output, format, **options)
    return output.getvalue()


def opened(thumbnail: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(thumbnail))
    assert image.format == "JPEG"
    image.load()
    return image


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_thumbnail_is_small_and_has_the_shape_and_colour_of_the_picture(format: str) -> None:
    image = opened(make_thumbnail(encoded(Image.new("RGB", (1600, 1200), "red"), format)))
    assert image.size == (LONGEST_SIDE, 240)
    red, green, blue = image.getpixel((100, 100))  # type: ignore[misc]
    assert red > 240 and green < 20 and blue < 20


def test_small_picture_is_not_enlarged() -> None:
    assert opened(make_thumbnail(encoded(Image.new("RGB", (40, 9)), "PNG"))).size == (40, 9)


def test_thumbnail_says_nothing_but_its_pixels() -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x9003] = PLACE.decode(), "2026:11:30 12:00:00"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 21.0, 3.0)})
    picture = encoded(
        Image.new("RGB", (800, 600)), "JPEG", exif=exif, comment=PLACE, icc_profile=PLACE * 9
    )
    assert PLACE in picture and b"Exif" in picture
    thumbnail = make_thumbnail(picture)
    assert not opened(thumbnail).getexif()
    assert not [each for each in (b"Exif", PLACE, b"ICC_PROFILE") if each in thumbnail]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photo_of_a_turned_phone_is_upright(orientation: int) -> None:
    """The left half of the upright picture is white."""
    upright = Image.new("RGB", (640, 320), "black")
    upright.paste("white", (0, 0, 320, 320))
    back = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    turn = back.get(orientation, thumbnail_process.TURNS.get(orientation))
    exif = Image.Exif()
    exif[thumbnail_process.ORIENTATION_TAG] = orientation
    stored = upright.transpose(turn) if turn else upright
    image = opened(make_thumbnail(encoded(stored, "JPEG", exif=exif))).convert("L")
    assert image.size == (320, 160)
    assert image.getpixel((20, 80)) > 230 and image.getpixel((300, 80)) < 30  # type: ignore[operator]


def test_sticker_that_moves_shows_its_first_frame_on_white() -> None:
    frames = [Image.new("RGBA", (512, 512), (0, 0, 0, 0)) for _ in range(3)]
    frames[0].paste((255, 0, 0, 255), (0, 0, 256, 512))
    for frame in frames[1:]:
        frame.paste((0, 0, 255, 255), (0, 0, 512, 512))
    sticker = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert sticker[12:16] == b"VP8X"
    flags = bytes([sticker[20] | 0x10])  # Pillow does not say that it moves and is transparent
    sticker = sticker[:20] + flags + sticker[21:]
    image = opened(make_thumbnail(sticker))
    left, right = image.getpixel((40, 160)), image.getpixel((300, 160))
    assert left[0] > 230 and left[2] < 30  # type: ignore[index]
    assert min(right) > 245  # type: ignore[arg-type,type-var]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "RGBA"])
def test_png_of_any_kind_has_a_thumbnail(mode: str) -> None:
    assert opened(make_thumbnail(encoded(Image.new(mode, (700, 700)), "PNG"))).size == (320, 320)


def test_cmyk_jpeg_has_a_thumbnail() -> None:
    picture = encoded(Image.new("CMYK", (700, 700)), "JPEG", progressive=True)
    assert opened(make_thumbnail(picture)).mode == "RGB"


def png_of(width: int, height: int) -> bytes:
    """A header of this size, and few bytes of what would be zeros."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    body = zlib.compress(bytes(1_000_000), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def jpeg_of(width: int, height: int) -> bytes:
    """A small JPEG whose header claims another size."""
    picture = encoded(Image.new("RGB", (64, 64)), "JPEG")
    at = picture.index(b"\xff\xc0") + 5
    return picture[:at] + struct.pack(">HH", height, width) + picture[at + 4 :]


PHOTO = encoded(Image.effect_noise((640, 480), 60), "JPEG")
NONE = {
    "no bytes": b"",
    "a page": b"<html><script>alert(1)</script></html>",
    "a page behind a JPEG's first bytes": b"\xff\xd8\xff\xe0<html><script>alert(1)</script>",
    "half a JPEG": PHOTO[: len(PHOTO) // 2],
    "a JPEG of 65,535 by 65,535": jpeg_of(65_535, 65_535),
    "a PNG of 30,000 by 30,000": png_of(30_000, 30_000),
    "a PNG of two milliards by two milliards": png_of(2**31 - 1, 2**31 - 1),
    "a PNG without pixels": png_of(0, 0),
    "another format": encoded(Image.new("RGB", (64, 64)), "GIF"),
    "an EPS, which Pillow would give to a program": b"%!PS-Adobe-3.0 EPSF-3.0\n",
}


@pytest.mark.parametrize("what", NONE)
def test_bytes_that_are_no_picture_have_no_thumbnail(what: str) -> None:
    with pytest.raises((NoThumbnail, OSError, SyntaxError, ValueError)):
        make_thumbnail(NONE[what])


def test_largest_sizes_that_are_decoded_are_those_of_phones() -> None:
    assert make_thumbnail(encoded(Image.new("1", (4096, 4096)), "PNG"))
    with pytest.raises(NoThumbnail):
        make_thumbnail(encoded(Image.new("1", (4097, 4096)), "PNG"))


def test_program_and_its_caller_mean_the_same() -> None:
    """The program imports nothing of ours, so a few numbers stand twice."""
    assert thumbnail_process.REFUSED == thumbnail_maker.REFUSED
    assert thumbnail_process.PICTURE_BYTES == thumbnails.PICTURE_BYTES
    assert thumbnail_maker.PROGRAM.name == "thumbnail_process.py"


@pytest.mark.parametrize("orientation", [1, 6])
def test_box_is_painted_over_the_upright_picture(orientation: int) -> None:
    """White is what nobody may see: the left half of the picture as it is shown."""
    upright = Image.new("RGB", (640, 320), "red")
    upright.paste("white", (0, 0, 320, 320))
    exif = Image.Exif()
    exif[0x0112] = orientation
    kept = upright.transpose(Image.Transpose.ROTATE_90) if orientation == 6 else upright
    picture = encoded(kept, "JPEG", exif=exif, quality=95)
    small = opened(make_thumbnail(picture, 200, [(0, 0, 505, 1000)]))
    assert small.size == (200, 100)
    left = small.crop((0, 0, 98, 100)).getextrema()
    assert all(most < 40 for _, most in left)  # type: ignore[misc]
    assert small.getpixel((150, 50))[0] > 200  # type: ignore[index]


def test_box_at_the_edge_takes_whole_pixels() -> None:
    white = encoded(Image.new("RGB", (7, 3), "white"), "PNG")
    small = opened(make_thumbnail(white, 320, [(999, 0, 1, 1000)]))
    assert small.getpixel((6, 1)) < (100, 100, 100) and small.getpixel((1, 1)) > (200, 200, 200)  # type: ignore[operator]
