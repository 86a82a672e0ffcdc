"""Is a whole text only small talk: a greeting, thanks, or a word that opts out or in? Pure.

Every word must be known: one that is not may be the subject, and then this is no small talk. A
greeting has no subject yet, so it must not decide where a conversation goes; thanks ask for
nothing, so they make no task.

A lone `ja` or `nee` is neither: it may answer a question of ours, and then there is work to do.
`Ok`, `prima` and a thumb count as thanks, for that is what they nearly always are after an answer.
"""

import itertools
import re
import string
import unicodedata
from collections.abc import Iterator
from typing import Literal

import msgspec

Kind = Literal["greeting", "thanks", ""]
Choice = Literal["stop", "start", ""]

LONGEST, LONGEST_OPT = 200, 60
"""Characters of small talk, and of opting out: nobody needs more."""

HELLO, SALUTE, ASK, THANKS = "hello", "salute", "ask", "thanks"
ACK, CLOSING, TITLE, FILLER = "ack", "closing", "title", "filler"

PHRASES = {
    HELLO: """hoi/hallo/hai/haai/hey/hee/he/hi/yo/moi/moin/dag/daag/gegroet/gm/ls, l s,
        goede/goeden/goeie/goeien morgen/middag/avond/dag, goedemorgen/goeiemorgen/goedemiddag,
        goeiemiddag/goedenavond/goedeavond/goededag/goedendag/goeiedag, hoe gaat/is het,
        hoe gaat het met u/je/jullie, alles goed, hello/hi/hey there?, morning,
        good morning/afternoon/evening/day, dear sir/madam, dear sir or madam,
        how are you doing?, guten tag/morgen/abend, gruss gott, servus,
        sehr geehrte damen und herren, bonjour/bonsoir/salut/coucou madame/monsieur?, hola,
        muy? buenas, buenos dias, buenas tardes/noches, ciao, salve, buongiorno, buonasera, ola,
        bom dia, boa tarde/noite, buna ziua/seara/dimineata?, bon dia/tardi/nochi, fawaka,
        jo napot, szia, dobry den, selamat pagi/siang, dzien dobry, dobry wieczor, czesc, witam,
        hej, siema, dobar dan, zdravo, merhaba/merhabalar/selam/selamlar/gunaydin/slm,
        iyi gunler/aksamlar, hayirli gunler, selamun aleykum, selamunaleykum,
        salam/salaam aleikum/alaikum/aleykum/alaykum?,
        assalam/assalamu/assalamoe aleikum/alaikum/alaikoem/aleykum/alaykum, as salamu alaykum,
        assalamualaikum, salaan, مرحبا, هلا, اهلا وسهلا?, سلام عليكم?, السلام عليكم,
        السلام عليكم ورحمة الله وبركاته?, صباح/مساء الخير, درود, привіт, вітаю,
        добрий день/ранок/вечір, доброго дня/ранку/вечора, привет, здравствуйте, здрасте,
        добрый день/вечер, доброе утро, здравейте, здрасти, добър ден, ሰላም, 你好, 您好, שלום,
        γεια σας, καλημερα""",
    SALUTE: "beste/geachte/lieve/dear/sayin/cher/chere/estimado/estimada, sehr geehrte/geehrter",
    ASK: """is er/daar iemand, is er? iemand daar/aanwezig, iemand daar/aanwezig,
        bent u er/daar, ben je er/daar, zijn jullie er/daar,
        een/klein/kort/korte? vraag/vraagje, vraag/vraagje voor u/jullie,
        ik? heb/had nog? een vraag/vraagje, ik? heb/had nog? vragen,
        ik? heb/had nog? een? paar/wat vragen, ik zou graag? iets/wat willen vragen,
        ik wil/wou/wilde graag/even/ff? iets/wat vragen, ik wil/zou graag? een vraag stellen,
        mag/kan ik u/je/jullie? nog/even/hier? iets/wat vragen, kan ik hier vragen stellen,
        mag/kan ik u/je/jullie? nog/even/hier? een vraag stellen, kunt u mij/me helpen,
        kun je mij/me helpen, kunnen jullie mij/me helpen, kan iemand mij/me helpen,
        is? anyone/anybody there, are you there, i have a/another question, quick? question,
        i have some questions, i have a few questions, can/may i ask you? something,
        can/may i ask you? a question, can you/someone help me please?,
        ich habe/hatte eine frage, j ai une question, tengo una pregunta, ho una domanda,
        mam pytanie, bir sorum var, bir sey sorabilir miyim, عندي/لدي سؤال, маю питання,
        у мене/меня питання/вопрос""",
    THANKS: """hartelijk/vriendelijk/ontzettend/tof? bedankt, bedank/bedankje/bedankjes,
        dank wel, hartelijk/vriendelijk/veel? dank, dank u/je/jullie wel/zeer?,
        danku/dankuwel/dankje, dankjewel, bij voorbaat dank, ik/wij dank/danken u/je/jullie,
        ik wil u/je/jullie bedanken, u wordt bedankt, graag gedaan, geen dank, thank you/u,
        thank you very/so much, thankyou, thanks/thx/tnx/thnx/tx/thanx/ty/tysm, many thanks,
        thanks a lot, thanks in advance, cheers, much appreciated, merci beaucoup/bien?,
        mercie/mersi, danke schon/sehr?, dankeschon, vielen/besten/herzlichen dank,
        muchas/mil? gracias, grazie mille?, muito? obrigado/obrigada, va? multumesc mult?,
        masha? danki, koszonom, koszi, terima kasih, mahadsanid, zor? spas,
        bardzo? dziekuje bardzo?, wielkie? dzieki wielkie?, cok? tesekkurler,
        cok? tesekkur ederim/ederiz, cok? sagol/sagolun, sag ol/olun, eyvallah,
        allah razi olsun, yardiminiz/cevabiniz/ilginiz icin, شكرا جزيلا/لك/لكم/كثيرا?, الف شكر,
        مشكور/مشكورين, جزاك الله خيرا, خیلی? ممنون, متشکرم, مرسی, дуже/щиро? дякую вам?,
        дуже вам дякую, спасибі, большое? спасибо большое/вам?, благодаря, хвала, የቐንየለይ,
        የቀንየለይ, አመሰግናለሁ, 谢谢, תודה, ευχαριστω,
        nog? een? fijne/prettige/goede dag/avond/middag/week/vakantie/reis nog/verder?,
        nog? een? fijn/prettig/goed weekend nog/verder?, ik? wens u/je/jullie, fijne feestdagen,
        u/jij/jullie ook, insgelijks, van? hetzelfde, doei, doeg, dag hoor,
        tot ziens/dan/morgen/straks/later, welterusten, goedenacht,
        have a nice/good/great day/evening/weekend, bye bye?, goodbye, you too, same to you,
        you are welcome, schonen tag/abend noch?, bonne journee/soiree, au revoir, milego dnia,
        iyi calismalar""",
    ACK: """ok/oke/okee/okay/okidoki/okido/okie/okej/oki/okey/k/kk/top/topper/toppers/toppie/prima,
        fijn/super/superfijn/geweldig/perfect/perfekt/mooi/goed/leuk/helder/duidelijk/begrepen,
        keurig/netjes/klasse/tof/cool/nice/great/good/alright/understood/clear/geregeld/genoteerd,
        goed/fijn/duidelijk zo, dat/het? is goed/fijn/mooi/duidelijk/helder/geregeld,
        das goed/fijn, dat is/komt in orde, in orde, komt goed/orde, komt in orde,
        goed/fijn om? te weten/horen, wat fijn/goed/lief/snel/aardig/leuk, lekker snel,
        ik begrijp/snap het/u, snap/begrijp ik, dat? doe ik, dat? ga/zal ik doen, gaan we doen,
        ik wacht af, dan? weet ik genoeg/dat, ik weet genoeg, zo/nu/dan weet ik genoeg,
        hier/daar kan ik wat/verder mee, hier/daar heb ik wat aan, ik ben geholpen/blij,
        daar? ben ik blij mee, all right, got it, i understand/see, vale, alles klar, genau,
        wunderbar, tamam, tamamdir, dobrze, تمام, حسنا, طيب, добре, гаразд, зрозуміло, хорошо,
        понятно, ладно, haha/hihi/hehe/lol/xd/x/xx/xxx/ah/aha/oh""",
    CLOSING: """groet/groeten/groetjes van?, gr/grtjs/mvg, met vr? gr/groet, kind/best? regards,
        met? vriendelijke/hartelijke groet/groeten, best wishes, mit freundlichen grussen,
        liebe grusse, cordialement, saludos, pozdrawiam, saygilar/saygilarimla""",
    TITLE: """gemeente/team, mevrouw/mevr/mw/meneer/mijnheer/dhr/heer, de heer, frau/herr,
        madame/monsieur, senora/senor, mrs/mr/ms""",
    FILLER: """dames, mensen, allemaal, allen, iedereen, collega, collegas, medewerkers, jullie,
        daar, hier, helemaal, en, ook, hoor, echt, heel, erg, zeer, nogmaals,
        in ieder/elk geval, voor nu, alvast, nog, dan, weer, zo, and, again, all, everyone,
        everybody, schat, lieverd, kanjers, und, et, y, i, cok, pani, panstwa, wam, sir, madam""",
}
"""Kind of phrase -> phrases in plain words, of the languages that a town meets: `a/b` is a or b, a
word with ? may be missing. ASK announces a question and has none yet. After a SALUTE or a TITLE
stands a name, after a CLOSING nothing but one. FILLER says nothing by itself."""

