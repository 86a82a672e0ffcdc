"""Ids of rows that come back: followed only where the menus have them."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.conversation import menus
from services.whatsapp import items
from tests.support.router.config_full import BORNE, CONFIG, config
from tests.support.router.simulation import Stadhuis

TENANT = "almelo"

FORGED = [
    *("", "keuze", "keuze/", "/afval", "keuze/niets", "niets/afval", "niets/keuze/afval"),
    *("wonen/keuze/afval", "keuze/keuze/afval", "keuze//afval", "keuze/wonen/huren/huren"),
    *("keuze/terug", "\u0000/keuze/afval", "keuze/" * 10_000 + "afval", "x" * 60_000 + "/afval"),
    "Keuze/afval",
]


@pytest.mark.parametrize("row", FORGED, ids=range(len(FORGED)))
def test_row_that_no_menu_has_is_no_choice(row: str) -> None:
    hall = Stadhuis()
    said = hall.taps(f"menu:{row}", "Iets")
    assert (said.department, said.rule) == ("klantcontact", "")
    assert hall.heard == ["keuze"] and hall.state.menu == "keuze"


def test_row_of_a_crm_is_a_message_like_any_other() -> None:
    assert Stadhuis().taps("ja-bel-mij", "Container").department == "groen"


@pytest.mark.parametrize(
    ("number", "row"), [(BORNE, "menu:keuze/afval"), ("30000001", "menu:kort/vraag")]
)
def test_row_of_another_municipality_leads_to_a_department_of_this_one(
    number: str, row: str
) -> None:
    said = Stadhuis(number=number).taps(row)
    assert CONFIG.department(said.tenant, said.department)
    assert said.department == "klantcontact"


LONG = ["a" * 63, "b" * 63]
"""Ids of the greatest length."""


@pytest.mark.parametrize("ids", [LONG, ["a", "b"]])
def test_circle_of_menus_ends_within_the_200_characters_of_a_row(
    ids: list[str],
) -> None:
    row = "c" * 63
    circle = config(
        menus=[
            {"id": id, "options": [{"id": row, "title": "Verder", "menu": next}]}
            for id, next in zip(ids, reversed(ids), strict=True)
        ]
    )
    path, depth = ids[0], 1
    while menu := menus.menu_at(path, circle):
        asked = menus.build_payload(path, menu, "Waarover?", "Kies")["interactive"]["action"]
        assert all(len(id) <= 200 for each in asked.values() for id in _ids(each))
        path, depth = f"{path}/{ids[depth % 2]}", depth + 1
    assert depth > 2


def _ids(given: Any) -> list[str]:
    if isinstance(given, list):
        return [id for each in given for id in _ids(each)]
    if isinstance(given, dict):
        own = [given["id"]] if "id" in given else []
        return own + [id for each in given.values() for id in _ids(each)]
    return []


steps = st.lists(st.sampled_from(["keuze", "wonen", "kort", "terug", "afval", "x", ""]), max_size=6)
rows = steps.map("/".join) | st.text(max_size=40)


def tapped(row: str) -> items.Message:
    content = items.Content(type="interactive", text="Iets", choice=f"menu:{row}")
    return items.Message(raw=b"", id="", person=items.Person(), sent_at=None, content=content)


@given(rows)
def test_followed_row_is_an_option_of_a_menu_that_was_reached(row: str) -> None:
    found = menus.match_choice(tapped(row), "Iets", "", CONFIG, TENANT)
    if found is None:
        return
    by_id = {menu.id: menu for menu in CONFIG.menus}
    first, *deeper = found.path.split("/")
    there = by_id[first]
    for id in deeper:
        assert id in {option.menu for option in there.options}
        there = by_id[id]
    assert found.option in there.options or (deeper and found.is_back)
    assert row == f"{found.path}/{found.option.id}"


@given(rows, st.sampled_from(["keuze", "keuze/wonen", "wonen", "weg", "a/b"]))
def test_answer_in_words_belongs_to_the_menu_that_was_asked_last(words: str, path: str) -> None:
    item = msgspec.structs.replace(tapped(""), content=items.Content(type="text", text=words))
    found = menus.match_choice(item, words, path, CONFIG, TENANT)
    assert found is None or found.path == path


def test_offered_row_is_understood() -> None:
    for path in ("keuze", "keuze/wonen", "wonen", "kort"):
        menu: Any = menus.menu_at(path, CONFIG)
        asked = menus.build_payload(path, menu, "Waarover?", "Kies")["interactive"]["action"]
        offered = [row["id"] for s in asked.get("sections", ()) for row in s["rows"]]
        offered += [button["reply"]["id"] for button in asked.get("buttons", ())]
        assert len(offered) == len(menus.list_options(path, menu))
        for id in offered:
            item = tapped(id.removeprefix(menus.PREFIX))
            found = menus.match_choice(item, "x", "", CONFIG, TENANT)
            assert found is not None
            assert found.path == path
