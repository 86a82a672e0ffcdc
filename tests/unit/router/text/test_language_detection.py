"""Language of a text by its script or its small words, or none."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.text.language_detection import (
    READ,
    detect_language,
    detectable_languages,
    load_languages,
)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("nl", "Goedemorgen, ik wil graag mijn paspoort verlengen. Wanneer kan ik langskomen?"),
        ("nl", "hoi ik wil ff vragen of de container al geleegd is"),
        ("nl", "De lantaarnpaal bij ons in de straat is al weken stuk"),
        ("nl", "wanneer wordt het grofvuil opgehaald"),
        ("nl", "Er ligt een dode vogel op het fietspad langs de Kanaaldijk"),
        ("nl", "kan ik morgen nog terecht zonder afspraak?"),
        ("nl", "ben mn pas kwijt wat moet ik doen"),
        ("nl", "Mijn buurman heeft een boom gekapt, mag dat zomaar?"),
        ("nl", "Hoeveel kost een rijbewijs bij jullie"),
        ("nl", "Ik ben verhuisd van de Rue de la Paix naar de Calle Mayor 12"),
        ("nl", "Waarom krijg ik geen antwoord op mijn bezwaar?"),
        ("nl", "Is het gemeentehuis vandaag open?"),
        ("nl", "graag een nieuwe pas voor de ondergrondse container"),
        ("nl", "Hallo, mevrouw Błaszczykowska-Wiśniewska woont niet meer op dit adres"),
        ("nl", "Ik heb een brief gekregen over de belasting maar snap er niks van"),
        ("nl", "wie kan mij helpen met de uitkering"),
        ("nl", "my vraag is hoe ik een afspraak kan maken voor mijn paspoort"),
        ("nl", "Geachte heer, hierbij stuur ik u de foto's van de kapotte stoep"),
        ("en", "Hello, I would like to make an appointment for a new passport"),
        ("en", "when will the garbage be collected in my street?"),
        ("en", "How do I register at the municipality? I just moved here"),
        ("en", "can you help me please with my benefits"),
        ("en", "My neighbour is very noisy and I don't know what to do"),
        ("en", "Is it possible to pay by card at the town hall"),
        ("en", "hi i need info about parking permit for my car"),
        ("en", "There is a broken street light in front of our house"),
        ("en", "I live at Jan van der Heijdenstraat and the container is full"),
        ("de", "Guten Tag, ich möchte einen Termin für meinen Reisepass machen"),
        ("de", "Wann haben Sie am Freitag geöffnet?"),
        ("de", "Ich bin neu in der Stadt und brauche eine Anmeldung"),
        ("de", "wie kann ich meine Adresse ändern"),
        ("de", "Können Sie mir bitte sagen, was das kostet?"),
        ("fr", "Bonjour, je voudrais prendre rendez-vous pour mon passeport"),
        ("fr", "est-ce que la mairie est ouverte demain ?"),
        ("fr", "J'ai reçu une lettre mais je ne comprends pas"),
        ("fr", "Quand est ramassée la poubelle dans notre rue?"),
        ("fr", "comment faire pour avoir une carte de stationnement"),
        ("es", "Hola, quisiera pedir una cita para renovar el pasaporte"),
        ("es", "¿Cuándo está abierto el ayuntamiento?"),
        ("es", "necesito ayuda con la basura de mi calle"),
        ("es", "No puedo pagar los impuestos este mes, qué hago"),
        ("es", "me puede decir donde hay que ir para el carnet"),
        ("tr", "Merhaba, pasaport için randevu almak istiyorum"),
        ("tr", "Belediye bugün açık mı acaba?"),
        ("tr", "cop ne zaman toplanacak bizim sokak icin"),
        ("tr", "Kızım için bir okul yardımı var mı?"),
        ("tr", "Yeni adresimi nasıl bildirebilirim lütfen"),
        ("pl", "Dzień dobry, chciałabym umówić się na wizytę w sprawie paszportu"),
        ("pl", "Kiedy jest odbiór śmieci na mojej ulicy?"),
        ("pl", "Czy urząd jest dzisiaj otwarty"),
        ("pl", "dzien dobry chce sie zameldowac jak moge to zrobic"),
        ("pl", "Potrzebuję pomocy, nie mówię po niderlandzku"),
        ("it", "Buongiorno, vorrei prendere un appuntamento per il passaporto"),
        ("it", "quando passano a ritirare la spazzatura nella nostra strada"),
        ("pt", "Bom dia, gostaria de marcar uma hora para o meu passaporte"),
        ("pt", "quando é que a câmara está aberta? obrigado"),
        ("ro", "Bună ziua, aș vrea să fac o programare pentru pașaport"),
        ("ro", "cand este deschis si ce acte trebuie sa aduc"),
        ("hu", "Jó napot, szeretnék időpontot kérni útlevél miatt, hogyan lehet?"),
        ("so", "waxaan rabaa inaan ballan ka qabsado baasaboor cusub"),
        ("id", "Selamat pagi, saya ingin membuat janji untuk paspor baru"),
        ("ar", "مرحبا، أريد حجز موعد لتجديد جواز السفر"),
        ("ar", "متى تفتح البلدية أبوابها غدا؟"),
        ("ar", "كيف يمكنني الحصول على رخصة القيادة"),
        ("fa", "سلام، من می\u200cخواهم برای گذرنامه وقت بگیرم"),
        ("fa", "چطور می توانم آدرسم را تغییر بدهم"),
        ("uk", "Доброго дня, я хочу записатися на прийом щодо паспорта"),
        ("uk", "Коли вивозять сміття на нашій вулиці?"),
        ("uk", "Підкажіть будь ласка, чи потрібна довідка"),
        ("ru", "Здравствуйте, как мне записаться на приём?"),
        ("ru", "Когда вывозят мусор на нашей улице?"),
        ("ru", "подскажите пожалуйста где можно получить паспорт"),
        ("bg", "Здравейте, искам да си запазя час за паспорт, как може да стане"),
        ("ti", "ሰላም፡ ንሓድሽ ፓስፖርት ቆጸራ ክገብር እደሊ ኣለኹ"),
        ("am", "ሰላም፣ ለአዲስ ፓስፖርት ቀጠሮ መያዝ እፈልጋለሁ"),
        ("zh", "你好，我想预约办理新护照"),
        ("ja", "こんにちは、パスポートの予約をしたいです"),
        ("el", "Καλημέρα, θα ήθελα ένα ραντεβού για το διαβατήριο"),
        ("ta", "வணக்கம், எனக்கு கடவுச்சீட்டு வேண்டும்"),
        ("he", "שלום, אני צריך לקבוע תור לדרכון"),
        ("ur", "مجھے پاسپورٹ کے لیے وقت لینا ہے، آپ کب کھلے ہیں"),
        ("ku", "سڵاو، دەمەوێت کاتێک بۆ پاسپۆرت وەربگرم"),
        ("ps", "سلام، زه غواړم د پاسپورټ لپاره وخت واخلم"),
        ("nl", "hallo kunnen jullie de boom snoeien"),
        ("nl", "Container vol, graag legen aub"),
        ("nl", "moet ik betalen voor parkeren"),
        ("nl", "Mag ik mijn auto hier parkeren?"),
        ("nl", "De straatverlichting doet het niet"),
        ("nl", "bezwaar maken tegen woz waarde hoe doe ik dat"),
        ("nl", "ik zoek een parkeervergunning"),
        ("nl", "Ik heet Fatima en ik woon sinds kort in Almelo"),
        ("nl", "hoe laat gaan jullie open vandaag"),
        ("nl", "heeft u al nieuws over mijn aanvraag?"),
        ("en", "where can i find the form"),
        ("en", "What time do you open today?"),
        ("en", "my trash was not picked up"),
        ("en", "Do you speak English?"),
        ("en", "need help with housing please"),
        ("de", "Ich verstehe das nicht, sprechen Sie Deutsch?"),
        ("de", "Wo ist das Rathaus?"),
        ("fr", "Où est la mairie s'il vous plaît"),
        ("es", "Buenos días, ¿hablan español?"),
        ("tr", "Türkçe bilen biri var mı?"),
        ("pl", "czy ktoś mówi po polsku?"),
        ("pl", "gdzie moge zaplacic podatek"),
        ("tr", "nufus cuzdani kaybettim ne yapmam lazim"),
        ("tr", "bana yardim edebilir misiniz lutfen"),
        # Case, marks and a word from elsewhere change nothing.
        ("nl", "IK WIL GRAAG EEN NIEUW PASPOORT"),
        ("nl", "ik wil graag een nieuw paspoort 🙏🙏🏽"),
        ("nl", "e\u0301e\u0301n vraag over mijn paspoort"),
        ("nl", "Ik wil spreken met Иван Петров over mijn paspoort"),
        ("ru", "Здравствуйте, я звонил в gemeente, мне не ответили"),
        ("nl", "'t is koud, m'n kachel doet het niet en ik heb geen geld"),
        ("fr", "j'ai besoin d'aide s'il vous plaît"),
        ("en", "I don't know what I'm supposed to do"),
        ("tr", "İYİ GÜNLER BİR SORUM VAR NASIL YARDIM ALIRIM LÜTFEN"),
    ],
)
def test_language_is_detected_by_script_or_small_words(language: str, text: str) -> None:
    assert detect_language(text) == language


UNTOLD = [
    " " * 100,
    *("", "hoi", "gm", "ok", "Bonjour", "ik ben ziek", "danke schön", "Jan van der Berg"),
    *("Kerkstraat 12, 7607 AB Almelo", "Calle de la Rosa, Rue du Moulin"),
    *("https://www.almelo.nl/paspoort", "12345678901234567890", "👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍"),
    *("hahahahahahahaha", "Hoi I would like een afspraak maken please for mijn passport"),
    *("Hej, jag vill boka en tid för nytt pass",),
    *("Hej, jeg vil gerne bestille tid til nyt pas",),
    *("Dobrý den, chtěla bych si objednat nový pas", "سلام", "مرحبا", "Привет", "Иван"),
    *("你好", "Ольга Петренко Шевченко", "Łukaszewicz Żółkiewska Ślęzak"),
    *("paspoort paspoort",),
    *("Hei, haluaisin varata ajan uutta passia varten, milloin olette auki",),
    *("Tere, sooviksin aega passi taotlemiseks, millal te avatud olete",),
    *("Labas, norėčiau užsiregistruoti dėl paso, kada jūs dirbate",),
    *("Labdien, es vēlos pieteikties pasei, kad jūs strādājat",),
    *("Dobar dan, trebam novu putovnicu, kako mogu napraviti termin",),
    *("Përshëndetje, dua të bëj pasaportë të re, kur jeni hapur",),
    *("Xin chào, tôi muốn đặt lịch hẹn làm hộ chiếu mới",),
    *("Habari, ningependa kupata pasipoti mpya, mnafungua lini",),
    *("Silav, ez dixwazim ji bo pasaporteke nû randevû bigirim",),
    *("Dobrý deň, chcem si objednať nový pas, kedy máte otvorené",),
    *("Hei, jeg vil gjerne bestille time for nytt pass, når har dere åpent",),
    *("Hallå, när hämtas soporna på vår gata", "Hola Jan"),
    *("Xoş gəlmisiniz, pasport üçün növbə almaq istəyirəm", "wa wa wa lol lol haha xd xd"),
    *("Mijn IBAN NL91ABNA0417164300", "vuilnis niet opgehaald Kerkstraat"),
]


@pytest.mark.parametrize("text", UNTOLD)
def test_no_language_is_detected_in_short_mixed_or_unknown_text(text: str) -> None:
    """Also names and addresses, and the neighbours of languages that are known."""
    assert detect_language(text) == ""


@pytest.mark.parametrize(
    ("accents", "bare"),
    [
        ("Kızım için ne yapmalıyım lütfen", "Kizim icin ne yapmaliyim lutfen"),
        ("Gdzie mogę zapłacić podatek? Proszę", "Gdzie moge zaplacic podatek? Prosze"),
        ("cuándo está abierto y dónde", "cuando esta abierto y donde"),
        ("für was brauche ich das überhaupt", "fur was brauche ich das uberhaupt"),
    ],
)
def test_language_is_detected_without_accents(accents: str, bare: str) -> None:
    assert detect_language(accents) == detect_language(bare) != ""


def test_repeated_word_proves_no_language() -> None:
    assert detect_language("graag graag graag graag") == ""


def test_every_language_is_detected_by_its_own_words() -> None:
    words = load_languages().words
    assert {code: detect_language(own) for code, own in words.items()} == {
        code: code for code in words
    }


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_has_a_language_of_the_file_or_none(text: str) -> None:
    assert detect_language(text) in {"", *detectable_languages()}


def test_language_detection_reads_only_the_beginning() -> None:
    dutch = "ik wil graag weten wanneer het is "
    assert detect_language(dutch.ljust(READ, "-") + "what does this mean please? " * 99) == "nl"


@pytest.mark.parametrize("piece", ["a", "ik ", "é", "ع", "ы ", "漢", "\ud800", "e\u0301", "👍"])
def test_a_long_text_takes_no_longer(piece: str) -> None:
    start = time.process_time()
    detect_language(piece * 65_536)
    assert time.process_time() - start < 1
