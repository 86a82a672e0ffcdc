"""Links in the header, by what an employee may do."""

import pytest

from desk.access import Access, Tenant
from desk.web.navigation import LINKS, Link, Menu, is_under, list_links, page_path
from desk.web.words import load_words

TENANT = Tenant("almelo", "Almelo", "urn:almelo")


def shown(*roles: str, destinations: tuple[str, ...] = ()) -> list[object]:
    """Paths of links, and for each menu the list of its own."""
    access = Access(TENANT, "l", frozenset(roles), (), destinations=destinations)
    return [
        [link.path for link in each.links] if isinstance(each, Menu) else each.path
        for each in list_links(access)
    ]


OF_PRIVACY = "holds", "requests", "people", "views", "exposures", "annotations"


@pytest.mark.parametrize(
    ("roles", "more"),
    [
        (("send", "read"), []),
        (("kcc",), [["/rules", "/numbers", "/figures"]]),
        (
            ("records",),
            [["/archive/search", "/archive/lists", "/archive/holds", "/archive/disclosures"]],
        ),
        (("archivist",), [["/archive/lists", "/archive/holds"]]),
        (
            ("privacy",),
            ["/rights", [f"/archive/{page}" for page in OF_PRIVACY]],
        ),
        (
            ("rules", "records"),
            [
                ["/rules", "/figures", "/rights"],
                ["/archive/search", "/archive/lists", "/archive/holds", "/archive/disclosures"],
            ],
        ),
    ],
)
def test_links_follow_roles_and_a_menu_of_one_is_a_link(
    roles: tuple[str, ...], more: list[object]
) -> None:
    assert shown(*roles) == ["/inbox", "/standard-answers", *more]


def test_destinations_are_shown_to_an_owner_who_may_send() -> None:
    assert "/destinations" in shown("send", destinations=("crm",))
    assert "/destinations" not in shown("send")
    assert "/destinations" not in shown("read", destinations=("crm",))


def test_links_have_words() -> None:
    words = load_words("nl")
    assert {words for menu, link, _ in LINKS for words in (menu or link.words, link.words)} <= set(
        words
    )


def test_page_is_under_its_link_and_no_other() -> None:
    rules = Link("/rules", "rules.title")
    assert is_under("/rules", rules) and is_under("/rules/versions/a", rules)
    assert not is_under("/rulesets", rules) and not is_under("/", rules)


@pytest.mark.parametrize(
    ("path", "route", "expected"),
    [
        ("/a/1/b", "/a/{id}/b", "/a/1"),
        ("/a/1", "/a/{id}", "/a/1"),
        ("/c/1/b", "/c/{id}/b", "/c"),
        ("/d/1/b", "/d/{id}/b", "/inbox"),
    ],
)
def test_change_belongs_to_the_nearest_page_above_it(path: str, route: str, expected: str) -> None:
    assert page_path(path, route, {"/a", "/a/{id}", "/c", "/"}) == expected
