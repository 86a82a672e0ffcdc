"""The order of the API for each form by which something is left out, or that is taken back."""

from collections.abc import Callable
from typing import Any

from desk.pages.archive.marked_text import join_words
from desk.pages.forms import Form
from desk.postkamer.disclosures import FullDocument

SIDES = ("x", "y", "width", "height")
Json = dict[str, Any]


class Nothing(Exception):
    """A form asks for nothing. The argument is the key of the words that say so."""


def redaction_body(form: Form, document: FullDocument) -> Json:
    """Return the order for a form. Raises Nothing if it asks for nothing. Pure."""
    make = ORDERS.get(form.text("do"))
    if make is None:
        raise Nothing("disclosures.choose_words")
    return make(form, document)


def _everywhere(form: Form, document: FullDocument) -> Json:
    return {"words": [{"words": form.text("words").strip(), "ground": form.text("ground")}]}


def _words(form: Form, document: FullDocument) -> Json:
    message, ground = form.text("message"), form.text("ground")
    parts = join_words(document.text_of(message), frozenset(form.texts("word")))
    return _spans([_span(message, *each, ground) for each in parts])


def _part(form: Form, document: FullDocument) -> Json:
    """Return the part that was selected on the page, which says what stands there: a browser that
    counts otherwise must not leave out something else."""
    message, start, end = form.text("message"), form.number("start"), form.number("end")
    if not start < end or document.text_of(message)[start:end] != form.text("quote"):
        raise Nothing("disclosures.not_there")
    return _spans([_span(message, start, end, form.text("ground"))])


def _proposals(form: Form, document: FullDocument) -> Json:
    chosen = frozenset(form.texts("proposal"))
    return _spans(
        [
            _span(each.message, each.start, each.end, each.ground)
            for each in document.proposals
            if each.value in chosen
        ]
    )


def _back(form: Form, document: FullDocument) -> Json:
    place = {"from": form.number("start"), "to": form.number("end")}
    return {"remove": {"spans": [{"message": form.text("message")} | place]}}


def _show(form: Form, document: FullDocument) -> Json:
    return {"pictures": [form.text("message")]}


def _hide(form: Form, document: FullDocument) -> Json:
    return {"remove": {"pictures": [form.text("message")]}}


def _box(form: Form, document: FullDocument) -> Json:
    return {"boxes": [_box_place(form) | {"ground": form.text("ground")}]}


def _unbox(form: Form, document: FullDocument) -> Json:
    return {"remove": {"boxes": [_box_place(form)]}}


def _list(form: Form, document: FullDocument) -> Json:
    return {"list": form.text("list")}


def _spans(spans: list[Json]) -> Json:
    if not spans:
        raise Nothing("disclosures.choose_words")
    return {"spans": spans}


def _span(message: str, start: int, end: int, ground: str) -> Json:
    return {"message": message, "from": start, "to": end, "ground": ground}


def _box_place(form: Form) -> Json:
    return {"message": form.text("message")} | {name: form.number(name) for name in SIDES}


ORDERS: dict[str, Callable[[Form, FullDocument], Json]] = {
    "everywhere": _everywhere,
    "words": _words,
    "part": _part,
    "propose": _proposals,
    "back": _back,
    "show": _show,
    "hide": _hide,
    "box": _box,
    "unbox": _unbox,
    "list": _list,
}
"""Name of a form -> what it asks for."""
