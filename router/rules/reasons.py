"""Sentences that say why a rule matched, in Dutch and in English. Pure."""

from collections.abc import Mapping

import msgspec


class Reasons(msgspec.Struct, frozen=True, kw_only=True):
    """Sentences of one language; `{}` is a word of the rule or of the configuration."""

    both: str
    """Between two clauses that both hold."""
    word: str
    """Words that stand in the message just so."""
    other_form: str
    """Words of the message, and those of the rule of which they are another form."""
    compound: str
    misspelled: str
    unquoted: str
    """Words of the rule, which the message has otherwise, and not in letters alone."""
    languages: Mapping[str, str]
    """Names of languages by their codes; the code stands for one that is not here."""
    pattern: str
    quote: str
    """Words that a pattern matches."""
    number: str
    choice: str
    type: str
    types: Mapping[str, str]
    language: str
    state: str
    states: Mapping[str, str]
    referral: str
    tag: str
    hours: str
    rule: str
    """Clause, and the rule that it is of."""
    rule_alone: str
    safety_rule: str
    weak_signs: str
    """Words of the message that weigh most, each in quotes, and the version of the scorer."""
    weak_signs_alone: str
    """The same, if none of them can be quoted."""
    fallback: str
    menu: str
    closed: str
    """Department that is closed, after the reason for the department."""


DUTCH = Reasons(
    both="{} en {}",
    word='"{}" staat erin',
    other_form='"{}" staat erin (vorm van "{}")',
    compound='"{}" staat erin (samenstelling met "{}")',
    misspelled='"{}" staat erin (verkeerd gespeld: "{}")',
    unquoted='er staat iets als "{}" in',
    languages={
        "en": "Engels", "de": "Duits", "tr": "Turks", "pl": "Pools", "ar": "Arabisch",
        "uk": "Oekraïens", "fr": "Frans", "es": "Spaans",
    },
    pattern="het patroon past",
    quote=' op "{}"',
    number="het kwam op dit nummer binnen",
    choice='gekozen is "{}"',
    type="het is {}",
    types={
        "text": "een tekst", "image": "een foto", "video": "een video",
        "audio": "een spraakbericht", "voice": "een spraakbericht", "document": "een bestand",
        "sticker": "een sticker",
        "location": "een locatie", "contacts": "een contactkaart", "interactive": "een keuze",
        "button": "een knop", "reaction": "een reactie", "order": "een bestelling",
    },
    language="de taal is {}",
    state="het gesprek is {}",
    states={
        "new": "nieuw", "undecided": "nog onbeslist", "decided": "al toegewezen",
        "answered": "al beantwoord", "reopened": "heropend",
    },
    referral='de link noemt "{}"',
    tag="het label {} staat erbij",
    hours="het is binnen de tijden van de regel",
    rule="{} (regel {})",
    rule_alone="regel {} past",
    safety_rule="{} (zorgregel {})",
    weak_signs="mogelijk gevaar: {} (zwakke tekenen, model {})",
    weak_signs_alone="mogelijk gevaar (zwakke tekenen, model {})",
    fallback="geen enkele regel past; dit is de afdeling voor de rest",
    menu='"{}" is gekozen uit het menu',
    closed="; {} is gesloten",
)  # fmt: skip
ENGLISH = Reasons(
    both="{} and {}",
    word='it contains "{}"',
    other_form='it contains "{}" (a form of "{}")',
    compound='it contains "{}" (a compound with "{}")',
    misspelled='it contains "{}" (misspelled: "{}")',
    unquoted='it contains something like "{}"',
    languages={
        "en": "English", "de": "German", "tr": "Turkish", "pl": "Polish", "ar": "Arabic",
        "uk": "Ukrainian", "fr": "French", "es": "Spanish",
    },
    pattern="the pattern matches",
    quote=' "{}"',
    number="it came in on this number",
    choice='"{}" was chosen',
    type="it is {}",
    types={
        "text": "a text", "image": "a picture", "video": "a video", "audio": "a voice message",
        "voice": "a voice message", "document": "a file", "sticker": "a sticker",
        "location": "a location", "contacts": "a contact card", "interactive": "a choice",
        "button": "a button", "reaction": "a reaction", "order": "an order",
    },
    language="the language is {}",
    state="the conversation is {}",
    states={
        "new": "new", "undecided": "still undecided", "decided": "already assigned",
        "answered": "already answered", "reopened": "reopened",
    },
    referral='the link names "{}"',
    tag="it has the label {}",
    hours="it is within the hours of the rule",
    rule="{} (rule {})",
    rule_alone="rule {} matches",
    safety_rule="{} (safety rule {})",
    weak_signs="possible danger: {} (weak signs, model {})",
    weak_signs_alone="possible danger (weak signs, model {})",
    fallback="no rule matches; this is the department for the rest",
    menu='"{}" was chosen from the menu',
    closed="; {} is closed",
)  # fmt: skip
REASONS = {"nl": DUTCH, "en": ENGLISH}
