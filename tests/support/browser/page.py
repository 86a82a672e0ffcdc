"""The sandbox's page as a person meets it: by its words, its regions and its keys.

Everything here goes through the keyboard, or through what a screen reader would find; a test that
uses it says nothing about how the page is built. Pictures of it are taken where `tests/artifacts`
exists.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from sandbox import page_server

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The same browsers, in the same order, as deploy/setup.sh is content with. The first cannot show a
window, and takes half of the processor time that the others take for these tests."""
CHROMIUM = next(filter(None, map(which, NAMES)), "/usr/bin/chromium")
needs_chromium = pytest.mark.skipif(
    not Path(CHROMIUM).exists() and not os.environ.get("CI"),
    reason=f"there is no Chromium at {CHROMIUM}",
)
IN_CHROMIUM = [needs_chromium, pytest.mark.asyncio(loop_scope="module")]
"""Marks of a module whose tests share a browser: a browser is bound to the loop it started in."""
QUIET = ("--no-sandbox", "--disable-background-networking", "--disable-component-update")
ARTIFACTS = Path(__file__).parents[2] / "artifacts"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TABS_MOST = 120
"""Presses of Tab in which everything on the page is reached."""
SETTLE = "document.getAnimations().forEach((one) => one.finish())"
"""End every animation now; within the same question as what is asked of the page at rest."""
FOCUSED = "one => one.isConnected ? one === document.activeElement : null"
"""Script that tells if an element has the focus; null for one that was drawn anew meanwhile."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A Chromium without a window. Starting one takes longer than most tests."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield started
        await started.close()


async def take_picture(page: Page, name: str) -> None:
    """Save what a person would see, for a person to look at: no test reads it."""
    if ARTIFACTS.exists():
        await page.screenshot(path=ARTIFACTS / f"{name}.png")


async def violations(
    page: Page, within: str = "document", **options: object
) -> list[dict[str, Any]]:
    """Faults that axe-core finds in the page as it is after every animation has run."""
    if await page.evaluate("typeof axe === 'undefined'"):
        await page.evaluate(AXE_SCRIPT)
    asked = json.dumps({"runOnly": RULES, "resultTypes": ["violations"]} | options)
    found: list[dict[str, Any]] = await page.evaluate(
        f"{SETTLE}; axe.run({within}, {asked}).then((results) => results.violations)"
    )
    return [
        {
            "rule": one["id"],
            "help": one["help"],
            "where": [node["target"] for node in one["nodes"]],
        }
        for one in found
    ]


def words(language: str) -> dict[str, str]:
    """The texts of the page in one language."""
    import re

    table = page_server.load_files()[f"words-{language}.js"].content.decode()
    return dict(re.findall(r'^  "([a-z0-9_.-]+)": "(.*)",$', table, re.MULTILINE))


class MailroomPage:
    """One open page. `word` gives a text in the language that the page is in."""

    def __init__(self, page: Page, url: str, language: str = "nl") -> None:
        self.page = page
        self.url = url
        self.language, self.words = language, words(language)
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console",
            lambda line: self.errors.append(line.text) if line.type == "error" else None,
        )

    def word(self, key: str, **values: str) -> str:
        text = self.words[key]
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    async def open(self) -> None:
        await self.page.goto(self.url)
        # It asks again sooner than `expect`, which waits a tenth of a second.
        await self.page.locator("#live[data-on=true]").wait_for(state="attached")

    # -- keys ---------------------------------------------------------------------------------

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    async def type(self, text: str) -> None:
        await self.page.keyboard.type(text)

    async def tab_to(self, target: Locator) -> None:
        """Press Tab until `target` has the focus; fails where Tab never gets there."""
        one = await target.first.element_handle()
        for _ in range(TABS_MOST):
            focused = await one.evaluate(FOCUSED)
            if focused:
                return
            if focused is None:
                one = await target.first.element_handle()
            else:
                await self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not reach {target}")

    async def use(self, target: Locator, key: str = "Enter") -> None:
        await self.tab_to(target)
        await self.page.keyboard.press(key)

    async def focus_is_visible(self) -> bool:
        """True when the element with the focus shows it, and nothing covers the element."""
        return bool(
            await self.page.evaluate(
                """() => {
                  const one = document.activeElement;
                  const style = getComputedStyle(one.closest(".file") ?? one);
                  if (style.outlineStyle === "none") return false;
                  if (parseFloat(style.outlineWidth) < 2) return false;
                  const box = one.getBoundingClientRect();
                  const inView = box.bottom > 0 && box.top < innerHeight && box.right > 0;
                  return inView && box.width > 0;
                }"""
            )
        )

    # -- what is on the page ------------------------------------------------------------------

    def button(self, name: str, within: str = "body") -> Locator:
        return self.page.locator(within).get_by_role("button", name=name, exact=True)

    @property
    def message_box(self) -> Locator:
        return self.page.get_by_role("textbox", name=self.word("phone.compose"))

    @property
    def answer_box(self) -> Locator:
        return self.page.locator("#answer-text")

    def hole(self, department: str) -> Locator:
        return self.page.get_by_role("tab", name=department)

    @property
    def letters(self) -> Locator:
        return self.page.locator("#letters li")

    @property
    def thread(self) -> Locator:
        return self.page.locator("#entries")

    @property
    def chat(self) -> Locator:
        return self.page.locator("#chat")

    @property
    def timeline(self) -> Locator:
        return self.page.locator("#timeline")

    @property
    def announcer(self) -> Locator:
        return self.page.get_by_role("status")

    # -- what a person does -------------------------------------------------------------------

    async def switch_language(self, language: str) -> None:
        await self.use(self.page.locator(f"[data-language={language}]"))
        self.language, self.words = language, words(language)
        await expect(self.page.locator("html")).to_have_attribute("lang", language)

    async def choose_citizen(self, name: str) -> None:
        await self.use(self.page.locator("#citizens button", has_text=name))

    async def send(self, text: str) -> None:
        """Send a message from the phone, with the focus put into its box at once."""
        await self.message_box.fill(text)
        await self.press("Enter")
        await expect(self.chat.get_by_text(text)).to_be_visible()

    async def open_hole(self, department: str) -> None:
        """Go to the wall with Tab, and along it with the arrow keys."""
        await self.tab_to(self.page.locator("[role=tab][tabindex='0']"))
        wanted = self.hole(department)
        for _ in range(await self.page.get_by_role("tab").count()):
            if await wanted.get_attribute("aria-selected") == "true":
                return
            await self.press("ArrowRight")
        raise AssertionError(f"the arrow keys do not reach {department}")

    async def answer(self, text: str) -> None:
        await self.tab_to(self.answer_box)
        await self.type(text)
        await self.press("Control+Enter")
        await expect(self.answer_box).to_have_value("")

    async def choose(self, kind: str) -> None:
        """Choose an action of the desk: an answer of some kind, a note, a transfer, a closing."""
        select = self.page.locator("#answer-kind")
        await self.tab_to(select)
        await select.select_option(kind)

    def field(self, name: str) -> Locator:
        return self.page.get_by_label(self.word(f"field.{name}"), exact=True)

    async def do(self, text: str, **fields: str) -> None:
        """Fill in the fields, then the words, then Ctrl + Enter: it is accepted."""
        for name, value in fields.items():
            await self.tab_to(self.field(name))
            await self.press("Control+a")
            await self.page.keyboard.insert_text(value)
        await self.tab_to(self.answer_box)
        await self.type(text)
        await self.press("Control+Enter")
        await expect(self.page.locator("#desk-complaint")).to_be_empty()
        await expect(self.page.locator("#answer-kind")).to_have_value("text")

    # -- judgement ----------------------------------------------------------------------------

    async def violations(self) -> list[dict[str, Any]]:
        return await violations(self.page)

    async def overflow(self) -> int:
        """Pixels by which the page, or what scrolls in it, is wider than its window."""
        return int(
            await self.page.evaluate(
                f"{SETTLE};"
                """Math.max(...["html", "main"].map((name) => {
                  const one = document.querySelector(name);
                  return one.scrollWidth - one.clientWidth;
                }))"""
            )
        )

    async def clipped(self) -> list[str]:
        """Controls that are cut off at a side, or whose words are. The row of pigeonholes scrolls
        to those that are."""
        found: list[str] = await self.page.evaluate(
            f"{SETTLE};"
            """[...document.querySelectorAll("button, select, textarea, summary, label.file")]
              .filter((one) => one.checkVisibility({ visibilityProperty: true }))
              .filter((one) => !one.closest(".wall"))
              .filter((one) => {
                const box = one.getBoundingClientRect();
                if (one.matches("button") && one.scrollWidth > one.clientWidth + 1) return true;
                for (let around = one; around; around = around.parentElement) {
                  const sides = around.getBoundingClientRect();
                  const cuts = getComputedStyle(around).overflowX !== "visible";
                  const out = box.right > sides.right + 1 || box.left < sides.left - 1;
                  if (cuts && out) return true;
                }
                return box.right > innerWidth;
              })
              .map((one) => `${one.tagName} ${one.id} ${one.textContent.trim()}`)"""
        )
        return found

    async def broken_words(self) -> list[str]:
        """Names that go on in the next line within a word, without a hyphen."""
        found: list[str] = await self.page.evaluate(
            """[...document.querySelectorAll(".label, #account")].filter((one) => {
              const text = one.firstChild;
              const range = document.createRange();
              const top = (at) => {
                range.setStart(text, at);
                range.setEnd(text, at + 1);
                return [...range.getClientRects()].at(-1)?.top;
              };
              const letters = [...text.data.matchAll(/\\p{L}(?=\\p{L})/gu)];
              return letters.some(({ index }) => top(index) !== top(index + 1));
            }).map((one) => one.textContent)"""
        )
        return found

    async def covered(self) -> list[str]:
        """Controls of which something else lies over the middle, once scrolled to."""
        found: list[str] = await self.page.evaluate(
            f"{SETTLE};"
            """[...document.querySelectorAll("button, select, textarea, label.file")]
              .filter((one) => one.checkVisibility({ visibilityProperty: true }))
              .filter((one) => !one.closest("[inert]"))
              .filter((one) => {
                one.scrollIntoView({ block: "nearest" });
                const box = one.getBoundingClientRect();
                const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
                return !one.contains(document.elementFromPoint(x, y));
              })
              .map((one) => `${one.tagName} ${one.id} ${one.textContent.trim()}`)"""
        )
        return found

    async def small_targets(self) -> list[str]:
        """Controls on screen of less than 24 by 24 pixels."""
        found: list[str] = await self.page.evaluate(
            f"{SETTLE};"
            """[...document.querySelectorAll("button, select, textarea, summary, label.file")]
              .filter((one) => one.checkVisibility({ visibilityProperty: true }))
              .filter((one) => {
                const box = one.getBoundingClientRect();
                return box.width > 1 && (box.width < 24 || box.height < 24);
              })
              .map((one) => `${one.tagName} ${one.textContent.trim()}`)"""
        )
        return found

    async def picture(self, name: str) -> None:
        await take_picture(self.page, name)
