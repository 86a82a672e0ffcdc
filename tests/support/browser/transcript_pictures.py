"""Pictures of transcripts for the docs: `make pictures` makes them too.

    python -m tests.support.browser.transcript_pictures

Two conversations as a page, and the first page of one as PDF.
"""

import asyncio
import subprocess
import tempfile
from pathlib import Path

from archiver.media.thumbnail_process import SIDES, make_thumbnail
from archiver.transcript.page import render_page
from archiver.transcript.pdf import transcript_pdf
from archiver.transcript.transcript import Transcript
from tests.support.archiver.transcripts import (
    PHOTO,
    Story,
    arabic,
    contents_of,
    ordinary,
    transcript_of,
)
from tests.support.browser.page import chromium
from tests.support.browser.sheets import save_sheet

DOCS = Path(__file__).parents[3] / "docs" / "images" / "transcript"
WIDTH, MOST_HEIGHT = 900, 1450
"""Pixels of one part of a page; a longer page is shown in equal parts, side by side."""
DOTS_PER_INCH = 130
STORIES = {"ordinary": ordinary, "arabic": arabic}


async def take_page(transcript: Transcript, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "gesprek.html"
        file.write_bytes(render_page(transcript))
        async with chromium() as browser:
            page = await browser.new_page(viewport={"width": WIDTH, "height": MOST_HEIGHT})
            await page.goto(file.as_uri())
            whole = int(await page.evaluate("document.documentElement.scrollHeight"))
            count, parts = -(-whole // MOST_HEIGHT), []
            height = -(-whole // count)
            for top in range(0, whole, height):
                area = {"x": 0, "y": top, "width": WIDTH, "height": min(height, whole - top)}
                parts.append(await page.screenshot(full_page=True, clip=area))  # type: ignore[arg-type]
    save_sheet(DOCS, name, parts)


def take_pdf(transcript: Transcript, name: str) -> None:
    """Save the first two pages, side by side."""
    printed = transcript_pdf(transcript)
    tool = ["pdftoppm", "-png", "-r", str(DOTS_PER_INCH), "-singlefile"]
    pages = [
        subprocess.run(
            [*tool, "-f", str(n), "-l", str(n), "-"], input=printed, capture_output=True, check=True
        ).stdout
        for n in (1, 2)
    ]
    save_sheet(DOCS, name, pages)


def _printed_transcript(story: Story) -> Transcript:
    """The transcript with pictures as a PDF has them."""
    small = make_thumbnail(PHOTO.read_bytes(), SIDES["print"])
    contents = contents_of(story.records, small, "image/jpeg")
    return transcript_of(
        story, {id: each._replace(original=b"", is_scaled=True) for id, each in contents.items()}
    )


def main() -> None:
    DOCS.mkdir(parents=True, exist_ok=True)
    for name, story in STORIES.items():
        contents = contents_of(story().records, PHOTO.read_bytes(), "image/png")
        asyncio.run(take_page(transcript_of(story(), contents), name))
    take_pdf(_printed_transcript(ordinary()), "pdf")
    for each in sorted(DOCS.glob("*.png")):
        print(f"{each.name}: {each.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
