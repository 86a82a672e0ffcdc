import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import courtesies
from router.courtesies import kind, opt


@pytest.mark.parametrize(
    "text",
    [
        "hoi",
        "Hoi!",
        "hoiii",
        "hoi hoi",
        "Hallo",
        "hallooooo",
        "HALLO",
        "Goedemorgen",
        "goede morgen",
        "goeie morgen",
        "goedemiddag allemaal!",
        "Goedenavond,",
        "hallo is er iemand",
        "Hallo, is daar iemand?",
        "dag gemeente",
        "Dag!",
        "Beste gemeente,",
        "Beste gemeente Almelo",
        "Geachte heer/mevrouw,",
        "Geachte mevrouw de Vries,",
        "Beste Karin",
        "Beste Jolijn",
        "hoi 👋",
        "👋",
        "👋🏽",
        "hoi 😊",
        "hallo 🙏",
        "hi",
        "hi there",
        "hello",
        "Good morning!",
        "hey",
        "heyyy",
        "moi",
        "mag ik iets vragen?",
        "Mag ik u iets vragen",
        "ik heb een vraag",
        "Hoi, ik heb een vraagje",
        "hoi ik heb nog een vraag",
        "bedankt, ik heb nog een vraag",
        "Vraagje",
        "kunt u mij helpen?",
        "Can you help me please?",
        "I have a question",
        "bent u daar?",
        "hallo?",
        "hallo???",
        "merhaba",
        "Selam",
        "İyi günler",
        "iyi akşamlar",
        "Günaydın",
        "dzień dobry",
        "dzien dobry",
        "Cześć",
        "salam",
        "Salaam aleikum",
        "السلام عليكم",
        "مرحبا",
        "أهلا وسهلا",
        "سلام",
        "привіт",
        "Добрий день!",
        "Здравствуйте",
        "bonjour",
        "Bonjour madame",
        "Guten Tag",
        "Hola, buenos días",
        "buongiorno",
        "bom dia",
        "𝐇𝐨𝐢",
        "*Hoi*",
        "_goedemiddag_",
        "Hoi Mark",
        "goedemorgen, hoe gaat het met u?",
        "ok goedemorgen",
        "L.S.",
        "hoi :)",
        "Hallo, groetjes Jan",
        "Hallo goedemiddag",
        "Goedemiddag, ik heb een vraag",
        "Hi, kan ik hier een vraag stellen?",
        "Hallo gemeente Almelo",
        "Beste medewerker,",
        "Geachte gemeente",
        "goeiemorgen!",
        "Hoi, mag ik wat vragen?",
        "Hoi ik had een vraagje",
        "Hallo kunt u mij helpen",
        "Hello, I have a question",
        "Good afternoon",
        "Goedenavond ",
        "Beste heer, mevrouw,",
        "Hallo, alles goed?",
        "hee",
        "Hé",
        "Héé hallo",
    ],
)
def test_a_greeting_is_told_from_a_subject(text: str) -> None:
    assert kind(text) == "greeting"


