"""In which language a text is written: by its script, else by its small words. Pure.

Only small words count, and the more, the fewer languages have them, so that names of people and
streets say nothing. Where that is not enough the answer is '': whoever asks has a language of
their own to fall back on.
"""

import re
import unicodedata

READ = 2000
"""Characters that are looked at: what a language is shows long before."""
SHORTEST = 15
"""Characters of a text in Latin letters: of a shorter one, no way of telling is right often enough
(`hoi` is said in six languages)."""
LETTERS = 4
"""Of another script: with fewer it may be a name or an emoticon."""
WEIGHTS = {1: 12, 2: 3, 3: 1}
"""Languages that have a word -> what it weighs. What more of them have says nothing."""
LETTER = 6
"""Weight of a letter that only one of them has. It only adds to words: names have letters too."""
ENOUGH = 18
"""Weight that is needed: one telling word may be a name."""
CLEARLY = 2
"""How many times the weight of the next language, so that a mixed text is told by its larger part
or not at all."""
RARE = 60
"""A letter that tells a language in another's script must be one in so many: names have it too."""

GREETINGS = {
    "good morning": "en",
    "good afternoon": "en",
    "good evening": "en",
    "hi there": "en",
    "hello there": "en",
    "guten tag": "de",
    "guten morgen": "de",
    "guten abend": "de",
    "buenos dias": "es",
    "buenas tardes": "es",
    "merhaba": "tr",
    "dzień dobry": "pl",
    "dzien dobry": "pl",
}
"""Whole texts, too short to be told otherwise, that are said in one language alone."""
LONGEST_GREETING = 20
"""Characters, with what stands around it."""

