"""What a condition asks, in its simplest form: the same in whatever way it is written. Pure."""

from collections.abc import Iterable, Sequence
from typing import get_args

import msgspec

from router.rules.regex_set import fits_every_text
from services.config.routing_rules import Condition, State

Atom = tuple[str, frozenset[object]]
"""A field, and values of which one is enough; without any it never holds."""
Form = frozenset[Atom]
"""All of these must hold."""
ONE = ("numbers", "choices", "types", "languages", "states")
"""What a message has one of: of two lists what they have in common remains."""
LISTED = (*ONE, "referral", "tagged")
EACH = ("without", "not")
"""Of which each value must hold, and is an atom by itself."""
ALL = {"states": frozenset[object](get_args(State))}
"""All that a message may have of it."""
TEXT: Atom = ("text", frozenset([True]))
"""There is one: without, no word is found and no pattern fits."""


class In(msgspec.Struct, frozen=True):
    """Stands for the words of a group."""

    id: str


Words = tuple[str | In, ...]
"""Of which one must be said."""


class Simple(msgspec.Struct, frozen=True):
    """`lists`: of each a word must be said; `beside`: what else must be so."""

    lists: tuple[Words, ...]
    beside: Form

    @property
    def form(self) -> Form:
        """All of it."""
        return self.beside | {("words", frozenset(words)) for words in self.lists}

    @property
    def said(self) -> Words:
        """The words, where that is all that it asks."""
        return self.lists[0] if len(self.lists) == 1 and self.beside == {TEXT} else ()

    def without(self, nth: int) -> Form:
        """What it asks beside one of its lists."""
        return Simple((*self.lists[:nth], *self.lists[nth + 1 :]), self.beside).form


ALWAYS = Simple((), frozenset())


def simple(condition: Condition) -> Simple:
    parts = [_own(condition), *map(simple, condition.all), _some(condition.any)]
    parts.append(_none(condition.none))
    lists = dict.fromkeys(words for part in parts for words in part.lists)
    return Simple(tuple(lists), _narrowed(atom for part in parts for atom in part.beside))


def _own(condition: Condition) -> Simple:
    """What stands in it itself."""
    words: Words = (*condition.words, *map(In, condition.groups))
    given = {name: getattr(condition, name) for name in LISTED}
    atoms: set[Atom] = {(name, frozenset(values)) for name, values in given.items() if values}
    atoms |= {("without", frozenset([phrase])) for phrase in condition.without}
    if condition.hours:
        atoms.add(("hours", frozenset([condition.hours])))
    if condition.pattern and not fits_every_text(condition.pattern):
        atoms.add(("pattern", frozenset([condition.pattern])))
    if condition.pattern or words:
        atoms.add(TEXT)
    return Simple((words,) if words else (), frozenset(atoms))


def _some(parts: Iterable[Condition]) -> Simple:
    """Where one of them is enough: those of one field are one list."""
    each = [simple(part) for part in parts]
    if not each or ALWAYS in each:
        return ALWAYS
    if len(each) == 1:
        return each[0]
    if all(part.said for part in each):
        words = dict.fromkeys(word for part in each for word in part.said)
        return Simple((tuple(words),), frozenset([TEXT]))
    if (atom := _one_field([part.form for part in each])) is not None:
        return Simple((), frozenset([atom]))
    return Simple((), frozenset([("any", frozenset(part.form for part in each))]))


def _one_field(forms: Sequence[Form]) -> Atom | None:
    atoms = [atom for form in forms for atom in form]
    name = atoms[0][0]
    alone = len(atoms) == len(forms) and all(other == name for other, _ in atoms)
    if not alone or name in EACH:
        return None
    return name, frozenset(value for _, values in atoms for value in values)


def _none(condition: Condition | None) -> Simple:
    if condition is None:
        return ALWAYS
    refused = simple(condition)
    if refused.said:
        return Simple((), frozenset(("without", frozenset([word])) for word in refused.said))
    return Simple((), frozenset([("not", frozenset([refused.form]))]))


def _narrowed(atoms: Iterable[Atom]) -> Form:
    """With one list at most of what a message has one of; none where it may be any."""
    form = frozenset(atoms)
    for name in {name for name, _ in map(_field, form)} & {*ONE}:
        own = [values for other, values in form if other == name]
        refused = {atom for atom in form if atom[0] == "not" and _field(atom)[0] == name}
        if not own and name not in ALL:
            continue
        left = frozenset.intersection(*own) if own else ALL[name]
        left = left.difference(*(_field(atom)[1] for atom in refused))
        form = frozenset(atom for atom in form - refused if atom[0] != name)
        form |= {(name, left)} if left != ALL.get(name) else set()
    return form


def _field(atom: Atom) -> Atom:
    """What one atom is about; of a `not` of one field, that."""
    name, values = atom
    if name == "not":
        (refused,) = values
        assert isinstance(refused, frozenset)
        return next(iter(refused)) if len(refused) == 1 else atom
    return atom
