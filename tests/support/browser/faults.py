"""Faults of the sandbox's page at any size, for the eye, the finger and axe-core."""

from collections.abc import Sequence

from tests.support.browser.page import MailroomPage
from tests.support.browser.walks import SIZES

ONE_PART = ("phone", "small", "narrow", "short", "zoomed")
"""Sizes at which one part of the page is shown at a time."""


async def resize(mailroom: MailroomPage, size: str) -> None:
    """Another window, as when a phone is turned; all of it at its top."""
    width, height = SIZES[size]
    await mailroom.page.set_viewport_size({"width": width, "height": height})
    await mailroom.page.evaluate(
        "for (const one of document.querySelectorAll('html, main, #chat-scroll')) one.scrollTop = 0"
    )


async def layout_faults(mailroom: MailroomPage) -> list[object]:
    """Elements that do not fit or cannot be hit. Both depend on the length of a language's
    words."""
    wide = await mailroom.overflow()
    found: list[object] = [f"{wide} pixels too wide"] if wide > 0 else []
    return [*found, *await mailroom.small_targets()]


async def faults(mailroom: MailroomPage) -> list[object]:
    """All that is wrong with the page as it is shown."""
    found = [*await layout_faults(mailroom), *await mailroom.violations()]
    return [*found, *await mailroom.covered()]


async def faults_at(
    mailroom: MailroomPage, sizes: Sequence[str], name: str, *, dialog: bool = False
) -> dict[str, list[object]]:
    """Faults at each size that has any; what an open dialog covers is none.

    axe-core judges colours, names and roles. English differs in its words only, of which those at
    the last size are enough.
    """
    found: dict[str, list[object]] = {}
    for size in sizes:
        await resize(mailroom, size)
        await mailroom.picture(f"{name}-{size}-{mailroom.language}")
        found[size] = await layout_faults(mailroom)
        if mailroom.language == "nl" or size == sizes[-1]:
            found[size] += await mailroom.violations()
        if not dialog:
            found[size] += await mailroom.covered()
    return {size: faults for size, faults in found.items() if faults}