NAMES = """ahmed ali anna anne ayse bart bram chris daan dennis emma eric erik esther eva fatima
femke hanneke hans henk herman inge ingrid irene jan jeroen joost karin kevin lars laura linda
lisa maaike maarten marc maria marianne marieke marijke marjolein mark martijn martin michel
mohamed mohammed monique mustafa nienke nina omar patricia patrick paul paula peter petra piet
rachid richard robert ruud sander sandra sanne sara saskia sjoerd sofie sonja stefan suzanne
thomas vincent wouter"""
"""First names that one at a town hall is likely to be thanked by. None that is a word, as roos."""
PARTICLES = "al de den der el la le ten ter van von"
"""Before a surname."""
FOR = "voor for fur pour por za за"
FAVOURS = """aandacht advies afhandeling aide alle alles antwoord antwoorden antwort ayuda
beantwoorden bellen bericht berichtje de deze die dit doorgeven doorsturen duidelijke een en
everything fijne geduld gesprek goede great heldere help het hilfe hulp ihre info informatie
information inspanning je jouw jullie kind link me medewerking meedenken mij moeite oplossen our
pomoc prettige quick reactie reageren regelen reply reponse response respuesta schnelle service
snelheid snelle support terugbellen terugkoppeling the tijd time tip to u uitgebreide uitleg
update uw votre vriendelijke werk you your відповідь допомогу"""
"""What thanks are for, after one of FOR, in as many of these words as one likes."""

