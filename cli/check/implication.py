"""Which conditions hold wherever others do, found without comparing each with each. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cli.check.normal_form import ONE, Atom, Form

Thing = tuple[str, object]
"""One value of one field."""
ONE_OF = "one of"
"""Stands for any value of a field of which a message has one."""


def no_more(earlier: Form, later: Form) -> bool:
    """Whether the earlier surely holds wherever the later does."""
    return all(_follows(atom, later) for atom in earlier - later)


def _follows(atom: Atom, form: Form) -> bool:
    name, values = atom
    if name == "not":
        return any(_refused(part, form) for part in _parts(atom))
    if name == "any" and any(no_more(part, form) for part in _parts(atom)):
        return True
    return any(name == other and theirs <= values for other, theirs in form)


def _refused(part: Form, form: Form) -> bool:
    """Whether it asks for another one of what a message has one of."""
    return any(
        name in ONE and name == other and not theirs & values
        for name, values in part
        for other, theirs in form
    )


def _parts(atom: Atom) -> list[Form]:
    """The conditions in it."""
    return [value for value in atom[1] if isinstance(value, frozenset)]


def wider(forms: Sequence[Form], earlier: Iterable[int]) -> list[list[int]]:
    """For each, the places of those among `earlier` that ask no more."""
    often = Counter(thing for form in forms for things in _ways(form) for thing in things)
    under: dict[Thing | None, list[int]] = {}
    for place in earlier:
        for thing in _rarest(forms[place], often):
            under.setdefault(thing, []).append(place)
    return [
        [place for place in sorted(_candidates(form, under)) if no_more(forms[place], form)]
        for form in forms
    ]


def _ways(form: Form) -> Iterator[list[Thing]]:
    """What each of its atoms can be looked up by; who asks no more stands under all of one."""
    for name, values in form:
        yield [(name, value) for value in values]
        if name in ONE:
            yield [(ONE_OF, name)]


def _rarest(form: Form, often: Mapping[Thing, int]) -> Sequence[Thing | None]:
    """Where it stands, so that few stand together."""
    ways: list[list[Thing | None]] = [[None]] if not form else []
    for atom in form:
        name, values = atom
        ways.append([(name, value) for value in values])
        for part in _parts(atom) if name in ("any", "not") else ():
            there = _rarest(part, often) if name == "any" else [(ONE_OF, n) for n, _ in part]
            ways[-1] += there
    return min(ways, key=lambda things: max((often.get(t, 0) for t in things if t), default=0))


def _candidates(form: Form, under: Mapping[Thing | None, Sequence[int]]) -> set[int]:
    found = set(under.get(None, ()))
    for things in _ways(form):
        if there := [under.get(thing, ()) for thing in things]:
            fewest: Sequence[int] = min(there, key=len)
            found.update(fewest)
    return found