@pytest.mark.parametrize(
    "text",
    [
        "bedankt",
        "Bedankt!",
        "bedanktttt",
        "dank u wel!",
        "Dank u",
        "dankje",
        "dankjewel",
        "Dank je wel hoor",
        "hartelijk dank",
        "Heel erg bedankt",
        "top bedankt 👍",
        "oke dank",
        "oké, dank u wel",
        "super fijn bedankt voor de snelle hulp",
        "Bedankt voor uw snelle reactie!",
        "bedankt voor het beantwoorden",
        "bedankt voor alles",
        "thanks for your quick reply",
        "Thank you very much",
        "thanks",
        "tnx",
        "thx!",
        "👍",
        "👍🏻",
        "👍👍👍",
        "❤️",
        "🙏",
        "🙏🏾",
        "😊",
        "👌",
        "ok",
        "Oké",
        "okeeee",
        "okay",
        "prima",
        "Prima, dank!",
        "top",
        "Toppie",
        "is goed",
        "dat is goed",
        "Dat is duidelijk",
        "duidelijk, bedankt",
        "begrepen",
        "komt goed",
        "doe ik",
        "fijn",
        "super",
        "perfect",
        "fijne dag nog",
        "Fijne avond!",
        "fijn weekend",
        "u ook fijn weekend",
        "bedankt en nog een fijne dag",
        "Dank u wel en een fijne dag verder",
        "tot ziens",
        "doei",
        "graag gedaan",
        "geen dank",
        "hoi, bedankt",
        "Goedemorgen, dank u wel",
        "bedankt mevrouw",
        "Bedankt Karin",
        "bedankt meneer Jansen",
        "Bedankt, mvg Jan de Vries",
        "mvg",
        "Met vriendelijke groet, J. van der Berg",
        "Hartelijk bedankt. Groetjes Fatima",
        "teşekkürler",
        "tesekkur ederim",
        "Çok teşekkürler",
        "sağol",
        "dziękuję",
        "dziękuję bardzo",
        "شكرا",
        "شكراً جزيلاً",
        "дякую",
        "Спасибо",
        "merci beaucoup",
        "Danke schön",
        "muchas gracias",
        "grazie mille",
        "obrigada",
        "ok :)",
        "<3",
        "bedankt xx",
        "alvast bedankt",
        "Perfect, ik wacht af. Bedankt voor de moeite",
        "ok top 👌🏼",
        "Hartelijk dank voor uw snelle reactie en uw duidelijke uitleg. Ik wens u nog een fijne"
        " dag. Met vriendelijke groet, J. van der Berg",
        "Oke top! Dankjewel voor de info 😊",
        "Helder, dank!",
        "Dank je wel voor je hulp Sanne",
        "ok bedankt voor het terugbellen",
        "Geweldig!! Heel erg bedankt 🙏🏼❤️",
        "Super, dankje!",
        "Ok thx",
        "Is goed hoor",
        "ok is goed dankje",
        "Ok, dan weet ik genoeg. Bedankt",
        "Prima hoor",
        "Thank you so much for your help",
        "Thank you, have a nice day!",
        "Fijn dank je wel!",
        "Fijn, dankjewel",
        "Fijn om te horen, dank!",
        "Mooi zo",
        "🙏🙏🙏",
        "❤",
        "☺️",
        "Danku",
        "Bedankt hoor",
        "bedankt en fijn weekend allemaal",
        "dank u wel voor de moeite",
        "Dank voor je reactie",
        "Top, bedankt voor de reactie!",
        "top! fijne dag",
        "Bedankt voor de informatie.",
        "Duidelijk. Dank u!",
        "ok dank u",
        "teşekkür ederim iyi günler",
        "ok super",
        "merci",
        "Merci!",
        "haha oke",
        "dat is fijn",
        "Bedankt voor de update",
    ],
)
def test_thanks_that_ask_for_nothing_are_told(text: str) -> None:
    assert kind(text) == "thanks"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ja",
        "nee",
        "Ja graag",
        "yes",
        "no",
        "ja bedankt",
        "nee bedankt",
        "nee hoor, bedankt",
        "graag",
        "klopt",
        "ok?",
        "is goed?",
        "bedankt?",
        "bedankt maar ik heb nog een vraag over mijn paspoort",
        "ok maar wanneer komt de container",
        "dank, en hoe zit het met mijn uitkering",
        "Hoi, ik wil mijn paspoort verlengen",
        "goedemorgen wanneer zijn jullie open",
        "hoi paspoort",
        "hoi hulp",
        "help",
        "Hallo, help!",
        "bedankt voor niets",
        "bedankt voor het paspoort",
        "bedankt, maandag",
        "ok maandag",
        "ok 10 uur",
        "10",
        "👎",
        "😡",
        "ok 😡",
        "bedankt 😢",
        "🔥",
        "🆘",
        "hoi 🔥",
        "hoe is het met mijn aanvraag",
        "is er iemand die mij kan bellen",
        "mag ik iets vragen over de woz",
        "ik heb een vraag over parkeren",
        "vraag over afval",
        "goed dat u het zegt maar het klopt niet",
        "dat is niet goed",
        "niet duidelijk",
        "gemeente",
        "mevrouw",
        "mevrouw Jansen",
        "Almelo",
        "stop",
        "afmelden",
        "start",
        "en",
        "nog",
        "...",
        "?",
        "!!",
        "1",
        "123456782",
        "mvg Jan 0612345678",
        "beste gemeente er ligt afval",
        "Geachte mevrouw, mijn container is stuk",
        "hallo ik ben Jan",
        "dag mevrouw mijn buurman schreeuwt",
        "top dat is geregeld, maar de lamp is weer stuk",
        "fijne straat",
        "wat fijn dat het licht weer brandt",
        "hoi hoi ik ga dood",
        "dank voor de reactie, alleen het werkt nog niet",
        "thanks but it is still broken",
        "merhaba pasaport",
        "dzień dobry, paszport",
        "شكرا ولكن عندي سؤال عن الجواز",
        "✋",
        "hoi gemeente paspoort verlengen",
        "goot",
        "het is in orde gekomen met de buren",
        "wil ik",
        "paspoort",
    ],
)
def test_what_may_say_more_is_no_small_talk(text: str) -> None:
    assert kind(text) == ""