SYMBOLS = {
    HELLO: "👋🙋",
    ACK: "👍👌🙏🤝👏🙌💪🫶🫡❤♥🧡💛💚💙💜🤎🖤🤍💕💖💗💓💞💝😊🙂😀😃😄😁😆😅😂🤣☺🤗😘🥰😍😉😎🤩😇😌🥳"
    "✅✔☑💯🎉🎊🌹💐🌸🌷🌼🌺🌻🍀☀🌞⭐🌟✨",
}
"""Kind -> emojis. Any other (angry, crying, burning) may say something."""

OPTS: dict[Choice, str] = {
    "stop": """stop maar/nu/aub/alsjeblieft/alstublieft/please/app/appen/whatsapp/messages/all?,
        stop a u b, please stop, stop met? de/deze? berichten/sturen/appen sturen?, stoppen,
        stopall, ik wil geen berichten meer? ontvangen?, geen berichten meer? ontvangen?,
        unsubscribe, opt out, optout,
        graag/please? afmelden/uitschrijven maar/nu/graag/aub/svp/alsjeblieft/alstublieft/please?,
        graag? afmelden/uitschrijven bedankt/dank/dankjewel/dankuwel, afmelden/uitschrijven a u b,
        graag? afmelden/uitschrijven dank u/je wel, afmelden/uitschrijven s v p,
        graag? afmelden/uitschrijven voor/van de/deze? berichten/appjes aub/graag?""",
    "start": """start maar/weer/berichten?, subscribe, opt in, optin, unstop""",
}
"""What opts out of messages that nobody asked for, and in again. `Afmelden` and `uitschrijven` by
themselves, and politely, but with nothing else: a citizen who says more to a town hall means an
appointment, a school or an address."""

