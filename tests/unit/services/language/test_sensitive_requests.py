"""Requests for a BSN or for a picture of papers, and texts that only mention them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.language import readability, sensitive_requests

ASKS = """
Reageer met uw BSN.
Antwoord met uw BSN.
Laat ons uw BSN weten.
Uw BSN hebben wij nodig.
Om u te helpen is uw BSN nodig.
Wij missen uw BSN.
Zet uw BSN in uw bericht.
Vermeld uw b.s.n.
Vermeld uw B.S.N. in uw bericht.
Geef uw B S N.
Geef een BSN.
Geef ons eerst een BSN.
Reageer met een BSN.
Wij hebben een BSN nodig.
Geef maar een BSN.
Geef ons het BSN van uw kind.
Het BSN van uw kind hebben wij nodig.
Van uw kind hebben wij het BSN nodig.
Bevestig je BSN.
Controleer uw BSN en stuur het.
Heeft u vragen? Dan uw BSN graag.
Graag ontvangen wij uw BSN.
Wat is jouw BSN?
Wij missen uw naam en BSN.
Stuur uw naam, adres en BSN.
BSN?
Graag uw naam/BSN.
Geef uw burger-service-nummer.
Noem uw burgerservicenr.
Geef je sofi-nummer.
Typ uw ＢＳＮ.
Typ uw BS\u200bN.
Typ uw BSN\u00ad nummer.
Geef uw BSN-gegevens.
Geef uw bsn nummer door, dan hoeft u niet te bellen.
Geef uw BSN, anders kunnen wij niets doen.
Geef uw BSN anders kunnen wij u niet helpen.
Geef uw BSN zodat wij u niet hoeven te bellen.
Geef uw BSN, u hoeft niet te bellen.
Wij bellen niet, stuur uw BSN.
Bel ons niet en stuur uw BSN.
Bel niet, uw BSN is genoeg.
Stuur geen brief, maar uw BSN.
Stuur ons uw BSN, geen foto.
Stuur uw BSN en niet uw naam.
Zonder uw BSN kunnen wij u niet helpen.
Wij kunnen u niet helpen zonder uw BSN.
U hoeft niet te wachten als u uw BSN stuurt.
Wacht niet met uw BSN te sturen.
Vergeet ook uw BSN niet.
Stuur uw BSN niet per mail maar via WhatsApp.
Wij hebben uw BSN nog niet.
Stuur uw BSN, dat staat op uw paspoort.
Please reply with your BSN.
Can you confirm your BSN?
Your citizen's service number is needed.
We cannot help you without your BSN.
Do not call, just send your BSN.
Do not forget your BSN.
Let us know your BSN, then you need not call.
Stuur een foto van uw ID.
Stuur een selfie met uw paspoort.
Stuur een afbeelding van uw identiteitsbewijs.
Stuur een foto van uw legitimatie.
Maak een foto van de voorkant van uw rijbewijs.
Een kopie van uw verblijfsvergunning is genoeg.
Van uw paspoort hebben wij een kopie nodig.
Stuur ons uw paspoort of ID-kaart.
App je rijbewijs.
Een scan van uw paspoort graag, dan hoeft u niet te komen.
Send us a copy of your ID card.
Upload a picture of your driving licence.
Share your passport with us.
Stuur ons het nummer op uw paspoort.
Stuur geen geld, wel uw BSN.
Stuur uw BSN, liefst niet na 17.00 uur.
Stuur uw BSN niet later dan vrijdag.
Stuur een foto van uw paspoort of ID, niet van uw pas.
Send your BSN, not your name.
Send us your BSN so we need not call.
If you cannot come, send your BSN.
Denk aan uw BSN.
Voor uw aanvraag missen wij nog uw BSN.
Geef de laatste vier cijfers van uw BSN.
Nooit meer wachten, app uw BSN.
Wij kennen u niet en vragen daarom uw BSN.
Zonder BSN kunnen wij u niet helpen, geef het dus.
Begin uw bericht met uw BSN.
Lukt het niet, stuur dan uw BSN.
Lukt dat niet, dan hebben wij uw BSN nodig.
Kunt u niet komen, app dan uw BSN.
Heeft u geen DigiD, stuur dan een kopie van uw ID.
Wij wachten op uw BSN.
Stuur ons ook uw BSN, wij delen dat met niemand.
Stuur uw BSN, dat is veilig.
Include your BSN in your message.
"""
SPEAKS = """
Stuur nooit uw BSN.
U hoeft uw BSN niet te geven.
Deel uw BSN niet.
We vragen nooit om uw BSN.
Ik zie een BSN in uw bericht; wij bewaren het.
Wij zien in uw bericht het BSN van iemand.
In uw bericht staat uw BSN.
Uw bericht bevat misschien uw BSN.
Stuur liever geen BSN.
Stuur geen BSN, maar kom naar de balie.
Stuur uw BSN nooit via WhatsApp.
Stuur nooit uw naam, uw adres of uw BSN.
Stuur uw BSN en uw naam niet via WhatsApp.
Stuur uw naam en BSN niet via WhatsApp.
Stuur nooit foto's, wachtwoorden of uw BSN.
Wij vragen u nooit om een foto, om een kopie of om uw BSN te sturen.
Typ of stuur nooit uw BSN.
Geef uw BSN aan niemand.
Geef uw BSN dan niet.
Let op: stuur uw BSN niet.
Stuur uw BSN niet, ook als iemand daarom vraagt.
Vraagt iemand om uw BSN?
Oplichters willen uw BSN weten.
Uw BSN is niet nodig.
Wij hebben uw BSN niet nodig.
Ook zonder uw BSN helpen wij u.
U kunt zonder BSN een afspraak maken.
Houd uw BSN bij de hand.
Neem uw BSN mee naar de balie.
Waar vindt u uw BSN?
Uw BSN staat op uw paspoort.
Waarom vragen wij uw BSN aan de balie?
Bent u uw BSN kwijt?
Wilt u een BSN aanvragen?
U krijgt uw BSN met een brief.
Heeft u een vraag over uw BSN?
Stuur ons uw vraag over uw BSN.
Wij helpen u met uw BSN.
Voor een bankrekening is een BSN nodig.
Iedereen in Nederland heeft een BSN.
Wat is een burgerservicenummer?
Wij gebruiken uw BSN alleen voor uw aanvraag.
Wij hebben uw BSN gekregen.
U stuurde uw BSN via WhatsApp.
U kunt het bericht met uw BSN wissen.
Wij wissen het bericht met uw BSN en sturen u een brief.
BSN
Mijn BSN kwijt
BSN aanvragen
Never send us your BSN.
Please do not send or share your BSN.
We will never ask you for your BSN.
You do not need to give us your BSN.
You can find your BSN on your passport.
Do you have a question about your BSN?
Do not send a copy of your ID card.
Stuur geen kopie van uw paspoort.
Stuur nooit een selfie met uw ID.
Uw paspoort ligt klaar.
Neem uw paspoort of ID-kaart mee.
Neem een kopie van uw paspoort mee naar de balie.
Neem een pasfoto mee voor uw nieuwe paspoort.
Stuur een foto van de kapotte lantaarn.
Stuur een foto van de stoep, of vraag uw paspoort aan.
Heeft u een vraag over uw rijbewijs?
Paspoort, ID, rijbewijs
Wilt u een kopie van uw akte?
Een foto van uw paspoort is niet nodig.
Stuur geen gegevens, zoals uw BSN of een kopie van uw ID.
Gevoelige gegevens, zoals uw BSN, stuurt u nooit via WhatsApp.
Wij vragen in WhatsApp niet naar uw BSN, paspoort of bankgegevens.
Maak een afspraak en neem uw BSN en ID mee.
Wilt u uw BSN weten?
Uw BSN is geheim.
Uw BSN blijft bij ons.
Uw BSN is niet gevonden.
Breng uw BSN en paspoort mee naar de afspraak.
Deze gegevens vragen wij nooit: uw BSN en uw pincode.
Ik mag uw BSN hier niet vragen.
U mag wel uw naam geven, maar niet uw BSN.
You sent us your BSN.
Keep your BSN safe.
Wij hebben uw bericht met uw BSN verwijderd.
Bewaar uw BSN goed.
Wij sturen uw BSN niet door.
Deel uw BSN alleen aan de balie, nooit hier.
Send a photo of your licence plate.
Uw BSN is privé: deel het niet.
Pas op met uw BSN.
De foto op uw paspoort mag niet oud zijn.
Please never share your BSN or a photo of your ID.
"""
LISTS_THAT_ASK = [
    "Stuur ons:\n- uw naam\n- uw BSN",
    "Stuur ons:\n- naam\n- BSN",
    "Stuur ons:\n\n* naam\n* BSN",
    "Wij hebben nodig:\n1. naam\n2. BSN",
    "Stuur ons:\nnaam\nBSN",
    "Stuur:\n• een foto van de stoep\n• een kopie van uw ID",
    "U hoeft niet te bellen, maar stuur ons:\n- naam\n- BSN",
    "Stuur nooit:\n- uw BSN\n\nBedankt. Geef nu uw BSN.",
    "Naam:\nGeboortedatum:\nBSN:",
    "Niet vergeten:\n- uw BSN",
    "Vul in:\n\nNaam: ...\nBSN: ...",
    "Wat wij nodig hebben:\n✅ naam\n✅ BSN",
    "Stuur ons het volgende:\n1) uw naam\n2) uw BSN",
]
LISTS_THAT_DO_NOT = [
    "Stuur ons nooit:\n- uw naam\n- uw BSN\n- een foto van uw paspoort",
    "Wij vragen nooit om:\n\n1. uw BSN\n2. uw wachtwoord",
    "Stuur geen:\n* BSN\n* kopie van uw rijbewijs",
    "Doe dit niet:\n- Stuur uw BSN.\n- Stuur een foto van uw ID.",
    "Wat u niet moet sturen:\n- uw BSN\n- een foto van uw paspoort",
    "Do not send us:\n- your BSN\n- copies of your passport",
    "Neem mee naar de balie:\n- uw paspoort\n- uw BSN",
    "Hier vindt u meer:\n- uw BSN\n- uw paspoort",
    "Stuur ons:\n- uw naam\n- een foto van de stoep\n\nBSN en paspoort: kom naar de balie.",
]


def lines(table: str) -> list[str]:
    return table.strip().splitlines()


def asked(text: str) -> bool:
    return any("asks for" in what for what in readability.readability_faults(text))


@pytest.mark.parametrize("text", lines(ASKS) + LISTS_THAT_ASK)
def test_request_for_a_bsn_or_papers_is_found_however_it_is_worded(text: str) -> None:
    assert asked(text)


@pytest.mark.parametrize("text", lines(SPEAKS) + LISTS_THAT_DO_NOT)
def test_warning_or_mention_of_a_bsn_or_papers_is_no_request(text: str) -> None:
    assert not asked(text)


@pytest.mark.parametrize("text", lines(ASKS))
def test_denial_in_another_sentence_does_not_hide_a_request(text: str) -> None:
    assert asked(f"Wij bellen u niet. {text} U hoeft niets te doen. Wij vragen nooit om geld.")


@given(st.text(st.characters(), max_size=300), st.text(st.characters(), max_size=50))
@example("\ud800 bsn", "\udfff:")
def test_any_sentence_can_be_checked_for_requests(sentence: str, lead: str) -> None:
    sensitive_requests.asks_for_sensitive_data(sentence, lead)
