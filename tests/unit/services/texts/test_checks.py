"""Checks of texts and menus before a citizen can get them."""

from pathlib import Path

import pytest

from services.language import readability
from services.texts.catalogue import Text, Texts, join_texts
from services.texts.checks import button_faults, menu_faults, text_errors, text_warnings
from services.texts.folder import load_texts
from services.toml.errors import ConfigFault
from tests.support.example_town import FOLDER, TOWN, VALUES


@pytest.fixture(scope="module")
def shipped() -> Texts:
    return load_texts(FOLDER)


def made(body: str, id: str = "eigen", **more: object) -> Text:
    fields = {"button": "", "buttons": ()} | more
    return Text("nl", id, body, "KCC", "1", path="nl.toml", line=9, **fields)  # type: ignore[arg-type]


def refused(text: Text, shipped: Texts) -> list[str]:
    """Faults of one text among all the others."""
    texts = Texts({"nl": shipped.languages["nl"] | {text.id: text}}, {"nl": "nl.toml"})
    found = list(text_errors(texts, TOWN))
    assert {(fault.path, fault.line) for fault in found} <= {("nl.toml", 9)}
    assert {fault.where for fault in found} <= {f"{text.id}.text"}
    return [fault.what for fault in found]


ASKS = "asks for what may not go by WhatsApp"
LONG = "Dag. " * 819  # 4,095 characters
REFUSED = [
    (made("Kijk op {websit}."), "{websit} has no value, and is none of ours at voorbeeldstad"),
    (made("Wij openen {opent}."), "{opent} is not known when this text is sent"),
    (made("U vroeg iets op {datum}.", "gesloten"), "{datum} is not known when this text is sent"),
    (made("Kijk op {{1}}."), "has a brace that belongs to no placeholder"),
    (made("Kijk op {website."), "has a brace that belongs to no placeholder"),
    (made(f"{LONG}uw."), "it has 4098 characters; Meta takes 4096"),
    (made("Dag. " * 205, button="Kies"), "it has 1025 characters; Meta takes 1024"),
    (made("Dag. " * 205, buttons=("Ja",)), "it has 1025 characters; Meta takes 1024"),
    (made("Kies.", "keuze"), "has no button to open the list with"),
    (
        made("Kies.", button="Kies een onderwerp hier"),
        "its button has 23 characters; Meta takes 20",
    ),
    (made("Kies.", "antwoord_klaar"), "has no buttons to answer with"),
    (made("Kies.", buttons=("Ja", "Ja")), "two options are called the same"),
    (made("Kies.", buttons=tuple("abcd")), "4 options; Meta takes 1 to 3"),
    (made("Bel {telefoon}."), "names the telephone as the only way on"),
    (made("Stuur uw BSN."), "asks for what may not go by WhatsApp: Stuur uw BSN."),
    (made("Kies.", button="Geef uw BSN"), "its button asks for what may not go by WhatsApp"),
    (made("Kies.", buttons=("Uw BSN", "Nee")), f"option 'Uw BSN' {ASKS}"),
    (made("Stuur ons:\n- uw naam\n- uw BSN"), f"{ASKS}: - uw BSN"),
    (made("!"), "is empty"),
    (made("Dag.", words=("!",)), "'!' is no word of at most 60 characters that a citizen may send"),
    (made("Dag.", words=("informatie",)), "'informatie' asks for meer_informatie too"),
]


@pytest.mark.parametrize(("text", "what"), REFUSED)
def test_unfit_text_is_refused(text: Text, what: str, shipped: Texts) -> None:
    assert refused(text, shipped) == [what]


@pytest.mark.parametrize(
    "text",
    [
        made("Kijk op {website}."),
        made("Wij openen {opent}.", "gesloten"),
        made(LONG),
        made("Dag. " * 204, button="Kies een onderwerp!!"),
        made("Kies.", buttons=("Ja", "Nee", "Iets anders, liever")),
        made("Bel {telefoon} of mail naar {mail}."),
    ],
)
def test_fit_text_passes(text: Text, shipped: Texts) -> None:
    assert refused(text, shipped) == []


def test_text_with_options_may_be_less_long() -> None:
    lengths = [made("Kies.", id).max_length for id in ("keuze", "antwoord_klaar", "bsn")]
    assert lengths == [1024, 1024, 4096]


def test_words_and_characters_are_counted_with_values(shipped: Texts) -> None:
    times = "Het is nu erg druk en dat komt door de drukte en {reden}."
    assert refused(made(times, "drukte"), shipped)[0].startswith("a sentence of 18 words")
    body = f"{'Dag. ' * 800}Het is druk door {{reden}}."  # 4,018 characters and 200 for the reason
    assert refused(made(body, "drukte"), shipped) == ["it has 4218 characters; Meta takes 4096"]