_FACES = frozenset(":;=<")
"""What every emoticon begins with."""
_EMOTICON = re.compile(r"[:;=<](?<!\w.)(?:'?-?[)\]DdPp]|3)(?!\w)")
_WORD = re.compile(r"[^\W_]+")
_MARK = re.compile("[\u0300-\u036f\u064b-\u0655]")  # accents, Arabic vowels
_SYMBOL = re.compile(r"[^\w\s\U0001f3fb-\U0001f3ff♀♂]")  # without skin tones
_REPEATED = re.compile(r"(.)\1+")
_ASKED = re.compile("[?\uff1f\u061f]")


def kind(text: str) -> Kind:
    """What the whole text is, '' for anything else. Words weigh more than emojis: `hallo 🙏` asks
    for something. With a question mark thanks are none."""
    kinds = _kinds(text) if len(text) <= LONGEST else frozenset()
    if ASK in kinds or (kinds & {HELLO, SALUTE} and THANKS not in kinds):
        return "greeting"
    return "thanks" if kinds & {THANKS, ACK, CLOSING} and not _ASKED.search(text) else ""


def opt(text: str) -> Choice:
    """Whether the whole text asks to be sent no more messages, or to be sent them again."""
    if len(text) > LONGEST_OPT or _ASKED.search(text):
        return ""
    words = _words(text)
    if not words or words[0][0] not in _OPTS_BEGIN:  # most of them
        return ""
    return _OPTS.get(tuple(words)) or _OPTS.get(tuple(map(_squeezed, words)), "")


def _words(text: str) -> list[str]:
    """In lower case, without accents."""
    if text.isascii():  # most of them
        return _WORD.findall(text.lower())
    folded = unicodedata.normalize("NFKD", text).casefold()
    return _WORD.findall(_MARK.sub("", folded).replace("ł", "l").replace("ı", "i"))


def _squeezed(word: str) -> str:
    """Each letter once, and a mark, for without it halen would be hallen: hallooo -> ~halo."""
    return "~" + _REPEATED.sub(r"\1", word)


def _spellings(word: str) -> tuple[str, ...]:
    """Under which a word may be known, the surest first: mooiii, mooi, ~moi."""
    if not _REPEATED.search(word):
        return (word,)
    return word, word.rstrip(word[-1]) + word[-1], _squeezed(word)


def _phrases(table: str) -> Iterator[tuple[str, ...]]:
    """All that a row of a table stands for."""
    for written in table.split(","):
        choices = [w.rstrip("?").split("/") + [""] * w.endswith("?") for w in written.split()]
        for phrase in itertools.product(*choices):
            yield tuple(_words(" ".join(phrase)))


class _Node(msgspec.Struct):
    """Words that go on from here, and the kind of the phrase that ends here, '' for none."""

    on: dict[str, "_Node"] = {}
    kind: str = ""


