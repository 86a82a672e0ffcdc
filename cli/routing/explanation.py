"""What `cli.explain` found, in Dutch, for who reads it in a terminal. Pure."""

from collections.abc import Iterator
from typing import Any

from cli.routing.explain import OUTCOMES

NAMED = {"tags": "labels", "priority": "voorrang", "language": "taal", "due": "uiterlijk"}


def lines(answer: dict[str, Any], *, every: bool = False) -> Iterator[str]:
    """`every`: also the rules that do not fit, and the words of the text that goes out."""
    yield _first(answer)
    care = answer.get("care")
    if care or (every and answer["careSteps"]):
        yield "zorgregels, die voor alle andere gaan:"
        yield from _steps(answer["careSteps"], "zorgregels", every=every)
    if care:
        yield f"  gevolg     {_follows(answer)}"
    if care or (every and answer["careSteps"]):
        yield _ordinary(answer)
    yield from _steps(answer["steps"], "regels", every=every)
    yield from _beside(answer, every=every)


def _first(answer: dict[str, Any]) -> str:
    there = f"{answer['name']} ({answer['department']})"
    if not (open := answer.get("undecided")):
        return f"{there}: {answer['reason']}"
    said = "er is nog niets gevraagd" if open["words"] else "het is een bericht zonder woorden"
    later = f"blijft het {open['seconds']} seconden stil, dan gaat het naar"
    return f"nog niet beslist: {said}; {later} {there}"


def _steps(steps: list[dict[str, str]], called: str, *, every: bool) -> Iterator[str]:
    shown = [step for step in steps if every or step["outcome"] != OUTCOMES["no"]]
    for step in shown:
        matched = f": {step['matched']}" if step["matched"] else ""
        yield f"  {step['outcome']:<10} {step['rule']}{matched}"
    if len(shown) < len(steps):
        which = f"de {called} daarvoor passen niet" if shown else f"geen van de {called} past"
        yield f"  {which} (--all noemt ze)"


def _follows(answer: dict[str, Any]) -> str:
    """From a care rule."""
    wakes = ", dan ".join(answer["wakes"])
    after = f" (telkens na {answer['confirmMinutes']} minuten)" if len(answer["wakes"]) > 1 else ""
    text = answer.get("text")
    return "; ".join(
        (
            "dringend",
            f"gewekt wordt {wakes}{after}" if wakes else "niemand wordt gewekt",
            f"de inwoner leest de tekst {text['name']}" if text else "de inwoner leest geen tekst",
        )
    )


def _ordinary(answer: dict[str, Any]) -> str:
    """Above the other rules: a care rule may have decided before them."""
    fits = answer["careSteps"][-1]["rule"] if answer.get("care") else ""
    if fits and answer["rule"] == fits:
        return "gewone regels, die hier niet meer beslissen waar het heen gaat:"
    return "gewone regels:"


def _beside(answer: dict[str, Any], *, every: bool) -> Iterator[str]:
    for key, word in NAMED.items():
        if value := answer.get(key):
            yield f"{word}: {', '.join(value) if isinstance(value, list) else value}"
    if answer.get("held"):
        yield "vastgehouden tot iemand het vrijgeeft"
    if answer.get("care"):
        yield f"zorg: {answer['care']}: {answer['careReason']}"
    if text := answer.get("text"):
        yield f"tekst: {text['name']}"
        yield from (f"  {line}" for line in text["body"].splitlines() if every)
