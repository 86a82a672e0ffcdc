"""Rendering: a template with the words of a language, for one visit."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from desk.login.sessions import Session
from desk.web import times
from desk.web.assets import Assets
from desk.web.navigation import is_under, list_links
from desk.web.words import Language, Say, keys_under, preferred_language, words_in
from services import clock

STYLESHEETS = (
    "vendor/utrecht-root.css",
    "vendor/utrecht-alert.css",
    "vendor/utrecht-badge-counter.css",
    "vendor/utrecht-button.css",
    "vendor/utrecht-form-label.css",
    "vendor/utrecht-heading-1.css",
    "vendor/utrecht-heading-2.css",
    "vendor/utrecht-heading-3.css",
    "vendor/utrecht-link.css",
    "vendor/utrecht-paragraph.css",
    "vendor/utrecht-select.css",
    "vendor/utrecht-skip-link.css",
    "vendor/utrecht-textarea.css",
    "vendor/utrecht-textbox.css",
    "tokens.css",
    "desk.css",
)
FOLDER = Path(__file__).parent / "templates"
LANGUAGE_COOKIE = "desk-language"
HTML = "text/html"


class Visit(msgspec.Struct, frozen=True):
    """One request of a browser: who is there, in which language, and when."""

    language: Language
    now: datetime
    path: str = "/"
    session: Session | None = None
    form_token: str = ""
    opening: UUID = msgspec.field(default_factory=clock.new_id)
    """Opening of the page that this request comes from; a new one if it comes from none."""
    mark: str = ""
    """Place of the journal before anything was read, from which the stream of a list goes on."""
    page: str = "/"
    """Path of the page to which a browser can go back: of a change, the one that it was on."""

    @property
    def say(self) -> Say:
        return words_in(self.language)


class Site:
    def __init__(self, assets: Assets) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            auto_reload=False,  # or each page asks the disk whether its templates changed
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {
            "asset": assets.path_of,
            "stylesheets": STYLESHEETS,
            "list_links": list_links,
            "is_under": is_under,
            "new_key": lambda: str(clock.new_id()),
            "known_types": keys_under("type"),
            "known_dangers": keys_under("danger"),
            "known_statuses": keys_under("status"),
            "known_refusals": keys_under("refused"),
            "known_views": keys_under("view"),
            "known_identities": keys_under("identity"),
        }

    def render(self, visit: Visit, template: str, **context: Any) -> str:
        return self._environment.get_template(template).render(
            **_helpers(visit), visit=visit, here=visit.path, say=visit.say, **context
        )

    def page(self, visit: Visit, template: str, status: int = 200, **context: Any) -> web.Response:
        """Return a page, or a part of one."""
        text = self.render(visit, template, **context)
        response = web.Response(status=status, text=text, content_type=HTML)
        # Also of a page that was left: the next user of this browser sees nothing of it.
        response.headers["Cache-Control"] = "no-store"
        return response


def _helpers(visit: Visit) -> dict[str, Callable[..., str]]:
    say, now = visit.say, visit.now

    def moment(at: datetime) -> str:
        return times.moment(at, now, say)

    def since(at: datetime) -> str:
        return times.duration((now - at).total_seconds(), say)

    def until(at: datetime) -> str:
        return times.duration((at - now).total_seconds(), say)

    def lasting(minutes: int) -> str:
        return times.duration(minutes * times.MINUTE, say)

    def iso_moment(text: str) -> str:
        """Return a moment that a report has as text."""
        return moment(datetime.fromisoformat(text))

    return {
        "moment": moment,
        "dated": partial(times.dated, say=say),
        "iso_moment": iso_moment,
        "since": since,
        "until": until,
        "day": partial(times.day, say=say),
        "lasting": lasting,
        "month_name": partial(times.month_name, say=say),
    }


def language_of(request: web.Request) -> Language:
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return preferred_language(chosen, request.headers.get("Accept-Language", ""))
