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


THANKS = [
    *("bedankt", "Bedankt!", "bedanktttt", "dank u wel!", "Dank u", "dankje", "dankjewel"),
    *("Dank je wel hoor", "hartelijk dank", "Heel erg bedankt", "top bedankt 👍"),
    *("oke dank", "oké, dank u wel", "super fijn bedankt voor de snelle hulp"),
    *("Bedankt voor uw snelle reactie!", "bedankt voor het beantwoorden"),
    *("bedankt voor alles", "thanks for your quick reply", "Thank you very much", "thanks"),
    *("tnx", "thx!", "👍", "👍🏻", "👍👍👍", "❤️", "🙏", "🙏🏾", "😊", "👌", "ok", "Oké", "okeeee"),
    *("okay", "prima", "Prima, dank!", "top", "Toppie", "is goed", "dat is goed"),
    *("Dat is duidelijk", "duidelijk, bedankt", "begrepen", "komt goed", "doe ik", "fijn"),
    *("super", "perfect", "fijne dag nog", "Fijne avond!", "fijn weekend"),
    *("u ook fijn weekend", "bedankt en nog een fijne dag"),
    *("Dank u wel en een fijne dag verder", "tot ziens", "doei", "graag gedaan"),
    *("geen dank", "hoi, bedankt", "Goedemorgen, dank u wel", "bedankt mevrouw"),
    *("Bedankt Karin", "bedankt meneer Jansen", "Bedankt, mvg Jan de Vries", "mvg"),
    *("Met vriendelijke groet, J. van der Berg", "Hartelijk bedankt. Groetjes Fatima"),
    *("teşekkürler", "tesekkur ederim", "Çok teşekkürler", "sağol", "dziękuję"),
    *("dziękuję bardzo", "شكرا", "شكرا\u064b جزيلا\u064b", "дякую", "Спасибо"),
    *("merci beaucoup", "Danke schön", "muchas gracias", "grazie mille", "obrigada"),
    *("ok :)", "<3", "bedankt xx", "alvast bedankt"),
    *("Perfect, ik wacht af. Bedankt voor de moeite", "ok top 👌🏼"),
    "Hartelijk dank voor uw snelle reactie en uw duidelijke uitleg. Ik wens u nog een fijne dag."
    " Met vriendelijke groet, J. van der Berg",
    *("Oke top! Dankjewel voor de info 😊", "Helder, dank!"),
    *("Dank je wel voor je hulp Sanne", "ok bedankt voor het terugbellen"),
    *("Geweldig!! Heel erg bedankt 🙏🏼❤️", "Super, dankje!", "Ok thx", "Is goed hoor"),
    *("ok is goed dankje", "Ok, dan weet ik genoeg. Bedankt", "Prima hoor"),
    *("Thank you so much for your help", "Thank you, have a nice day!"),
    *("Fijn dank je wel!", "Fijn, dankjewel", "Fijn om te horen, dank!", "Mooi zo", "🙏🙏🙏"),
    *("❤", "☺️", "Danku", "Bedankt hoor", "bedankt en fijn weekend allemaal"),
    *("dank u wel voor de moeite", "Dank voor je reactie", "Top, bedankt voor de reactie!"),
    *("top! fijne dag", "Bedankt voor de informatie.", "Duidelijk. Dank u!", "ok dank u"),
    *("teşekkür ederim iyi günler", "ok super", "merci", "Merci!", "haha oke"),
    *("dat is fijn", "Bedankt voor de update"),
]
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


KINDS = {"greeting": GREETINGS, "thanks": THANKS, "": AMBIGUOUS}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind in KINDS for text in KINDS[kind]])
def test_small_talk_is_told_from_a_subject_or_a_question(kind: str, text: str) -> None:
    assert small_talk_kind(text) == kind


@pytest.mark.parametrize("text", ["ok", "is goed", "bedankt", "👍"])
@pytest.mark.parametrize("mark", ["?", "??", " ?!", "\uff1f", "\u061f"])
def test_thanks_with_a_question_mark_are_no_small_talk(text: str, mark: str) -> None:
    assert small_talk_kind(text) == "thanks"
    assert small_talk_kind(text + mark) == ""


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
