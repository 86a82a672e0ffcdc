"""What citizens are told: reading the files, filling in values, and what is refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import plain
from services.faults import Fault
from services.text_checks import (
    WORDS,
    button_faults,
    faults_of,
    menu_faults,
    warnings_of,
)
from services.texts import (
    COMPUTED,
    PLACEHOLDER,
    PLACEHOLDERS,
    TEXTS,
    Text,
    Texts,
    glued,
    lacking,
    load,
    parse,
    rendered,
    values_in,
)

FOLDER = Path(__file__).parents[3] / "deploy/examples/voorbeeldstad/texts"
VALUES = {
    "gemeente": "gemeente Voorbeeldstad",
    "gemeente_en": "the municipality of Voorbeeldstad",
    "openingstijden": "maandag tot en met vrijdag van 9 tot 17 uur",
    "openingstijden_en": "Monday to Friday from 9:00 to 17:00",
    "privacy": "https://www.voorbeeldstad.example/privacy",
    "website": "https://www.voorbeeldstad.example",
    "mail": "gemeente@voorbeeldstad.example",
    "telefoon": "14 0999",
    "formulier": "https://www.voorbeeldstad.example/formulieren",
    "adres": "Postbus 1, 1234 AB Voorbeeldstad",
    "link": "https://www.voorbeeldstad.example/mijn-gegevens",
}
TOWN = {"voorbeeldstad": VALUES}


@pytest.fixture(scope="module")
def shipped() -> Texts:
    return load(FOLDER)


def test_every_text_that_is_shipped_is_fit_to_send(shipped: Texts) -> None:
    assert sorted(shipped.languages) == ["en", "nl"]
    assert [str(fault) for fault in faults_of(shipped, TOWN)] == []
    assert list(warnings_of(shipped)) == []


def test_the_languages_that_are_shipped_have_the_same_texts_and_placeholders(
    shipped: Texts,
) -> None:
    dutch, english = shipped.languages["nl"], shipped.languages["en"]
    assert list(dutch) == list(english) == [id for id in dutch if id in TEXTS]
    assert set(TEXTS) == set(dutch)
    for id in dutch:
        names = [sorted(set(PLACEHOLDER.findall(there[id].body))) for there in (dutch, english)]
        assert names[0] == names[1], id
        assert dutch[id].owner == english[id].owner
        assert len(dutch[id].buttons) == len(english[id].buttons)


def test_every_placeholder_is_used_and_those_that_are_computed_have_their_length() -> None:
    used = {name for text in load(FOLDER).languages["nl"].values() for name in names(text)}
    assert used == set(PLACEHOLDERS)
    assert set(WORDS) == {name for name, source in PLACEHOLDERS.items() if source == COMPUTED}
    assert {name for known in TEXTS.values() for name in known} == set(WORDS)


def names(text: Text) -> list[str]:
    return PLACEHOLDER.findall(text.body)


NUMBERS = {"noodgeval": ["112", "112NL"], "zelfdoding": ["113", "www.113.nl", "112", "112NL"]}
NUMBERS["geweld"] = ["112", "112NL", "0800-2000", "www.veiligthuis.nl", "0800-0432"]


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("id", NUMBERS)
def test_care_texts_name_where_help_is(shipped: Texts, language: str, id: str) -> None:
    text = shipped.find(language, id)
    assert text and all(number in text.body for number in NUMBERS[id])


TELLING = (
    "geweld violence mishandel abuse slaan slaat hit partner man vrouw kind child gezin family"
)


@pytest.mark.parametrize("language", ["nl", "en"])
def test_whoever_reads_along_is_not_told_what_a_message_was_about(
    shipped: Texts, language: str
) -> None:
    text = shipped.find(language, "geweld")
    assert text
    said = set(text.body.casefold().replace(":", " ").replace(".", " ").split())
    assert not said & set(TELLING.split())


def read(text: str, language: str = "nl") -> tuple[dict[str, Text], list[Fault]]:
    return parse(language, text, f"{language}.toml")


GENERAL = 'owner = "KCC"\nversion = "1"\n'


def test_a_text_has_the_owner_and_version_of_its_file_or_its_own() -> None:
    texts, faults = read(
        f'{GENERAL}[een]\ntext = " Dag. "\n[twee]\nowner = "Zorg"\nversion = "2"\n'
        'text = """\nKies. """\nbutton = "Kies"\nbuttons = ["Ja", "Nee"]\n'
    )
    assert faults == []
    assert texts["een"] == Text("nl", "een", "Dag.", "KCC", "1", path="nl.toml", line=4)
    two = Text("nl", "twee", "Kies.", "Zorg", "2", "Kies", ("Ja", "Nee"), "nl.toml", 8)
    assert texts["twee"] == two


# What stands in the file after owner and version; line and place of the fault, words of it.
WRONG = [
    ("[een]\n", 3, "een", "has no text"),
    ('[een]\ntext = ""\n', 3, "een", "has no text"),
    ("[een]\ntext = 7\n", 4, "een.text", "Expected `str`"),
    ('[een]\ntext = "Dag."\nbutton = 7\n', 5, "een.button", "Expected `str`"),
    ('[een]\ntext = "Dag."\nbuttons = "Ja"\n', 5, "een.buttons", "Expected `array`"),
    ('[een]\ntext = "Dag."\nbuttons = ["Ja", 7]\n', 5, "een.buttons", "Expected `str`"),
    ('[een]\ntext = "Dag."\nboton = "Ja"\n', 5, "een.boton", "not known"),
    ('[een]\ntext = "Dag."\nowner = ""\n', 3, "een", "has no owner"),
    ('[Een]\ntext = "Dag."\n', 3, "Een", "is no id"),
    ('een = "Dag."\n', 3, "een", "is no table"),
    ("[een\n", 3, "file", "is no TOML"),
]


@pytest.mark.parametrize(("text", "line", "where", "what"), WRONG)
def test_a_fault_of_form_is_told_with_its_line_and_place(
    text: str, line: int, where: str, what: str
) -> None:
    texts, faults = read(GENERAL + text)
    assert [(fault.path, fault.line, fault.where) for fault in faults] == [("nl.toml", line, where)]
    assert what in faults[0].what
    assert texts == {}


def test_faults_of_the_file_itself_are_told_beside_those_of_its_texts() -> None:
    _, faults = read('version = 7\n[een]\ntext = 7\n[twee]\ntext = "Dag."\n', "Dutch")
    assert [(fault.line, fault.where) for fault in faults] == [
        (0, "file"),
        (1, "version"),
        (2, "een"),
        (3, "een.text"),
        (4, "twee"),
    ]


def test_a_folder_is_read_a_file_for_each_language(tmp_path: Path) -> None:
    (tmp_path / "nl.toml").write_text(f'\ufeff{GENERAL}[een]\ntext = "Dag."\n', "utf-8")
    (tmp_path / "fr.toml").write_bytes(b"\xff")
    (tmp_path / "nl.toml~").write_text("[[[")
    texts = load(tmp_path)
    assert list(texts.languages["nl"]) == ["een"]
    assert [(fault.path, fault.line) for fault in texts.faults] == [(str(tmp_path / "fr.toml"), 0)]


def test_without_dutch_there_is_nothing_to_fall_back_on(tmp_path: Path) -> None:
    texts = load(tmp_path / "nowhere")
    assert [str(fault) for fault in faults_of(texts, TOWN)] == [
        f"{tmp_path}/nowhere/nl.toml:0: file: is not there"
    ]


def test_a_text_is_found_in_its_language_else_in_dutch(shipped: Texts) -> None:
    dutch, english = shipped.languages["nl"], shipped.languages["en"]
    some = Texts({"nl": dutch, "en": {"bsn": english["bsn"]}}, {})
    assert some.find("en", "bsn") == english["bsn"]
    assert some.find("en", "gesloten") == some.find("tr", "gesloten") == dutch["gesloten"]
    assert some.find("nl", "geen") is None


def test_values_are_put_in_once_and_bring_no_placeholders() -> None:
    values = {"gemeente": "{mail}{", "mail": "a\\1 %s {0.__class__}"}
    assert rendered("{gemeente} {mail} {gemeente}", values) == (
        "{mail}{ a\\1 %s {0.__class__} {mail}{"
    )


def test_what_has_no_value_stays_and_is_named() -> None:
    text = "{opent} {mail} {Mail} {} {mail.x} {mail!r} {{mail}} {opent}"
    assert rendered(text, {"mail": "x", "opent": ""}) == (
        "{opent} x {Mail} {} {mail.x} {mail!r} {x} {opent}"
    )
    assert lacking(text, {"mail": "x", "opent": ""}) == ["opent"]


@given(st.text(st.characters()), st.dictionaries(st.sampled_from("ab"), st.text(st.characters())))
def test_a_text_without_placeholders_is_left_alone(text: str, values: dict[str, str]) -> None:
    body = text.replace("{", "(")
    assert rendered(body, values) == body
    assert rendered(f"{body}{{a}}", {"a": text}) == body + (text or "{a}")


def test_a_value_may_differ_between_languages() -> None:
    values = {"mail": "nl@x", "mail_en": "en@x", "website": "x"}
    assert values_in("nl", values)["mail"] == "nl@x"
    assert values_in("en", values)["mail"] == "en@x"
    assert values_in("en", values)["website"] == "x"


def made(body: str, id: str = "eigen", **more: object) -> Text:
    fields = {"button": "", "buttons": ()} | more
    return Text("nl", id, body, "KCC", "1", path="nl.toml", line=9, **fields)  # type: ignore[arg-type]


def refused(text: Text, shipped: Texts) -> list[str]:
    """What is told of one text among all the others."""
    texts = Texts({"nl": shipped.languages["nl"] | {text.id: text}}, {"nl": "nl.toml"})
    found = list(faults_of(texts, TOWN))
    assert {(fault.path, fault.line) for fault in found} <= {("nl.toml", 9)}
    assert {fault.where for fault in found} <= {f"{text.id}.text"}
    return [fault.what for fault in found]


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
    (made("!"), "is empty"),
]


@pytest.mark.parametrize(("text", "what"), REFUSED)
def test_what_may_not_be_sent_is_refused(text: Text, what: str, shipped: Texts) -> None:
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
def test_what_may_be_sent_passes(text: Text, shipped: Texts) -> None:
    assert refused(text, shipped) == []


def test_words_and_characters_are_counted_with_values(shipped: Texts) -> None:
    times = " ".join(["Het is nu erg druk en dat komt door de drukte en {reden}."])
    assert refused(made(times, "drukte"), shipped)[0].startswith("a sentence of 18 words")
    body = f"{'Dag. ' * 800}Het is druk door {{reden}}."  # 4,018 characters and 200 for the reason
    assert refused(made(body, "drukte"), shipped) == ["it has 4218 characters; Meta takes 4096"]


def test_a_value_that_is_missing_is_told_with_the_municipality(shipped: Texts) -> None:
    text = made("Kijk op {website}.")
    texts = Texts({"nl": {"eigen": text}}, {"nl": "nl.toml"}, (Fault("nl.toml", 0, "file", "x"),))
    found = faults_of(texts, {"a": VALUES, "b": VALUES | {"website": ""}, "c": {}})
    assert [fault.what for fault in found][1:] == [
        "{website} has no value at b",
        "{website} has no value at c",
    ]


def test_the_first_text_must_fit_in_front_of_a_menu(shipped: Texts) -> None:
    welcome = made("Welkom. " * 120, "eerste_contact")  # 959 characters without the last space
    assert plain.length(glued(welcome.body.strip(), shipped.languages["nl"]["keuze"].body)) > 1024
    assert refused(welcome, shipped) == [
        "with keuze behind it, it has 1042 characters; Meta takes 1024"
    ]


def test_dutch_must_have_every_text_and_other_languages_only_those(shipped: Texts) -> None:
    dutch, english = dict(shipped.languages["nl"]), dict(shipped.languages["en"])
    del dutch["bsn"], english["gestopt"]
    texts = Texts({"nl": dutch, "en": english}, shipped.paths)
    found = [(Path(fault.path).name, fault.where, fault.what) for fault in faults_of(texts, TOWN)]
    assert found == [
        ("nl.toml", "bsn", "is not there"),
        ("en.toml", "bsn.text", "is not there in Dutch, so nobody else gets it"),
    ]
    warned = [(Path(f.path).name, f.where, f.what) for f in warnings_of(texts)]
    assert warned == [("en.toml", "gestopt", "is not there, so citizens get it in Dutch")]


def test_a_text_that_cannot_be_read_is_not_also_missing(tmp_path: Path) -> None:
    for language in ("nl", "en"):
        text = (FOLDER / f"{language}.toml").read_text()
        broken = text.replace("[bsn]\n", "[bsn]\nboton = 7\n")
        (tmp_path / f"{language}.toml").write_text(broken if language == "nl" else text)
    texts = load(tmp_path)
    assert [fault.where for fault in faults_of(texts, TOWN)] == ["bsn.boton"]
    (tmp_path / "nl.toml").write_text("[")
    assert [fault.where for fault in faults_of(load(tmp_path), TOWN)] == ["file"]


def test_a_translation_with_other_placeholders_is_a_warning(shipped: Texts) -> None:
    english = dict(shipped.languages["en"])
    english["gesloten"] = made("We are closed. Look at {website}.", "gesloten")
    texts = Texts(shipped.languages | {"en": english}, shipped.paths)
    assert [fault.what for fault in warnings_of(texts)] == ["has other placeholders than in Dutch"]


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
    ([], "Kies.", "Kies", ["0 options; Meta takes 1 to 10", "no option leads to a person"]),
    ([("😊" * 13, ""), ROW], "Kies.", "Kies", [f"option {'😊' * 13!r} has 26 characters"]),
]


@pytest.mark.parametrize(("rows", "body", "button", "told"), LISTS)
def test_a_list_must_fit_and_lead_to_a_person(
    rows: list[tuple[str, str]], body: str, button: str, told: list[str]
) -> None:
    found = list(menu_faults(rows, body, button))
    assert len(found) == len(told)
    assert all(what.startswith(start) for what, start in zip(found, told, strict=True)), found


BUTTONS = [
    (["Ja", "Nee", "Medewerker"], "Kies.", []),
    (["x" * 20, "medewerker"], "Kies.", []),
    (["Ja", "Nee"], "Kies.", ["no option leads to a person"]),
    (["Ja", "Nee", "Wie", "Medewerker"], "Kies.", ["4 options; Meta takes 1 to 3"]),
    (["x" * 21, "Medewerker"], "Kies.", [f"option {'x' * 21!r} has 21 characters"]),
    (["Medewerker"], "z" * 1025, ["its text has 1025 characters"]),
]


@pytest.mark.parametrize(("titles", "body", "told"), BUTTONS)
def test_buttons_must_fit_and_lead_to_a_person(
    titles: list[str], body: str, told: list[str]
) -> None:
    found = list(button_faults(titles, body))
    assert len(found) == len(told)
    assert all(what.startswith(start) for what, start in zip(found, told, strict=True)), found