WORDS = {
    "nl": """aan afspraak al alleen als alstublieft ander andere aub bedankt ben bent bij bijna
        binnen daar dan dank dat de deze die dit doen door dus een eens en er even ff fijn gaan
        gaat geachte geen gemaakt gemeente goed goedemiddag goedemorgen goedenavond gr graag gwn
        haar had hallo heb hebben hebt heeft heel heet hem het hier hierbij hij hoe hoelang
        hoeveel hoi iemand ik in is ja jaar je jij jullie kan kon kunnen kunt kwijt langs m maar
        mag maken man me meer met mevrouw mij mijn moet moeten mogelijk morgen n na naar nee
        niet niets nieuw nieuwe nodig nog nu of om omdat onder ons onze ook op open over
        paspoort per plus s sinds staat steeds straat stuur t te tot tussen u uit uw van vandaag
        veel volgens voor vraag vragen waar waarom wanneer want waren was wat we weer weet weken
        wel welke werd wie wij wil willen wilt word worden wordt zal ze zich zijn zo zoek zonder
        zou""",
    "en": """a about after all already also am an and any anymore appointment are as at be
        because been before bin but by can could couldn day did die do does doesn don english
        even for from get good had has hat have hello her here hi his how i if in into is isn it
        just know like ll long m made make man me met more morning much must my need new no not
        now of on only open or other our out passport please plus question s she should so some
        speak street t take thank thanks that the their them then there these they this to today
        up us ve war was we were what when where which who why will with would yes you your""",
    "de": """aber alle als also am an auch auf aus bei bin bis bitte brauche da das dass dem den
        der des die diese dieser doch du durch ein eine einem einen einer er es frage für gibt
        guten habe haben hallo hat heute hier ich ihr ihre ihrem ihren im in ist ja kann kein
        keine können könnte man mehr mein meine meinem meinen mich mir mit morgen muss möchte
        nach nicht nichts noch nur ob oder ohne open per plus reisepass schon sehr seit sich sie
        sind so straße termin um und uns unser unsere viel vielen von vor wann war warum was
        wegen weil wenn wer werden wie will wir wird wo wollte wurde zu zum zur über""",
    "fr": """ai alors au aucun aussi aux avant avec avez avoir avons beaucoup besoin bien
        bonjour bonsoir c ce cela cette chez comme comment d dans de demain demande depuis des
        dit dois donc du elle en encore entre est et faire fait faut hier il ils j je jour l la
        le les leur lui m ma mairie mais me merci mes mon n ne non nous nouveau on ont ou oui où
        par parce pas passeport pendant peut peux plus pour pourquoi prendre puis qu quand que
        quel quelle qui rendez rue s sa sans ses si son sont sous suis sur te tout très un une
        veux vos votre voudrais vous y été être""",
    "es": """a abierto al algo antes aquí así ayer ayuda buenas buenos calle cita como con
        cuando cuál cuándo cuánta cuánto cuántos cómo de del desde después donde dos días dónde
        el ella en entre era es esta estaba este esto estoy está favor fue gracias ha había
        hacer hasta hay hola hoy la las le lo los mañana me mi mis mucho muy más necesito ni no
        nos nuestra nuevo o para pasaporte pero por porque pregunta puede puedo que quería
        quiero quisiera quién qué se ser si sin sobre solo son su sus sí también tarde tardes te
        tengo tiene todo tu un una usted ustedes vez y ya yo""",
    "it": """a abbiamo al all alla anche ancora appuntamento avere avete bisogno buona
        buongiorno c che chi ci ciao come con cosa così d da dal dalla dei del dell della delle
        di dopo dove e era essere fare fatto gli grazie ha hanno ho i il in io l la le lei lo
        loro ma mi mia mio molto nel nella non nostra nuovo o oggi ogni passaporto per perché
        però più poi posso prima può qual quale quando quanto quella questa questo sarebbe se
        sempre senza si sia sono strada su sua sul sulla suo sì te ti tutto un una vi vorrei
        vostra è""",
    "pt": """a agora ainda ajuda ao aos as até boa bom com como da das de depois desde dia do
        dos e ela ele em entre era essa esse estava este estou está eu faz fazer foi gostaria
        hoje há isso já lhe mais mas me meu meus minha muito na nas nem no nos nova novo não o
        obrigada obrigado olá onde os ou para passaporte pela pelo pode por porque posso preciso
        qual quando quanto que quem quero rua se sem ser seu sua são também te tem tenho um uma
        você é""",
    "ro": """această acest aici al ale am ar are asta astăzi au avea avem aș buletin bună ca
        care ce cineva cu cum când cât că da dar de decât despre din după ea el eram este eu fi
        foarte fost fără la le mai mea mereu mi mulțumesc mă nevoie noi nou nu o pașaport pe
        pentru poate pot prin programare până sa sau se strada sunt să te tot trebuie un unde
        vrea vreau vreți vă ziua îmi în și""",
    "pl": """a albo ale bardzo bez bo być był była było będzie chciałabym chciałbym chcę co coś
        czy dla do dobry dowód dzień dzisiaj dziękuję gdy gdzie go i ich ile jak jaki jakie jako
        jego jej jest jestem jeszcze jeśli już kiedy kto która które który lub ma mam mamy mi
        mnie mogę moja moje może można muszę mój na nad nam nas nie niż no nowy o od oraz pan
        pani paszport państwo po pod pomóc potrzebuję proszę przed przez przy pytanie się są ta
        tak te też to tu tylko ulica umówić w wczoraj we wie więc wszystko z za ze że żeby""",
    "tr": """acaba ama ancak bana ben beni benim bir biraz biri biz bize bu bugün bunu da daha
        dair de değil diye edebilir en evet gibi gün günler hangi hayır hem her hiç ihtiyacım
        ile ise istiyorum iyi için kadar kaç ki kim lazım lütfen merhaba mi mu mü mümkün müyüm
        mı nasıl ne neden nerede nereye olan olarak oldu olduğu olması olur on para pasaport
        randevu saat sadece siz size sizin sokak son sonra soru tarih tek teşekkür teşekkürler
        var ve veya ya yapmak yapmam yardım yarın yeni yok zaman çok çünkü önce üzere üzerinde
        şu""",
    "hu": """a az azt de egy el ez ezt fel ha hogy hogyan hol igen is jó kell ki kérdés kérek
        kérem köszönöm lehet majd meg mennyi mert mi mikor milyen mint miért most már még nagyon
        nekem nem sem szeretnék szia te tudok vagy vagyok van volt én és ön önök útlevél""",
    "so": """aad aan ama anigu ay ayaa baan baasaboor badan ballan da dambe doonayaa fadlan
        gudaha guri hadda iga igu iima inaan inta isaga iyada iyo ka kale kama kasta ku la
        laakiin leh ma maanta mahadsanid maxaa maya oo qaado sida side soo su'aal u uma waa waan
        waana wax waxa waxaan waxay waxba waxuu weydiinayaa xagee yahay""",
    "id": """ada adalah akan aku anda apa apakah atau bagaimana bahwa baru belum bisa buat dalam
        dan dapat dari dengan di hari harus ingin ini itu juga kalau kami kapan karena kasih ke
        kepada kita lagi mana masih mau mereka mohon oleh pada paspor pertanyaan saat sangat
        saya sebagai selamat sudah surat tapi telah terima tidak tolong untuk ya yang""",
    "uk": """або але без був буде вас ви вона вони вулиці від він вітаю де день для дня до
        добрий доброго дуже дякую з за записатися зараз здрастуйте його коли ласка маю мене мені
        можна можу моя моє мій на нас не немає ні ось паспорт питання по потрібна потрібно при
        прийом про прошу та так такий там твій то треба тут у хотів хотіла хочу це чи чому що
        щоб щодо я як який якщо є і її""",
    "ru": """без бы был была было быть в вас ваш вашей во вот вы где да для дня до доброго
        добрый его ее если есть еще за здравствуйте и из или к как какой когда который кто меня
        мне могу можно мой моя мы на надо нам нас нашей не нет но нужно о он она они от очень
        паспорт по подскажите пожалуйста при привет с скажите со спасибо так там то только тут у
        уже улице хотел хотела хочу что чтобы это я""",
    "bg": """аз ако би благодаря бях в вас ви време всичко да дали ден до добър е един за защо
        здравейте и или има имам иска искам как какво като кога който която къде към ли ми мога
        може моля моя моят на над не него нещо ни но нужда някой няма нямам о от паспорт по при
        само се си след съм със тази това тук че ще""",
    "sr": """ако али без би била било био бити вас ви где да дан для до добар здраво и из или
        имам када како ко која који ли мене ми могу може молим мој моја на не него није од он
        она пасош питање по пре са сам само се смо сте су та то треба у хвала хоћу што је ће""",
}
"""Language -> its small words, and the commonest of who writes to a town hall."""