def test_text_is_checked_with_the_values_of_its_language(shipped: Texts) -> None:
    town = {"voorbeeldstad": VALUES | {"gemeente_en": "the town of " + "all " * 15}}
    found = list(text_errors(shipped, town))
    assert found and {Path(fault.path).name for fault in found} == {"en.toml"}


def test_fault_at_each_municipality_is_reported_once() -> None:
    texts = Texts({"nl": {"eigen": made("Stuur uw BSN.")}}, {"nl": "nl.toml"})
    found = [fault.what for fault in text_errors(texts, {"a": VALUES, "b": VALUES})]
    assert len([what for what in found if what.startswith("asks")]) == 1


def test_missing_value_is_reported_with_its_municipality(shipped: Texts) -> None:
    text = made("Kijk op {website}.")
    texts = Texts(
        {"nl": {"eigen": text}}, {"nl": "nl.toml"}, (ConfigFault("nl.toml", 0, "file", "x"),)
    )
    found = text_errors(texts, {"a": VALUES, "b": VALUES | {"website": ""}, "c": {}})
    assert [fault.what for fault in found][1:] == [
        "{website} has no value at b",
        "{website} has no value at c",
    ]


def test_first_text_must_fit_in_front_of_a_menu(shipped: Texts) -> None:
    welcome = made("Welkom. " * 120, "eerste_contact")
    assert (
        readability.length(join_texts(welcome.body.strip(), shipped.languages["nl"]["keuze"].body))
        > 1024
    )
    assert refused(welcome, shipped) == [
        "with keuze behind it, it has 1042 characters; Meta takes 1024"
    ]


def test_dutch_must_have_every_text_and_other_languages_only_those(shipped: Texts) -> None:
    dutch, english = dict(shipped.languages["nl"]), dict(shipped.languages["en"])
    del dutch["bsn"], english["gestopt"]
    texts = Texts({"nl": dutch, "en": english}, shipped.paths)
    found = [(Path(fault.path).name, fault.where, fault.what) for fault in text_errors(texts, TOWN)]
    assert found == [
        ("nl.toml", "bsn", "is not there"),
        ("en.toml", "bsn.text", "is not there in Dutch, so nobody else gets it"),
    ]
    lacks = "lacks gestopt: until all are there, citizens get every text in Dutch"
    assert warnings(texts) == [("en.toml", "file", lacks)]
    unread = (ConfigFault(shipped.paths["en"], 9, "gestopt.text", "x"),)
    assert warnings(Texts({"nl": dutch, "en": english}, shipped.paths, unread)) == []


def warnings(
    texts: Texts, town: dict[str, dict[str, str]] = TOWN, *, drafts: bool = True
) -> list[tuple[str, str, str]]:
    """Points about these texts that a person may want to check, with file and place."""
    found = text_warnings(texts, town, drafts=drafts)
    return [(Path(each.path).name, each.where, each.what) for each in found]


@pytest.mark.parametrize("id", ["eerste_contact", "eerste_contact_sober", "bsn"])
@pytest.mark.parametrize(
    ("body", "size"),
    [
        ("Welkom bij {gemeente}. Kijk op {website}.", ""),
        (f"Welkom. Dag {'a' * 307}.", ""),
        (f"Welkom. Dag {'a' * 308}.", "2 sentences and 321"),
        (f"Welkom. {{gemeente}} {'a' * 300}.", "2 sentences and 332"),
        ("Welkom. Dag. Tot ziens.", "3 sentences and 23"),
    ],
)
def test_first_text_that_is_not_read_is_reported(
    id: str, body: str, size: str, shipped: Texts
) -> None:
    texts = Texts({"nl": shipped.languages["nl"] | {id: made(body, id)}}, {"nl": "nl.toml"})
    found = [what.partition(" characters, 2 and 320 at most:")[0] for _, _, what in warnings(texts)
             if what.startswith("has ") and what.endswith("at voorbeeldstad")]  # fmt: skip
    assert found == ([f"has {size}"] if size and id != "bsn" else [])


def test_language_without_values_of_its_own_is_reported(shipped: Texts) -> None:
    values = {name: value for name, value in VALUES.items() if name != "openingstijden_pl"}
    found = warnings(shipped, {"voorbeeldstad": values})
    what = "{openingstijden} is in Dutch: voorbeeldstad has no openingstijden_pl"
    assert found == [("pl.toml", "values", what)]


def test_drafts_are_reported_where_they_are_not_used(shipped: Texts) -> None:
    assert [(path, where) for path, where, _ in warnings(shipped, drafts=False)] == [
        (f"{language}.toml", "draft") for language in ("ar", "de", "pl", "tr", "uk")
    ]


def test_missing_sober_first_text_is_reported(shipped: Texts) -> None:
    dutch = dict(shipped.languages["nl"])
    del dutch["eerste_contact_sober"]
    texts = Texts({"nl": dutch}, shipped.paths)
    assert list(text_errors(texts, TOWN)) == []
    why = "is not there, so who reports a death or a danger gets no first text"
    assert warnings(texts) == [("nl.toml", "eerste_contact_sober", why)]