def _tree() -> _Node:
    root = _Node()
    for kind, table in [*PHRASES.items(), (FILLER, ",".join(NAMES.split()))]:
        for phrase in _phrases(table):
            node = root
            for word in phrase:
                following = node.on.setdefault(word, _Node())
                node.on.setdefault(_squeezed(word), following)
                node = following
            node.kind = node.kind or kind
    return root


_TREE = _tree()
_BEFORE_NAME = frozenset([*PARTICLES.split(), *string.ascii_lowercase])
_FOR, _FAVOURS = frozenset(FOR.split()), frozenset(FAVOURS.split())
_KNOWN = {word for table in PHRASES.values() for phrase in _phrases(table) for word in phrase}
_ALSO_NAMES = _BEFORE_NAME.union(NAMES.split())
_KNOWN |= _ALSO_NAMES | _FOR | _FAVOURS
_KNOWN |= set(map(_squeezed, _KNOWN))
_SYMBOLS = {symbol: kind for kind, symbols in SYMBOLS.items() for symbol in symbols}
_OPTS = {phrase: choice for choice, table in OPTS.items() for phrase in _phrases(table)}
_OPTS_BEGIN = frozenset(phrase[0][0] for phrase in _OPTS)
_OPTS |= {tuple(map(_squeezed, phrase)): choice for phrase, choice in _OPTS.items()}


def _kinds(text: str) -> frozenset[str]:
    """Those of all phrases and emojis in a text; none if there is anything else in it."""
    if not _FACES.isdisjoint(text):
        text = _EMOTICON.sub("☺", text)
    kinds = set(_kinds_of_words(text))
    if not text.isascii():
        symbols = (c for c in _SYMBOL.findall(text) if unicodedata.category(c)[0] not in "PCM")
        kinds.update(_SYMBOLS.get(symbol, "") for symbol in symbols)
    return frozenset() if "" in kinds else frozenset(kinds)


def _kinds_of_words(text: str) -> Iterator[str]:
    """The kinds of the phrases in their order; '' and no more where there is none."""
    words = _words(text)
    at, kind, thanked = 0, "", False
    while at < len(words):
        size = _name(words, at, kind) or (_favour(words, at) if thanked else 0)
        kind = FILLER
        if not size:
            size, kind = _phrase(words, at)
        yield kind
        if not size:
            return
        at, thanked = at + size, thanked or kind == THANKS


def _phrase(words: list[str], at: int) -> tuple[int, str]:
    """How many words the longest phrase has that stands here, and its kind; 0 and '' for none."""
    node, found = _TREE, (0, "")
    for end in range(at, len(words)):
        following = node.on.get(words[end]) or _respelled(node, words[end])
        if not following:
            break
        node = following
        if node.kind:
            found = end + 1 - at, node.kind
    return found


def _respelled(node: _Node, word: str) -> _Node | None:
    if not _REPEATED.search(word):
        return None
    return next((node.on[known] for known in _spellings(word) if known in node.on), None)


def _favour(words: list[str], at: int) -> int:
    """How many words there are here of one like `voor de snelle reactie`."""
    if words[at] not in _FOR:
        return 0
    favour = list(itertools.takewhile(_FAVOURS.__contains__, words[at + 1 :]))
    return 1 + len(favour) if favour else 0


def _name(words: list[str], at: int, after: str) -> int:
    """How many words there are here of a name, after a phrase of this kind: one that is not known,
    or at the end of a text up to two."""
    if after == CLOSING:
        strange = list(itertools.filterfalse(_ALSO_NAMES.__contains__, words[at:]))
        return len(words) - at if len(strange) <= 2 and all(map(_is_strange, strange)) else 0
    if after not in (SALUTE, TITLE):
        return 0
    before = list(itertools.takewhile(_BEFORE_NAME.__contains__, words[at:]))
    name = at + len(before)
    return len(before) + 1 if name < len(words) and _is_strange(words[name]) else 0


def _is_strange(word: str) -> bool:
    return word.isalpha() and _KNOWN.isdisjoint(_spellings(word))