LETTERS_OF = {
    "bg": "ъ", "de": "ß", "es": "ñ¿¡", "hu": "őű", "pl": "łąęśźżćń", "pt": "ãõ", "ro": "ășț",
    "ru": "ыэё", "sr": "ђћџљњј", "tr": "ğı", "uk": "іїєґ",
}  # fmt: skip
"""Language -> letters that the others here do without, or nearly so."""

LATIN = "latin"
SCRIPTS = {
    LATIN: "A-Za-zÀ-ɏḀ-ỿ",
    "el": "Ͱ-Ͽἀ-῿",
    "cyrillic": "Ѐ-ԯ",
    "hy": "\u0530-\u058f",
    "he": "\u0590-\u05ff",
    "arabic": "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc",
    "hi": "\u0900-\u097f",
    "bn": "\u0980-\u09ff",
    "pa": "\u0a00-\u0a7f",
    "gu": "\u0a80-\u0aff",
    "ta": "\u0b80-\u0bff",
    "te": "\u0c00-\u0c7f",
    "ml": "\u0d00-\u0d7f",
    "si": "\u0d80-\u0dff",
    "th": "\u0e00-\u0e7f",
    "my": "\u1000-\u109f",
    "ka": "\u10a0-\u10ff",
    "ethiopic": "\u1200-\u139f\u2d80-\u2ddf",
    "km": "\u1780-\u17ff",
    "han": "\u3040-\u30ff\u3400-\u9fff",
    "ko": "\u1100-\u11ff\uac00-\ud7a3",
}
"""Script -> its characters. One that has a language for its name is written in no other here."""

