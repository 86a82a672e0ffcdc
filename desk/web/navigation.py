"""Links in the header of the pages, by what an employee may do. Pure."""

from collections.abc import Callable, Container, Iterator

import msgspec

from desk.access import Access
from desk.login.attempt import FIRST_PAGE


class Link(msgspec.Struct, frozen=True):
    path: str
    words: str
    """Key of its words."""


class Menu(msgspec.Struct, frozen=True):
    words: str
    links: tuple[Link, ...]


def _has(*roles: str) -> Callable[[Access], bool]:
    return lambda access: not access.roles.isdisjoint(roles)


def _resends(access: Access) -> bool:
    return "send" in access.roles and bool(access.destinations)


def _everyone(_: Access) -> bool:
    return True


LINKS = (
    ("", Link("/inbox", "site.inbox"), _everyone),
    ("", Link("/standard-answers", "standard.title"), _everyone),
    ("site.management", Link("/rules", "rules.title"), _has("kcc", "rules")),
    ("site.management", Link("/numbers", "numbers.title"), _has("kcc")),
    ("site.management", Link("/figures", "figures.title"), _has("kcc", "rules")),
    ("site.management", Link("/destinations", "destinations.title"), _resends),
    ("site.management", Link("/rights", "rights.title"), _has("rules", "privacy")),
    ("site.archive", Link("/archive/search", "search.title"), _has("records")),
    ("site.archive", Link("/archive/lists", "lists.title"), _has("records", "archivist")),
    (
        "site.archive",
        Link("/archive/holds", "holds.title"),
        _has("records", "archivist", "privacy"),
    ),
    ("site.archive", Link("/archive/disclosures", "disclosures.title"), _has("records")),
    ("site.archive", Link("/archive/requests", "requests.title"), _has("privacy")),
    ("site.archive", Link("/archive/people", "people.title"), _has("privacy")),
    ("site.archive", Link("/archive/views", "views.title"), _has("privacy")),
    ("site.archive", Link("/archive/exposures", "exposures.title"), _has("privacy")),
    ("site.archive", Link("/archive/annotations", "annotations.title"), _has("privacy")),
)
"""Menu, if it is in one; link; who has it."""


def list_links(access: Access) -> Iterator[Link | Menu]:
    """Yield the links of an employee in their order. A menu with one link is that link."""
    menus: dict[str, list[Link]] = {}
    for menu, link, may_see in LINKS:
        if may_see(access):
            menus.setdefault(menu, []).append(link)
    for menu, links in menus.items():
        if menu and len(links) > 1:
            yield Menu(menu, tuple(links))
        else:
            yield from links


def is_under(path: str, link: Link) -> bool:
    """Return True if a page is the one of a link, or belongs to it."""
    return path == link.path or path.startswith(f"{link.path}/")


def page_path(path: str, route: str, pages: Container[str]) -> str:
    """Return the path of the page to which a change belongs: the longest beginning of its path of
    which the route is one of the pages; else the first page. Pure."""
    names, parts = route.split("/"), path.split("/")
    for size in range(len(names), 1, -1):
        if "/".join(names[:size]) in pages:
            return "/".join(parts[:size])
    return FIRST_PAGE
