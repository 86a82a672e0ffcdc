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
ENOUGH = 2.0
"""Weight that is needed: two words that no other language in the table has."""
CLEARLY = 2.0
"""How many times the weight of the next language, so that a mixed text is told by its larger part
or not at all."""
TELLING = 0.5
"""Weight of a letter that only one of the languages has. It only adds to words: names have them."""
RARE = 60
"""A letter that tells a language in another's script must be one in so many: names have it too."""

WORDS = {
    "nl": """aan afspraak al alleen als alstublieft ander andere bedankt ben bent bij bijna binnen
        daar dan dank dat de deze die dit doen door dus een eens en er even ff fijn gaan gaat geen
        gemaakt gemeente goed goedemiddag goedemorgen goedenavond gr graag gwn haar had hallo heb
        hebben hebt heeft heel hem het hier hij hoe hoelang hoeveel hoi ik in is ja jaar je jij
        jullie kan kon kunnen kunt kwijt langs maar maken me meer met mevrouw mij mijn moet moeten
        mogelijk mag na naar nee niet niets nieuw nieuwe nodig nog nu nieuws of om omdat onder ons
        onze ook op over paspoort staat steeds straat te tot tussen u uit uw van vandaag veel via
        volgens voor vraag vragen waar waarom wanneer want waren was wat we weer weet weken wel
        welke werd wie wij wil willen wilt word worden wordt zal ze zich zijn zo zonder zou""",
    "en": """a about after all already also am an and any anymore appointment are as at be because
        been before but by can can't could day did do does doesn't don't for from get good had has
        have hello her here hi his how i i'd i'm i've if in into is isn't it it's just know like
        long made make me more morning much must my need new no not now of on only or other our
        out passport please question she should so some street take thank thanks that the their
        them then there these they this to today up us was we were what when where which who why
        will with would yes you your""",
    "de": """aber alle als am an auch auf aus bei bin bis bitte brauche da das dass dem den der des
        die diese dieser doch du durch ein eine einem einen einer er es frage für gibt guten habe
        haben hallo hat heute ich ihr ihre ihrem ihren im in ist ja kann kein keine können könnte
        man mein meine meinem meinen mehr mich mir mit möchte morgen muss nach nicht nichts noch
        nur ob oder ohne reisepass schon sehr seit sich sie sind so straße termin über um und uns
        unser unsere viel vielen von vor wann war warum was wegen weil wenn wer werden wie wir wird
        wo wollte wurde zu zum zur""",
    "fr": """ai alors au aucun aussi aux avant avec avez avoir avons beaucoup besoin bien bonjour
        bonsoir c'est ce cela cette chez comme comment dans de demain demande depuis des dois donc
        du elle en encore est et être été fait faire faut il ils j'ai je jour la le les leur lui
        ma mais mairie me merci mes mon ne non nous nouveau on ont ou où oui par parce pas
        passeport pendant peut peux plus pour pourquoi prendre puis puis-je quand que quel quelle
        qui rendez-vous rue sa sans ses si son sont sous suis sur tout très un une veux voudrais
        vos votre vous y""",
    "es": """a al algo antes aquí así ayer ayuda buenas buenos calle cita como cómo con cuando
        cuándo cuál cuánto de del desde después días donde dónde dos el ella en entre era es esta
        está estaba este esto estoy favor fue gracias ha había hacer hasta hay hola hoy la las le
        lo los más mañana me mi mis mucho muy necesito ni no nos nuevo nuestra o para pasaporte
        pero por porque pregunta puede puedo que qué quería quiero quién quisiera se ser si sí
        sin sobre solo son su sus también tarde tardes tengo tiene todo tu un una usted ustedes
        vez y ya yo""",
    "it": """a abbiamo al alla anche ancora appuntamento avere avete bisogno buona buongiorno che
        chi ci ciao come con cosa così da dal dalla dei del della delle di dopo dove e è era essere
        fare fatto gli grazie ha hanno ho i il in io la le lei lo loro ma mi mia mio molto nel
        nella non nuovo o oggi ogni passaporto per perché però più poi posso prima può qual quale
        quando quanto quella questa questo sarebbe se sempre senza si sì sia sono strada sua suo
        sul sulla ti tutto un una vi vorrei""",
    "pt": """a agora ainda ajuda ao aos as até boa bom com como da das de depois desde dia do dos
        e é ela ele em entre era essa esse está estava este estou eu faz fazer foi gostaria há hoje
        isso já lhe mais mas me meu meus minha muito na nas não nem no nos nova novo o obrigada
        obrigado olá onde os ou para passaporte pela pelo pode por porque posso preciso qual quando
        quanto que quem quero rua são se sem ser seu sua também tem tenho uma um você""",
    "ro": """acest această aici al ale am ar are asta astăzi au aș avea avem bună buletin ca care
        că când cât ce cum cu când cineva da dar de decât despre din după ea el este eu eram fără
        fi fost foarte îmi în la le mai mă mea mereu mi mulțumesc nevoie noi nou nu o până pașaport
        pe pentru poate pot prin programare sa să sau se sunt și strada te trebuie tot un unde
        vă vreau vrea vreți ziua""",
    "pl": """a albo ale bardzo bez bo być był była było będzie chcę chciałabym chciałbym co coś czy
        dla do dobry dowód dziękuję dzień dzisiaj gdy gdzie go i ich ile jak jaki jakie jako jego
        jej jest jestem jeszcze jeśli już kiedy kto która które który lub ma mam mamy mi mnie
        mogę moja moje może można mój muszę na nad nam nas nie niż nowy o od oraz paszport pan pani
        państwo po pod potrzebuję pomóc proszę przed przez przy pytanie się są ta tak też to tu
        tylko ulica umówić w we więc wszystko wczoraj z za ze że żeby""",
    "tr": """acaba ama ancak ben bana beni benim bir biraz biri biz bize bu bugün bunu çok çünkü da
        daha dair de değil diye en evet gibi gün günler hangi hayır hem her hiç için ile ise
        istiyorum iyi ihtiyacım kadar kaç ki kim lazım lütfen merhaba mı mi mu mü mümkün müyüm nasıl
        ne neden nerede nereye olan olarak oldu olduğu olması olur önce pasaport randevu saat sadece
        sizin siz size sonra soru sokak şu tarih tek teşekkür teşekkürler üzere üzerinde var ve
        veya yardım yapmak ya yarın yeni yok zaman""",
    "hu": """a az azt de egy el én és ez ezt fel ha hogy hol hogyan igen is jó kell kérem kérek
        kérdés ki köszönöm lehet majd már meg mennyi mert mi mikor miért milyen még mint most nagyon
        nem nekem ön önök sem szeretnék szia tudok útlevél vagy vagyok van volt""",
    "so": """aad aan ah ama anigu ay ayaa baasaboor baan badan ballan dambe doonayaa fadlan guri
        gudaha hadda iga igu iima iyo inaan inta isaga iyada ka kale kama kasta ku la laakiin leh
        ma maanta maxaa maya mahadsanid oo qaado sida side su'aal soo u uma waa waan waana
        wax waxa waxaan waxay waxba waxuu weydiinayaa xagee yahay""",
    "id": """ada adalah akan aku anda apa apakah atau bagaimana bahwa baru belum bisa buat dalam
        dan dapat dari dengan di hari harus ingin ini itu juga kalau kami kapan karena kasih ke
        kepada kita lagi mana masih mau mereka mohon oleh pada paspor pertanyaan saya
        sangat saat sebagai selamat sudah surat tapi telah terima tidak tolong untuk yang""",
    "uk": """або але без буде був вас ви від він вона вони вітаю де день для добрий до дуже дякую з
        за зараз здрастуйте її її і його коли ласка маю мені мене можна можу мій моя моє на нас не
        немає ні ось паспорт питання по потрібно при про прошу та так такий там твій то треба
        тут у хочу хотів хотіла це чи чому що щоб як який якщо я є""",
    "ru": """без бы был была было быть в вас ваш вот во вы где да для до добрый его ее если есть
        еще за здравствуйте и из или к как какой когда который кто меня мне могу можно мой моя мы
        на надо нам нас не нет но нужно о он она они от очень паспорт по подскажите пожалуйста при
        привет с скажите со спасибо так там то только тут у уже хотел хотела хочу чтобы что это
        я""",
    "bg": """аз ако ще би благодаря бях в вас ви всичко време да дали до добър ден е един за защо
        здравейте и или има имам иска искам как какво като къде към кога който която ли ми мога
        може моля моя моят на над не него нещо ни но някой нужда нямам няма о от паспорт по при
        само се си след съм със това тази тук че ще""",
    "sr": """ако али без би бити био била било вас ви где да для до добар дан здраво и из или имам
        је како када ко која који ли мене ми могу може мој моја молим на не него није од он она
        пасош питање по пре са сам само се смо су сте та то треба у хвала хоћу што ће""",
}
"""Language -> its small words, and the commonest of who writes to a town hall."""

LETTERS_OF = {
    "de": "ß", "es": "ñ¿¡", "hu": "őű", "pl": "łąęśźżćń", "pt": "ãõ", "ro": "ășțţ", "tr": "ğış",
}  # fmt: skip
