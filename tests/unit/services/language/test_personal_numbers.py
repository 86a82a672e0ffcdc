"""A BSN and an IBAN as people write them, and what only looks like one."""

import pytest

from services.language.personal_numbers import BSN, IBAN, Finding, find_pii, mask_pii

EVERYTHING = (BSN, IBAN)


def spans(text: str) -> list[tuple[str, str]]:
    return [(each.kind, text[each.start : each.end]) for each in find_pii(text)]


BSNS = [
    *("123456782", "111222333", "012345672", "123.456.782", "123 456 782", "1234 56 782"),
    *("1234.56.782", "12.34.56.782", "123-456-782", "123/456/782", "12 34 56 78 2"),
    *("1 2 3 4 5 6 7 8 2", "123 - 456 - 782", "123\xa0456\xa0782", "１２３４５６７８２"),
    *("١٢٣٤٥٦٧٨٢", "𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟐", "111\u200b222\u200b333", "1\u200b1\u200b1222333"),
    *("111\xad222\xad333", "¹¹¹²²²³³³", "①①①②②②③③③", "❶❶❶❷❷❷❸❸❸"),
    *("1\u03011\u03011\u0301222333", "1\ufe0f\u20e31\ufe0f\u20e31\ufe0f\u20e3222333"),
    *("111_222_333", "111\n222\n333"),
]
IN_WORDS = [
    *("mijn bsn is <123456782>", "Mijn BSN: <123456782>.", "bsn <12345672>"),
    *("BSN-nummer <12345672>", "bsn:<1234.56.72>", "<12345672> is mijn bsn"),
    *("<12345672> (bsn)", "b.s.n. <12345672>", "Burgerservicenummer: <1234-56782>"),
    *("burger service nummer <12345672>", "sofinummer <123456 782>", "bsn<123456782>"),
    *("bsn=<123456782>", "bsn van mijn zoon <123456782>Ik wil graag", "*<123456782>*"),
    *("_<123456782>_", "(<123456782>)", "\u202a<123456782>\u202c", "我的号码是<123456782>谢谢"),
    *("Jan Jansen, <123456782>, 12-03-1980", "<123456782> 12-03-1980"),
    *("<123 456 782> 12-03-1980", "<123456782> 06-12345678", "<123 456 782> 06-12345678"),
    *("bel 0612345678, nummer <123456782>", "mijn nummer is <123456782>"),
    *("id nummer <123456782>", "kenmerk of bsn <123456782>"),
    *("bsn en telefoonnummer: <123456782> en 0612345678",),
    *("Naam: J. Jansen\nBSN:\n<123456782>", "geboren 12-03-1980\n<123456782>"),
    *("hierbij.<123456782>", "stuur <123456782>?", "bsn <123456782>,12 jaar oud"),
    *("bsn <111\xad222\xad333>", "é b\u200bsn <12345672>, dank", "bsn <₁₁₁₂₂₂₃₃₃>"),
    *("bsn <111222333>\u0338 graag", "bsn_<111_222_333>.pdf", "BSN_<111222333>_2026.pdf"),
    *("<111222333>_2026.pdf", "Mijn nummer:\n<111\n222\n333>\nDank", "bsn <111,222,333>"),
    *("bsn <1112_22333>", "huisnummer 12\n<123 456 782>"),
]
"""The number of each stands between < and >."""


@pytest.mark.parametrize("text", [*(f"<{number}>" for number in BSNS), *IN_WORDS])
def test_bsn_is_found_as_people_write_it(text: str) -> None:
    number = text.partition("<")[2].partition(">")[0]
    assert spans(text.replace("<", "").replace(">", "")) == [(BSN, number)]


OTHER_NUMBERS = [
    *("", "hoi", "123456783", "000000000", "00000000", "bsn 00000000", "bsn 12345678"),
    *("12345672", "12345672 is mijn lengte", "1234567821", "0123456782", "1123456782"),
    *("06-12345678", "06 12 34 56 78", "06 1 23 45 67 8", "0612345678", "+31 612345672"),
    *("+31612345672", "+31 (0)6 12345672", "0031 612345672", "+31 612 345 672"),
    *("+32 123 45 67 82", "+48 123 456 782", "tel 123456782", "tel. 123456782"),
    *("Telefoonnummer: 123456782", "je kan me bellen op 123456782"),
    *("bereikbaar op nummer 123456782", "0546-123456, 0546 54 11 11"),
    *("zaaknummer 123456782", "zaaknr. 123456782", "zaaknummer is 123456782"),
    *("Zaak 123456782", "zaaknummer Z-2026-123456782", "Z-123456782", "Z123456782"),
    *("Z/2026/123456782", "2026-123456782", "2026-12345 en 2026-10008"),
    *("kenmerk 123456782", "Kenmerk: 123456782", "uw kenmerk 123456782 van 12 maart"),
    *("factuurnummer 123456782", "aanslagbiljet 123456782", "order 123456782"),
    *("#123456782", "KvK 123456782", "NL123456782B01", "paspoortnummer 123456782"),
    *("https://example.nl/zaak/123456782", "€ 123.456.782", "€123456782"),
    *("123.456.782 euro", "123.456.782,50", "456.123.456.782,-", "1234567,82"),
    *("12-03-2026 9:30", "1-12-2026 10 uur", "2026-12-01 8", "123.456.782.9"),
    *("1.123.456.782", "1 123 456 782", "123 456 782 9", "123.456-782", "12345 6782"),
    *("7607 HV 12 3 45 67 82", "postcode 7607 AB huisnummer 123456782"),
    *("van 9 tot 5, kamer 12, 34 mensen, 5 ramen, 67 deuren, 82", "bel 14 0546 of 112"),
    *("4012 8888 8888 1881", "111,222,333", "bsn 111, 222, 333 euro", "111\n222\n333\n444"),
    *("444\n111\n222\n333", "4.111\n222\n333", "1112\n22\n333"),
    *("1\n1\n1\n2\n2\n2\n3\n3\n3", "444_111_222_333", "IMG_111_222_333_444"),
    *("PXL_20261125_111222333.jpg", "IMG_111222333.jpg", "06\u200b12345678"),
    *("tel\xad 111222333", "zaak\u200bnummer 111222333", "12 m² 345 m³ 6782"),
    *("① een ② twee ③ drie ④ vier ⑤ vijf ⑥ zes ⑦ zeven ⑧ acht ⑨ negen",),
    # Lookalikes of an IBAN.
    *("NL92ABNA0417164300", "NL91ABNA041716430", "NL91 ABNA 0417", "ZZ91ABNA0417164300"),
    *("IBAN", "is 12 januari 2026 om tien uur voor de deur"),
    *("om 12.300 mensen te helpen met de kosten", "de 12 345 678 901 234 567 89"),
    *("NL91/ABNA/0417164300x", "xNL91_ABNA_0417164300", "NL91    ABNA    0417164300"),
]


