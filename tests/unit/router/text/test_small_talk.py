"""A greeting is told from a subject, small talk from a question, STOP from a stop of a bus."""

import pytest

from router.text.small_talk import opt_choice, small_talk_kind

GREETINGS = [
    *("hoi", "Hoi!", "hoiii", "hoi hoi", "Hallo", "hallooooo", "HALLO", "Goedemorgen"),
    *("goede morgen", "goeie morgen", "goedemiddag allemaal!", "Goedenavond,"),
    *("hallo is er iemand", "Hallo, is daar iemand?", "dag gemeente", "Dag!"),
    *("Beste gemeente,", "Beste gemeente Almelo", "Geachte heer/mevrouw,"),
    *("Geachte mevrouw de Vries,", "Beste Karin", "Beste Jolijn", "hoi 👋", "👋", "👋🏽"),
    *("hoi 😊", "hallo 🙏", "hi", "hi there", "hello", "Good morning!", "hey", "heyyy"),
    *("moi", "mag ik iets vragen?", "Mag ik u iets vragen", "ik heb een vraag"),
    *("Hoi, ik heb een vraagje", "hoi ik heb nog een vraag"),
    *("bedankt, ik heb nog een vraag", "Vraagje", "kunt u mij helpen?"),
    *("Can you help me please?", "I have a question", "bent u daar?", "hallo?", "hallo???"),
    *("merhaba", "Selam", "İyi günler", "iyi akşamlar", "Günaydın", "dzień dobry"),
    *("dzien dobry", "Cześć", "salam", "Salaam aleikum", "السلام عليكم", "مرحبا"),
    *("أهلا وسهلا", "سلام", "привіт", "Добрий день!", "Здравствуйте", "bonjour"),
    *("Bonjour madame", "Guten Tag", "Hola, buenos días", "buongiorno", "bom dia", "𝐇𝐨𝐢"),
    *("*Hoi*", "_goedemiddag_", "Hoi Mark", "goedemorgen, hoe gaat het met u?"),
    *("ok goedemorgen", "L.S.", "hoi :)", "Hallo, groetjes Jan", "Hallo goedemiddag"),
    *("Goedemiddag, ik heb een vraag", "Hi, kan ik hier een vraag stellen?"),
    *("Hallo gemeente Almelo", "Beste medewerker,", "Geachte gemeente", "goeiemorgen!"),
    *("Hoi, mag ik wat vragen?", "Hoi ik had een vraagje", "Hallo kunt u mij helpen"),
    *("Hello, I have a question", "Good afternoon", "Goedenavond ", "Beste heer, mevrouw,"),
    *("Hallo, alles goed?", "hee", "Hé", "Héé hallo"),
]


@pytest.mark.parametrize("text", GREETINGS)
def test_a_greeting_is_told_from_a_subject(text: str) -> None:
    assert small_talk_kind(text) == "greeting"


AMBIGUOUS = [
    *("", "ja", "nee", "Ja graag", "yes", "no", "ja bedankt", "nee bedankt"),
    *("nee hoor, bedankt", "graag", "klopt", "ok?", "is goed?", "bedankt?"),
    *("bedankt maar ik heb nog een vraag over mijn paspoort",),
    *("ok maar wanneer komt de container", "dank, en hoe zit het met mijn uitkering"),
    *("Hoi, ik wil mijn paspoort verlengen", "goedemorgen wanneer zijn jullie open"),
    *("hoi paspoort", "hoi hulp", "help", "Hallo, help!", "bedankt voor niets"),
    *("bedankt voor het paspoort", "bedankt, maandag", "ok maandag", "ok 10 uur", "10"),
    *("👎", "😡", "ok 😡", "bedankt 😢", "🔥", "🆘", "hoi 🔥", "hoe is het met mijn aanvraag"),
    *("is er iemand die mij kan bellen", "mag ik iets vragen over de woz"),
    *("ik heb een vraag over parkeren", "vraag over afval"),
    *("goed dat u het zegt maar het klopt niet", "dat is niet goed", "niet duidelijk"),
    *("gemeente", "mevrouw", "mevrouw Jansen", "Almelo", "stop", "afmelden", "start", "en"),
    *("nog", "...", "?", "!!", "1", "123456782", "mvg Jan 0612345678"),
    *("beste gemeente er ligt afval", "Geachte mevrouw, mijn container is stuk"),
    *("hallo ik ben Jan", "dag mevrouw mijn buurman schreeuwt"),
    *("top dat is geregeld, maar de lamp is weer stuk", "fijne straat"),
    *("wat fijn dat het licht weer brandt", "hoi hoi ik ga dood"),
    *("dank voor de reactie, alleen het werkt nog niet", "thanks but it is still broken"),
    *("merhaba pasaport", "dzień dobry, paszport", "شكرا ولكن عندي سؤال عن الجواز", "✋"),
    *("hoi gemeente paspoort verlengen", "goot", "het is in orde gekomen met de buren"),
    *("wil ik", "paspoort"),
]


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_ambiguous_text_is_no_small_talk(text: str) -> None:
    assert small_talk_kind(text) == ""


STOPS = """stop|STOP|Stop!|stop.|'stop'|stoppp|STOP 🛑|opt-out
|stop berichten|stop met berichten|stop met deze berichten|Please stop|stop a.u.b.|unsubscribe
|Ik wil geen berichten meer ontvangen|geen berichten meer
|afmelden|Afmelden aub|AFMELDEN!|Graag afmelden|Graag afmelden, dank u wel|afmelden a.u.b.
|uitschrijven|Uitschrijven alstublieft|uitschrijven graag.|Uitschrijven, bedankt
|afmelden voor deze berichten|graag uitschrijven van de berichten"""
STARTS = "start|START|Start!|opt-in|subscribe"
NEITHER = """|hoi|nee|stop?|stop de bouw|stop met dat vuurwerk|niet stoppen|bushalte stop
|stop stop stop
|meld mij af|Abmelden|aanmelden|meld mij weer aan|afmelden?|Afmelden voor de afspraak
|mijn kind uitschrijven van school|mijn kind uitschrijven|graag mijn kind afmelden|hond afmelden
|ik wil mij uitschrijven|uitschrijven van mijn adres|graag uitschrijven uit Almelo|afmelden hond
|afmelden voor de app|afmelden voor vrijdag|niet afmelden|uitschrijven kvk
|afmelden graag morgen bellen|kan ik mij hier aanmelden|ik wil mijn zoon uitschrijven
|start van het schooljaar"""


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        *(("stop", text) for text in STOPS.split("|")),
        *(("start", text) for text in STARTS.split("|")),
        *(("", text) for text in NEITHER.split("|")),
    ],
)
def test_stop_or_start_alone_opts_out_or_in(choice: str, text: str) -> None:
    assert opt_choice(text) == choice
    assert not (choice and small_talk_kind(text))