TOLD_BY = {
    "arabic": (
        ("ps", "ټډړږښڼۍ"),
        ("ku", "ێۆڵڕ"),
        ("ur", "ٹڈڑںے"),
        ("fa", "پچژگیک"),
        ("ar", "أإةىيك"),
    ),
    "ethiopic": (("ti", "ኣቐ-ቝ"), ("am", "አ"), ("ti", "\u1200-\u139f")),
    "han": (("ja", "\u3040-\u30ff"), ("zh", "\u3400-\u9fff")),
}
"""Script -> its languages and the letters that tell each; the first that fits. Neighbours have the
letters of a later row too, but hardly ever those of an earlier one."""


def _weights() -> dict[str, tuple[tuple[str, int], ...]]:
    """Word -> what it weighs for each language that has it. Accents may have been left out."""
    has: dict[str, set[str]] = {}
    for language, words in WORDS.items():
        for word in words.split():
            for spelled in {word, _bare(word)}:
                has.setdefault(spelled, set()).add(language)
    return {
        word: tuple((language, WEIGHTS[len(those)]) for language in sorted(those))
        for word, those in has.items()
        if len(those) in WEIGHTS
    }


def _bare(word: str) -> str:
    """Without accents, but only in Latin letters: elsewhere they make another letter."""
    if not word[0] < "\u0250":
        return word
    apart = unicodedata.normalize("NFD", word.replace("ł", "l").replace("ı", "i"))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


_WEIGHTS = _weights()
_LETTERS = {letter: language for language, them in LETTERS_OF.items() for letter in them}
_ANY_LETTER = re.compile(f"[{''.join(_LETTERS)}]")
_WORD = re.compile(r"[^\W\d_]+")
_RUNS = re.compile("|".join(f"(?P<{name}>[{them}]+)" for name, them in SCRIPTS.items()))
_NOT_LATIN = re.compile(f"[{''.join(them for name, them in SCRIPTS.items() if name != LATIN)}]")
_TELLING = {
    script: tuple((language, re.compile(f"[{them}]")) for language, them in rows)
    for script, rows in TOLD_BY.items()
}


def detected(text: str) -> str:
    """The language as ISO 639-1 has it, '' when it cannot be told."""
    read = text[:READ]
    if len(read) <= LONGEST_GREETING and (greeted := GREETINGS.get(_alone(read))):
        return greeted
    if read.isascii():
        return _by_words(read)
    read = unicodedata.normalize("NFC", read)
    script, letters = _script(read) if _NOT_LATIN.search(read) else (LATIN, 0)
    if script in (LATIN, "cyrillic"):
        return _by_words(read)
    if letters < LETTERS:
        return ""
    return _by_letters(read, script, letters) if script in _TELLING else script


def _alone(text: str) -> str:
    """In lower case, without what stands around it: `Good morning!` -> good morning."""
    return re.sub(r"[^\w\s]", "", text.casefold()).strip()


def _script(text: str) -> tuple[str, int]:
    """That of most letters, and how many they are."""
    counts: dict[str, int] = {}
    for run in _RUNS.finditer(text):
        script = run.lastgroup or ""
        counts[script] = counts.get(script, 0) + run.end() - run.start()
    script = max(counts, key=lambda name: counts[name])
    return script, counts[script]


def _by_letters(text: str, script: str, letters: int) -> str:
    for language, telling in _TELLING[script]:
        if len(telling.findall(text)) * RARE >= letters:
            return language
    return ""


def _by_words(text: str) -> str:
    if len(text.strip()) < SHORTEST:
        return ""
    weights = _weighed(text.lower())
    first, second, *_ = [*sorted(weights, key=weights.__getitem__, reverse=True), "", ""]
    enough = weights.get(first, 0) >= max(ENOUGH, CLEARLY * weights.get(second, 0))
    return first if enough else ""


def _weighed(text: str) -> dict[str, int]:
    """Language -> what is to be said for it. A word that is said again adds nothing."""
    weights: dict[str, int] = {}
    for word in _WEIGHTS.keys() & _WORD.findall(text):
        for language, weight in _WEIGHTS[word]:
            weights[language] = weights.get(language, 0) + weight
    for letter in () if text.isascii() else _ANY_LETTER.findall(text):
        if (language := _LETTERS[letter]) in weights:
            weights[language] += LETTER
    return weights