@pytest.mark.parametrize("text", OTHER_NUMBERS)
def test_another_number_is_no_pii(text: str) -> None:
    assert spans(text) == []


IBANS = [
    *("NL91ABNA0417164300", "nl91abna0417164300", "NL91 ABNA 0417 1643 00"),
    *("nl91 abna 0417 1643 00", "NL91.ABNA.0417.16.43.00", "NL 91 ABNA 0417 1643 00"),
    *(
        "NL91-ABNA-0417164300",
        "NL91\xa0ABNA\xa00417\xa01643\xa000",
        "ＮＬ９１ＡＢＮＡ０４１７１６４３００",
    ),
    *("BE68 5390 0754 7034", "DE89 3704 0044 0532 0130 00"),
    *("FR14 2004 1010 0505 0001 3M02 606", "GB29 NWBK 6016 1331 9268 19"),
    *("PL61 1090 1014 0000 0712 1981 2874", "TR33 0006 1005 1978 6457 8413 26"),
    *("ES91 2100 0418 4502 0005 1332", "RO49 AAAA 1B31 0075 9384 0000"),
    *("BG80 BNBG 9661 1020 3456 78", "UA21 3223 1300 0002 6007 2335 6600 1"),
    *("NO93 8601 1117 947", "MT84 MALT 0110 0001 2345 MTLC AST0 01S"),
    *("QA58 DOHB 0000 1234 5678 90AB CDEF G", "SC18 SSCB 1101 0000 0000 0000 1497 USD"),
    *("BY13 NBRB 3600 9000 0000 2Z00 AB00", "KZ86 125K ZT50 0410 0100"),
    *("XK05 1212 0123 4567 8906", "NL91  ABNA   0417164300", "NL91/ABNA/0417164300"),
    *("NL91_ABNA_0417_1643_00", "NL91ABNA\xad0417164300", "N\u200bL91ABNA0417164300"),
    *("NL91\u200bABNA\u200b0417164300", "NL\u2060 91 A\u0301BNA 0417 1643 00"),
    *("𝐍𝐋91ABNA0417164300", "NL⑨①ABNA⁰⁴¹⁷¹⁶⁴³⁰⁰", "NL91–ABNA–0417–1643–00"),
]


@pytest.mark.parametrize("number", IBANS)
def test_iban_is_found_of_any_country_and_in_any_writing(number: str) -> None:
    for before, after in [("", ""), ("mijn iban is ", " dank"), ("IBAN:", "."), ("(", ")")]:
        assert spans(f"{before}{number}{after}") == [(IBAN, number)]


def test_all_pii_of_a_text_is_found_in_order() -> None:
    text = "Bsn 123456782 en 111222333 (kind), NL91 ABNA 0417 1643 00; bsn van mij: 12345672"
    assert spans(text) == [
        (BSN, "123456782"),
        (BSN, "111222333"),
        (IBAN, "NL91 ABNA 0417 1643 00"),
        (BSN, "12345672"),
    ]
    assert find_pii("x 123456782") == (Finding(BSN, 2, 11),)


@pytest.mark.parametrize(
    ("kinds", "text"),
    [
        ((), "bsn 123456782, rekening NL91ABNA0417164300!"),
        ((BSN,), "bsn [BSN], rekening NL91ABNA0417164300!"),
        ((IBAN,), "bsn 123456782, rekening [IBAN]!"),
        (EVERYTHING, "bsn [BSN], rekening [IBAN]!"),
    ],
)
def test_only_requested_kinds_of_pii_are_masked(kinds: tuple[str, ...], text: str) -> None:
    assert mask_pii("bsn 123456782, rekening NL91ABNA0417164300!", kinds) == text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Ik bén 111\u200b222\xad333, dank 😀", "Ik bén [BSN], dank 😀"),
        ("e\u0301e\u0301n ①①①②②②③③③!", "e\u0301e\u0301n [BSN]!"),
        ("\u200b\u200bN\u200bL91 ABNA 0417 1643 00\u200b.", "\u200b\u200b[IBAN]\u200b."),
        ("bsn 111\u200b222333 en NL91/ABNA/0417164300", "bsn [BSN] en [IBAN]"),
    ],
)
def test_invisible_characters_do_not_move_a_mask(text: str, hidden: str) -> None:
    assert mask_pii(text, EVERYTHING) == hidden


def test_mask_makes_the_number_after_it_no_bsn() -> None:
    assert mask_pii("bsn 123456782 12345672", EVERYTHING) == "bsn [BSN] 12345672"
    assert spans("[BSN] 12345672") == []
