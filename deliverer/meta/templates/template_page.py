"""Pages of a list of templates: the templates in one, and the place of the next. Pure."""

import msgspec

from deliverer.meta.health.finding import NOT_META, Finding, Shown, list_objects
from services.whatsapp.lenient_json import fields, text
from services.whatsapp.templates import MessageTemplate, read_template

PAGE_TEMPLATES, MAX_PAGES = 25, 20
"""Templates that are asked for at once, which is Meta's own number, and pages of one list."""
MAX_TEMPLATES = PAGE_TEMPLATES * MAX_PAGES
"""Templates of an account that are kept. A municipality has some dozens; Meta allows 250, and 6,000
to a business that is verified."""
ANSWER_BYTES = 512 * 1024
"""Bytes of a page: 20 KiB a template, of which the largest has some 10."""
LONGEST_CURSOR = 1024
"""Characters of Meta's place in a list; real ones have some 200 at most."""
FIELDS = "name,language,status,category,quality_score,parameter_format,components"


class TemplateList(msgspec.Struct, frozen=True):
    """Templates of an account by name and language."""

    account: str
    """WhatsApp Business Account; '' if the provider does not need to know it."""
    templates: dict[tuple[str, str], MessageTemplate]
    is_complete: bool
    """False if there are more than the bound, or some that cannot be read."""


def bound_list(
    account: str, templates: dict[tuple[str, str], MessageTemplate], is_complete: bool
) -> TemplateList:
    """Return the list with no more templates than are kept: those that Meta named first."""
    kept = dict(list(templates.items())[:MAX_TEMPLATES])
    return TemplateList(account, kept, is_complete and len(kept) == len(templates))


class TemplatePage(msgspec.Struct, frozen=True):
    templates: list[MessageTemplate]
    unreadable: int
    after: str | None
    """Place of the next page; None at the end, '' if there is one whose place is not told."""


def read_page(shown: Shown) -> TemplatePage | Finding:
    """Read one page, or say that it is none of Meta's."""
    if not isinstance(shown.get("data"), list):
        return Finding("unknown", NOT_META)
    given = list_objects(shown["data"])
    read = [read_template(each) for each in given]
    templates = [each for each in read if each is not None]
    return TemplatePage(templates, len(shown["data"]) - len(templates), _next(shown))


def page_parameters(after: str) -> dict[str, str]:
    """Return the parameters with which a page is asked for."""
    first = {"fields": FIELDS, "limit": str(PAGE_TEMPLATES)}
    return first | ({"after": after} if after else {})


def _next(shown: Shown) -> str | None:
    """Return the place of the next page. Meta has `next` where there is one, and cursors always.
    The address in it is not followed, since it may name any host."""
    paging = fields(shown.get("paging"))
    if not paging.get("next"):
        return None
    after = text(fields(paging.get("cursors")).get("after"))
    return after if len(after) <= LONGEST_CURSOR else ""