def test_unreadable_text_is_not_also_missing(tmp_path: Path) -> None:
    for language in ("nl", "en"):
        text = (FOLDER / f"{language}.toml").read_text()
        broken = text.replace("[bsn]\n", "[bsn]\nboton = 7\n")
        (tmp_path / f"{language}.toml").write_text(broken if language == "nl" else text)
    texts = load_texts(tmp_path)
    assert [fault.where for fault in text_errors(texts, TOWN)] == ["bsn.boton"]
    (tmp_path / "nl.toml").write_text("[")
    assert [fault.where for fault in text_errors(load_texts(tmp_path), TOWN)] == ["file"]


def test_translation_with_other_placeholders_is_a_warning(shipped: Texts) -> None:
    english = dict(shipped.languages["en"])
    english["gesloten"] = made("We are closed. Look at {website}.", "gesloten")
    texts = Texts(shipped.languages | {"en": english}, shipped.paths)
    assert warnings(texts) == [("nl.toml", "gesloten.text", "has other placeholders than in Dutch")]


ROW = ("Iets anders, medewerker", "Een medewerker leest uw vraag")
ROWS = [(f"Onderwerp {n}", "") for n in range(9)] + [ROW]
# Rows, text, button of a list; what is told of it.
LISTS: list[tuple[list[tuple[str, str]], str, str, list[str]]] = [
    (ROWS, "Kies.", "Kies onderwerp", []),
    ([("Talk to an employee", "")], "Choose.", "Choose", []),
    ([("Iets anders", "Vraag een medewerker")], "Kies.", "Kies", []),
    ([("x" * 24, "y" * 72), ROW], "z" * 1024, "k" * 20, []),
    ([*ROWS, ("Nog een", "")], "Kies.", "Kies", ["11 options; Meta takes 1 to 10"]),
    ([("x" * 25, ""), ROW], "Kies.", "Kies", [f"option {'x' * 25!r} has 25 characters"]),
    ([("x", "y" * 73), ROW], "Kies.", "Kies", ["what stands under 'x' has 73 characters"]),
    ([("", ""), ROW], "Kies.", "Kies", ["option '' is empty"]),
    ([ROW, ROW], "Kies.", "Kies", ["two options are called the same"]),
    ([ROW], "z" * 1025, "Kies", ["its text has 1025 characters"]),
    ([ROW], " ", "Kies", ["its text is empty"]),
    ([ROW], "Kies.", "k" * 21, ["the button that opens it has 21 characters"]),
    ([ROW], "Kies.", "", ["the button that opens it is empty"]),
    ([("Afval", "")], "Kies of vraag een medewerker.", "Kies", ["no option leads to a person"]),
    ([("Reageer met uw BSN", ""), ROW], "Kies.", "Kies", ["option 'Reageer met uw BSN' asks for"]),
    ([("ID", "App uw ID."), ROW], "Kies.", "Kies", ["what stands under 'ID' asks"]),
    ([("BSN", "Aanvragen, kwijt"), ROW], "Kies.", "Kies", []),
    ([ROW], "Kies.", "Geef uw BSN", ["the button that opens it asks for what may not go"]),
    ([], "Kies.", "Kies", ["0 options; Meta takes 1 to 10", "no option leads to a person"]),
    ([("😊" * 13, ""), ROW], "Kies.", "Kies", [f"option {'😊' * 13!r} has 26 characters"]),
]


@pytest.mark.parametrize(("rows", "body", "button", "starts"), LISTS)
def test_list_must_fit_and_lead_to_a_person(
    rows: list[tuple[str, str]], body: str, button: str, starts: list[str]
) -> None:
    found = list(menu_faults(rows, body, button))
    assert len(found) == len(starts)
    assert all(map(str.startswith, found, starts)), found


BUTTONS = [
    (["Ja", "Nee", "Medewerker"], "Kies.", []),
    (["x" * 20, "medewerker"], "Kies.", []),
    (["Ja", "Nee"], "Kies.", ["no option leads to a person"]),
    (["Ja", "Nee", "Wie", "Medewerker"], "Kies.", ["4 options; Meta takes 1 to 3"]),
    (["x" * 21, "Medewerker"], "Kies.", [f"option {'x' * 21!r} has 21 characters"]),
    (["Medewerker"], "z" * 1025, ["its text has 1025 characters"]),
]


@pytest.mark.parametrize(("titles", "body", "starts"), BUTTONS)
def test_buttons_must_fit_and_lead_to_a_person(
    titles: list[str], body: str, starts: list[str]
) -> None:
    found = list(button_faults(titles, body))
    assert len(found) == len(starts)
    assert all(map(str.startswith, found, starts)), found
