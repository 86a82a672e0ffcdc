"""Spans, lists and proposals: what becomes a label, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.disclosure.disclosure import DisclosureRefused, Kind, check_decision
from archiver.disclosure.proposals import KnownPeople, find_words, propose_spans
from archiver.disclosure.redaction import (
    MAX_BOXES,
    Box,
    Redactions,
    Removal,
    Span,
    add_redactions,
    add_spans,
    apply_spans,
    bind,
    has_other_texts,
    redaction_faults,
    take_back,
)
from archiver.disclosure.redaction_list import WrittenList, parse_list, read_redactions
from archiver.disclosure.remnants import Remnant, find_remnants

WHO, NUMBER = "5.1.2e", "5.1.1e"
TEXTS = {"m1": "Jan Jansen woont hier", "m2": "Bel jan op 06-12345678"}


@pytest.mark.parametrize(
    ("text", "spans", "shown"),
    [
        ("Jan woont hier", [(0, 3, WHO)], "[5.1.2e] woont hier"),
        ("Jan", [(0, 3, WHO)], "[5.1.2e]"),
        ("Wilhelmina woont hier", [(0, 10, WHO)], "[5.1.2e] woont hier"),
        # Two words are one label: their number would tell too.
        ("Jan Jansen belde", [(0, 3, WHO), (4, 10, WHO)], "[5.1.2e] belde"),
        ("Jan en Piet", [(0, 3, WHO), (7, 11, WHO)], "[5.1.2e] en [5.1.2e]"),
        ("BSN van Jan", [(0, 8, NUMBER), (5, 11, WHO)], "[5.1.1e, 5.1.2e]"),
        ("ab", [(1, 2, WHO), (0, 1, WHO)], "[5.1.2e]"),
        ("twee 😕 tekens", [(5, 6, WHO)], "twee [5.1.2e] tekens"),
    ],
)
def test_span_becomes_a_label_of_one_length(
    text: str, spans: list[tuple[int, int, str]], shown: str
) -> None:
    assert apply_spans(text, [Span("m", *each) for each in spans]) == shown


@pytest.mark.parametrize(
    ("redactions", "fault"),
    [
        (Redactions((Span("m9", 0, 1, WHO),)), "m9: the document has no such message or note"),
        (Redactions((Span("m1", 4, 4, WHO),)), "m1: expected from < to <= 21, its characters"),
        (Redactions((Span("m1", 0, 22, WHO),)), "m1: expected from < to <= 21, its characters"),
        (Redactions(pictures=("m1",)), "m1: no picture of this message can be shown"),
        (
            Redactions(boxes=(Box("p", 0, 990, 5, 11, WHO),)),
            "p: expected a box within 1000 by 1000",
        ),
        (Redactions(boxes=(Box("p", 0, 0, 0, 1, WHO),)), "p: expected a box within 1000 by 1000"),
        (
            Redactions(boxes=tuple(Box("p", n, 0, 1, 1, WHO) for n in range(MAX_BOXES + 1))),
            "p: expected at most 200 boxes",
        ),
    ],
)
def test_redaction_outside_the_document_is_refused(redactions: Redactions, fault: str) -> None:
    assert redaction_faults(redactions, TEXTS, ["p"]) == [fault]


def test_list_is_read() -> None:
    written = parse_list(
        "\ufeffwhat,message,from,to,x,y,width,height,words,ground\n"
        f"text,m1,0,3,,,,,,{WHO}\n"
        f"words,,,,,,,,JAN,{WHO}\n"
        f"box,p,,,0,0,500,1000,,{WHO}\n\n"
        "picture,q,,,,,,,,\n",
        "woo",
    )
    assert isinstance(written, WrittenList)
    redactions, faults = read_redactions(written, TEXTS)
    assert not faults
    assert redactions == Redactions(
        (Span("m1", 0, 3, WHO), Span("m2", 4, 7, WHO)),
        (Box("p", 0, 0, 500, 1000, WHO),),
        ("p", "q"),
    )


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("words,,,,Jan,5.9", "line 2: ground: not a ground for this: expected one of 5.1.1a"),
        ("words,,,,Jan,AVG-15.4", "line 2: ground: not a ground"),
        ("words,,,,,5.1.2e", "line 2: words: is missing"),
        ("words,m1,,,Jan,5.1.2e", "line 2: message: is not for this"),
        ("text,m1,-1,3,,5.1.2e", "line 2: from: expected a whole number"),
        ("text,m1,1,9999999999,,5.1.2e", "line 2: to: expected a whole number"),
        ("verf,,,,,", "line 2: what: expected one of text, words, box, picture"),
        ('words,,,,"Jan,5.1.2e', "line 2: not CSV"),
    ],
)
def test_fault_of_a_list_names_its_line(line: str, fault: str) -> None:
    faults = parse_list(f"what,message,from,to,words,ground\n{line}", "woo")
    assert isinstance(faults, list)
    assert str(faults[0]).startswith(fault) and "Jan" not in str(faults[0])


def test_list_without_a_heading_is_refused() -> None:
    for text in ("", "words,Jan", "what,kleur\n"):
        [fault] = parse_list(text, "woo")  # type: ignore[misc]
        assert str(fault).startswith("line 1: expected a heading")


def test_words_that_occur_nowhere_are_a_fault_without_the_words() -> None:
    written = parse_list("what,words,ground\nwords,Pietersen,5.1.2e", "woo")
    assert isinstance(written, WrittenList)
    _, [fault] = read_redactions(written, TEXTS)
    assert str(fault) == "line 2: these words occur nowhere in it"


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("Henk belde, en HENK ook", 0),
        ("Henks hond", 1),
        ("#Henk_ en Henk2 en #Henk", 2),
        ("Schenk het H\u00e9nkie", 2),
        ("henkhenkhenk", 3),
        ("Piet", 0),
    ],
)
def test_words_that_still_stand_inside_others_are_counted(text: str, times: int) -> None:
    texts = {"m1": "Henk, zei zij", "m2": text}
    written = parse_list("what,words,ground\nwords,henk,5.1.2e", "woo")
    assert isinstance(written, WrittenList)
    redactions, _ = read_redactions(written, texts)
    found = find_remnants(texts, redactions.spans)
    assert found == ((Remnant(2, "m2", times),) if times else ())
    # What a person then leaves out by its place is not shown any more.
    whole = Span("m2", 0, len(text), WHO)
    assert find_remnants(texts, add_spans(redactions.spans, [whole])) == ()


def test_words_of_several_are_found_with_other_spaces_and_a_single_letter_is_not() -> None:
    texts = {"m1": "de  Wit en x", "m2": "van de Wittes, extra"}
    spans = Span("m1", 0, 7, WHO), Span("m1", 11, 12, WHO)
    assert find_remnants(texts, spans) == (Remnant(2, "m2", 1),)
    # Another sign is no part of a word, and the letter beside it is.
    texts = {"m1": "@henk", "m2": "piet@henk"}
    assert find_remnants(texts, [Span("m1", 0, 5, WHO)]) == (Remnant(2, "m2", 1),)


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("Ik ben Jan Jansen.", "woo", ["Jan Jansen", "Jan", "Jansen"]),
        ("Bel 06-12345678 of +31 6 12345678", "woo", ["06-12345678", "+31 6 12345678"]),
        ("Mail jan.j@voorbeeld.nl graag", "woo", ["jan.j@voorbeeld.nl", "jan"]),
        ("mijn bsn is 111222333", "woo", ["111222333"]),
        ("Op NL91ABNA0417164300 graag", "woo", ["NL91ABNA0417164300"]),
        ("Bel 0612345678\u00bd nu", "woo", ["0612345678\u00bd"]),
        ("Groet, l.hendriks", "woo", ["l.hendriks"]),
        ("Groet, l.hendriks aan Jan", "access", ["l.hendriks"]),
        ("Januari op de Jansenlaan 12", "woo", []),
        ("Het kost 1.250 euro op 2026-11-20 of 21-11-2026", "woo", []),
    ],
)
def test_proposals_find_names_and_numbers(text: str, kind: Kind, found: list[str]) -> None:
    people = KnownPeople(("Jan Jansen", "31612345678"), ("l.hendriks",))
    spans = propose_spans({"m": text}, people, kind)
    assert {text[span.start : span.end] for span in spans} == set(found)
    assert not any(span.ground == NUMBER for span in spans if "bsn" not in text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ren\u00e9 belde", "Ren\u00e9"),
        ("dag RENE\u0301!", "RENE\u0301"),
        ("dag Rene, ja", "Rene"),
        ("dag R\u200be\u00adn\u00e9\u200b ja", "R\u200be\u00adn\u00e9\u200b"),
        ("\uff32\uff45\uff4e\uff45", "\uff32\uff45\uff4e\uff45"),
        ("Rene\u0301e belde", ""),
        ("de arene", ""),
    ],
)
def test_word_is_found_however_it_is_written(text: str, found: str) -> None:
    spans = list(find_words(text, ["Ren\u00e9"]))
    assert [text[start:end] for start, end in spans] == ([found] if found else [])


def test_words_are_found_over_the_end_of_a_line() -> None:
    text = "Mijn buurman Henk\n van  nummer 14"
    assert list(find_words(text, ["henk van nummer"])) == [
        (13, len("Mijn buurman Henk\n van  nummer"))
    ]
    assert list(find_words(text, [" ", ""])) == []


@given(st.text("ab \n\u0301\u200b\u00df", max_size=20), st.data())
def test_text_outside_of_the_spans_stays_and_nothing_within_them(
    text: str, data: st.DataObject
) -> None:
    places = st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))
    drawn = data.draw(st.lists(places, max_size=4))
    spans = [Span("m", start, end, WHO) for start, end in drawn if start < end]
    hidden = {place for span in spans for place in range(span.start, span.end)}
    shown = apply_spans(text, spans).replace("[5.1.2e]", "")
    kept = "".join(each for place, each in enumerate(text) if place not in hidden)
    assert "".join(shown.split()) == "".join(kept.split())
    assert len(shown) <= len(kept)


def test_proposal_within_a_span_is_not_added() -> None:
    own = Span("m", 0, 10, "5.1.1c")
    more = [Span("m", 2, 4, WHO), Span("m", 8, 12, WHO), Span("n", 2, 4, WHO)]
    assert add_spans([own], more) == (own, *more[1:])


@pytest.mark.parametrize(
    ("decision", "given", "used", "grounds"),
    [
        ("open", (), (), ()),
        ("partly", (), (WHO,), (WHO,)),
        ("closed", ("5.1.1c",), (WHO,), ("5.1.1c",)),
        ("outside", (), (), ()),
    ],
)
def test_decision_has_the_grounds_of_what_is_left_out(
    decision: str, given: tuple[str, ...], used: tuple[str, ...], grounds: tuple[str, ...]
) -> None:
    assert check_decision(decision, given, used) == grounds  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("decision", "given", "used"),
    [
        ("open", (), (WHO,)),
        ("open", (WHO,), ()),
        ("partly", (), ()),
        ("partly", (WHO,), (WHO,)),
        ("closed", (), (WHO,)),
        ("outside", (WHO,), ()),
    ],
)
def test_decision_that_contradicts_its_redactions_is_refused(
    decision: str, given: tuple[str, ...], used: tuple[str, ...]
) -> None:
    with pytest.raises(DisclosureRefused):
        check_decision(decision, given, used)  # type: ignore[arg-type]


BOX = Box("p", 0, 0, 10, 10, WHO)
BEFORE = Redactions((Span("m1", 0, 3, WHO),), (BOX,), ("p", "q"))


OTHER_BOX = Box("r", 0, 0, 1, 1, WHO)


@pytest.mark.parametrize(
    ("added", "after"),
    [
        (Redactions(), BEFORE),
        # Another ground at one place takes the place of the one before.
        (
            Redactions((Span("m1", 0, 3, NUMBER),)),
            Redactions((Span("m1", 0, 3, NUMBER),), (BOX,), ("p", "q")),
        ),
        (
            Redactions((Span("m1", 0, 4, NUMBER),)),
            Redactions((Span("m1", 0, 3, WHO), Span("m1", 0, 4, NUMBER)), (BOX,), ("p", "q")),
        ),
        # A picture with a box is shown.
        (
            Redactions(boxes=(OTHER_BOX,)),
            Redactions(BEFORE.spans, (BOX, OTHER_BOX), ("p", "q", "r")),
        ),
    ],
)
def test_added_redactions_keep_the_others(added: Redactions, after: Redactions) -> None:
    assert add_redactions(BEFORE, added) == after


@pytest.mark.parametrize(
    ("removal", "after"),
    [
        (Removal(), BEFORE),
        (Removal(frozenset({("m1", 0, 3)})), Redactions((), (BOX,), ("p", "q"))),
        (Removal(frozenset({("m1", 0, 2)})), BEFORE),
        (Removal(boxes=frozenset({BOX.place})), Redactions(BEFORE.spans, (), ("p", "q"))),
        (Removal(pictures=frozenset("p")), Redactions(BEFORE.spans, (), ("q",))),
    ],
)
def test_redaction_is_taken_back_by_its_place(removal: Removal, after: Redactions) -> None:
    assert take_back(BEFORE, removal) == after


def test_redactions_are_of_the_text_that_was_read() -> None:
    salts = {"m1": b"salt", "m2": b"other"}
    bound = bind(BEFORE, TEXTS, salts)
    assert not has_other_texts(bound, TEXTS, salts)
    assert has_other_texts(bound, TEXTS | {"m1": "Jan Jansen woont daar"}, salts)
    assert has_other_texts(bound, TEXTS, salts | {"m1": b"new"})
    assert has_other_texts(bound, {}, salts)
