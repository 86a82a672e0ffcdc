"""Rules, and words of rules, that never count: an earlier rule always fits first. Pure.

Said only of what is certain. Of a word that means: who writes it as it stands in the rule comes to
the earlier one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from cli.check.first_match import Ordered, Ruled, View, ordered
from cli.check.normal_form import In, Words
from router.ruleset.validation import Found
from services.config.model import Configuration
from services.toml.errors import Location

NAMED = 3
"""Words or rules that one sentence names; the others are counted."""
BARRED = "what may not be said is in"
Groups = Mapping[str, tuple[str, ...]]


def doubts(config: Configuration) -> Iterator[Found]:
    groups = {group.id: group.words for group in config.groups}
    for table in ("rules", "care"):
        order = ordered(table, config)
        for place, each in enumerate(order.rules):
            yield from _twice(each, order, groups)
            yield from _barred(place, order, groups)
            if each.tenants:
                yield from _never(place, order)
    for n, group in enumerate(config.groups):
        if twice := list(_repeated(group.words, set(), {})):
            yield ("groups", n, "words"), f"group {group.id}: {_stand(twice)} in it twice"


def listed(names: Iterable[str]) -> str:
    """`a and b`; `a, b, c and 2 more`."""
    every = list(dict.fromkeys(names))
    if len(every) > NAMED:
        every = [*every[:NAMED], f"{len(every) - NAMED} more"]
    return " and ".join(filter(None, (", ".join(every[:-1]), every[-1])))


def _never(place: int, order: Ordered) -> Iterator[Found]:
    """What of one rule never counts: all of it, or some of its words."""
    this, (all_of_it, *views) = order.rules[place], order.views[place]
    always = order.first(all_of_it, order.wordless)
    whole = [always] if always else next(filter(None, (_all(v, order) for v in views)), ())
    if whole:
        yield this.where, f"rule {this.rule.id} never counts, {_fit_first(whole)}"
    elif idle := {p: f for v in views[:1] for p in _own(v) if (f := _before(v, p, order))}:
        yield _where(this), f"{_idle(this, idle)}, {_fit_first(idle.values())}"


def _all(view: View, order: Ordered) -> list[tuple[str, ...]]:
    """What fits first for each of its words; nothing where it may come to its turn for one."""
    groups = (order.grouped.get(word.id, ()) for word in view.words if isinstance(word, In))
    grouped = (order.first(view, found) for each in groups for found in each)
    before: list[tuple[str, ...]] = []
    for first in chain((_before(view, phrase, order) for phrase in _own(view)), grouped):
        if not first:
            return []
        before.append(first)
    return before


def _before(view: View, phrase: str, order: Ordered) -> tuple[str, ...]:
    return order.first(view, order.worded[phrase])


def _own(view: View) -> list[str]:
    """Its words that stand in no group."""
    return [word for word in view.words if isinstance(word, str)]


def _idle(this: Ruled, words: Iterable[str]) -> str:
    every = list(dict.fromkeys(words))
    verb = "count" if len(every) > 1 else "counts"
    return f"rule {this.rule.id}: {listed(map(repr, every))} never {verb}"


def _where(this: Ruled) -> Location:
    return (*this.where, "words") if this.rule.words else this.where


def _barred(place: int, order: Ordered, groups: Groups) -> Iterator[Found]:
    """Words of a rule in which is what it does not hold for. That these are the same is said of
    what never holds."""
    this, (_, *views) = order.rules[place], order.views[place]
    if not (this.barred and views):
        return
    view = views[0]
    idle = [phrase for phrase in _own(view) if order.bars(place, phrase)]
    every = list(_phrases(view.words, groups))
    if len(idle) == len(_own(view)) and all(order.bars(place, phrase) for phrase in every):
        if not {*_phrases(this.barred, groups)}.issuperset(every):
            said = f"rule {this.rule.id} never counts, {BARRED} all of its words"
            yield this.where, said
    elif idle:
        yield _where(this), f"{_idle(this, idle)}, {BARRED} {'them' if idle[1:] else 'it'}"


def _phrases(words: Words, groups: Groups) -> Iterator[str]:
    for word in words:
        yield from groups.get(word.id, ()) if isinstance(word, In) else (word,)


def _fit_first(ids: Iterable[Iterable[str]]) -> str:
    every = list(dict.fromkeys(id for those in ids for id in those))
    return f"rules {listed(every)} fit first" if len(every) > 1 else f"rule {every[0]} fits first"


def _twice(this: Ruled, order: Ordered, groups: Groups) -> Iterator[Found]:
    if not this.rule.words:
        return
    grouped = (word for id in this.rule.groups for word in groups.get(id, ()))
    seen = {order.same.get(word, word) for word in grouped}
    if twice := list(_repeated(this.rule.words, seen, order.same)):
        yield (*this.where, "words"), f"rule {this.rule.id}: {_stand(twice)} in it twice"


def _repeated(phrases: Iterable[str], seen: set[str], same: Mapping[str, str]) -> Iterator[str]:
    for phrase in phrases:
        if (meant := same.get(phrase, phrase)) in seen:
            yield phrase
        seen.add(meant)


def _stand(phrases: Sequence[str]) -> str:
    return f"{listed(map(repr, phrases))} {'stand' if len(phrases) > 1 else 'stands'}"
