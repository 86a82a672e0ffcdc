"""Thanks that ask for nothing, and what a question makes of them."""

import pytest

from router.text.small_talk import small_talk_kind

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


@pytest.mark.parametrize("text", THANKS)
def test_thanks_that_ask_for_nothing_are_told(text: str) -> None:
    assert small_talk_kind(text) == "thanks"


@pytest.mark.parametrize("text", ["ok", "is goed", "bedankt", "👍"])
@pytest.mark.parametrize("mark", ["?", "??", " ?!", "\uff1f", "\u061f"])
def test_a_question_is_no_thanks(text: str, mark: str) -> None:
    assert small_talk_kind(text) == "thanks"
    assert small_talk_kind(text + mark) == ""
