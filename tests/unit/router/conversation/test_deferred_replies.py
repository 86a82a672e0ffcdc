"""One text in a burst: one that was held back by another follows when the burst is over."""

import pytest

from services.event_types import TEXT_SENT
from tests.support.router.config_full import CONFIG, config
from tests.support.router.decisions import data
from tests.support.router.script import play

GREETED = "= 2026-11-25 18:00 wait_minutes=0\n Goedenavond -> gesloten\n"
"""The office is closed: that was said, and the burst goes on."""
DEFERRED = [
    ("ik maak bezwaar", "officieel", "said"),
    ("mijn bsn is 111222333", "bsn", "said"),
    ("[audio]", "spraakbericht", "decided"),
    ("over de garage", "garage", "said"),
]
SCRIPTS = {
    "several texts follow one by one": f"""{GREETED}
        +10s mijn bsn is 111222333
        +10s en ik maak bezwaar
        +10s tegen bezwaar bedoel ik, bsn 111222333
        +1m                             -> bsn, ~said
        +1m                             -> officieel, ~said
        +12h""",
    "an answer ends a burst": f"{GREETED} +10s /text; +10s over de garage -> garage",
    "a burst must be over": f"""{GREETED}
        +10s ik maak bezwaar; +40s nog iets; +40s nog iets; +40s nog iets; +40s nog iets
        +1m                             -> officieel, ~said""",
    "a closing drops the text": f"""{GREETED}
        +10s over de garage en mijn bsn 111222333; /close -> afgesloten
        +5m""",
    "a silent number drops the text": f"""{GREETED}
        +10s over de garage en mijn bsn 111222333; /state receive-only
        +5m""",
    "danger drops the text": f"""{GREETED}
        +10s over de garage en mijn bsn 111222333; ik wil dood -> zelfdoding, !wacht
        +5m""",
    "a rule may move what a template without a department began": """
        /begin; hoi                     -> @klantcontact
        mijn container                  -> @groen""",
} | {
    f"a reply to a template gets no menu: {words} {department}": f"""
        = 2026-11-25 13:00 wait_minutes=0
        /begin department={department}
        +2h {words} -> no opened, no provisional, @{department or "klantcontact"}
        +30m"""
    for words in ("ja", "dat is goed, tot morgen dan", "hoi", "wie bent u?")
    for department in ("", "groen")
}  # fmt: skip


@pytest.mark.parametrize("case", SCRIPTS)
def test_deferred_reply(case: str) -> None:
    play(SCRIPTS[case])


@pytest.mark.parametrize(("words", "text", "effect"), DEFERRED)
def test_deferred_reply_follows_the_burst_once(words: str, text: str, effect: str) -> None:
    hall = play(f"{GREETED} +10s {words}; +59s")
    play(f"+1s -> {text}, ~{effect}", hall)
    assert data(hall.told[-1])["automatic"]["name"] == text
    assert hall.state.pending_texts == ()
    play(f"+5m {words}; +5m", hall)


def test_deferred_replies_are_published() -> None:
    hall = play(f"{GREETED} +10s bezwaar\n +1m -> officieel, ~said")
    assert hall.told[-1].type == TEXT_SENT


def test_reply_that_a_closing_dropped_goes_in_the_next_conversation() -> None:
    automatic = ["eerste_contact", *CONFIG.tenants[0].automatic]
    script = """
        over de garage                  -> garage
        /close                          -> afgesloten
        +2d mijn container              -> eerste_contact, opened
        /close                          -> afgesloten
        +2d mijn paspoort               -> opened"""
    play(script, given=config(tenant={"automatic": automatic}))