STOPS = """stop|STOP|Stop!|stop.|'stop'|stoppp|STOP 🛑|opt-out
|stop berichten|stop met berichten|stop met deze berichten|Please stop|stop a.u.b.|unsubscribe
|Ik wil geen berichten meer ontvangen|geen berichten meer"""
STARTS = "start|START|Start!|opt-in|subscribe"
NEITHER = """|hoi|nee|stop?|stop de bouw|stop met dat vuurwerk|niet stoppen|bushalte stop
|stop stop stop
|afmelden|Afmelden aub|uitschrijven|meld mij af|Abmelden|aanmelden|meld mij weer aan
|kan ik mij hier aanmelden|ik wil mijn zoon uitschrijven|start van het schooljaar"""


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        *(("stop", text) for text in STOPS.split("|")),
        *(("start", text) for text in STARTS.split("|")),
        *(("", text) for text in NEITHER.split("|")),
    ],
)
def test_who_only_says_stop_or_start_opts_out_or_in(choice: str, text: str) -> None:
    assert opt(text) == choice
    assert not (choice and kind(text))


MEANINGS = {
    courtesies.HELLO: "greeting",
    courtesies.SALUTE: "greeting",
    courtesies.ASK: "greeting",
    courtesies.THANKS: "thanks",
    courtesies.ACK: "thanks",
    courtesies.CLOSING: "thanks",
    courtesies.TITLE: "",
    courtesies.FILLER: "",
}
PHRASES: dict[str, str] = {}
"""Phrase -> its kind: that of the first row that it stands in."""
for row, table in courtesies.PHRASES.items():
    for phrase in courtesies._phrases(table):
        PHRASES.setdefault(" ".join(phrase), row)


@pytest.mark.parametrize("row", MEANINGS)
def test_every_phrase_of_the_tables_means_what_its_row_says(row: str) -> None:
    said = {phrase: kind(phrase) for phrase, its in PHRASES.items() if its == row}
    assert said == dict.fromkeys(said, MEANINGS[row])
    assert all(kind(phrase.upper()) == meaning for phrase, meaning in said.items())


NAMED = (courtesies.SALUTE, courtesies.TITLE, courtesies.CLOSING)


@given(st.sampled_from(sorted(PHRASES)), st.sampled_from(["paspoort", "uitkering", "112", "niet"]))
def test_one_word_that_may_be_the_subject_makes_it_no_small_talk(phrase: str, word: str) -> None:
    assert kind(f"{word} {phrase}") == ""
    assert kind(f"{phrase} {word}") == "" or (PHRASES[phrase] in NAMED and word.isalpha())


@given(st.sampled_from(sorted(PHRASES)), st.integers(3, 9))
def test_the_last_letter_may_be_repeated(phrase: str, times: int) -> None:
    assert kind(phrase + phrase[-1] * times) == kind(phrase)


@given(st.lists(st.sampled_from(sorted(PHRASES)), min_size=2, max_size=4))
def test_phrases_one_after_another_are_small_talk_too(phrases: list[str]) -> None:
    """Two of them may begin a longer one that goes on otherwise: `een` of `een fijne dag`."""
    kinds = {PHRASES[phrase] for phrase in phrases}
    if all(MEANINGS[each] == "greeting" for each in kinds):
        assert kind(". ".join(phrases)) == "greeting"


@pytest.mark.parametrize("text", ["ok", "is goed", "bedankt", "👍"])
@pytest.mark.parametrize("mark", ["?", "??", " ?!", "\uff1f", "\u061f"])
def test_a_question_is_no_thanks(text: str, mark: str) -> None:
    assert kind(text) == "thanks"
    assert kind(text + mark) == ""


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_read(text: str) -> None:
    assert kind(text) in ("greeting", "thanks", "")
    assert opt(text) in ("stop", "start", "")
    assert not (kind(text) and opt(text))


@pytest.mark.parametrize("piece", ["hoi ", "o", "groet ", "👍", "ik ", "\ud800", "e\u0301", "ﷺ"])
def test_a_long_text_is_no_small_talk_and_takes_no_time(piece: str) -> None:
    start = time.perf_counter()
    assert kind(piece * 65_536) == opt(piece * 65_536) == ""
    kind(piece * (courtesies.LONGEST // len(piece)))
    assert time.perf_counter() - start < 0.5
