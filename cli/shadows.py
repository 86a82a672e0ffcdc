"""Rules, and words of rules, that never count: an earlier rule always fits first. Pure.

Said only of what is certain. Of a word that means: who writes it as it stands in the rule comes to
the earlier one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cli.first import Groups, Ordered, Ruled, ordered
from router.soundness import Found
from services.config import Config

NAMED = 3
"""Words or rules that one sentence names; the others are counted."""


def doubts(config: Config) -> Iterator[Found]:
    groups = {group.id: group.words for group in config.groups}
    for table in ("rules", "care"):
        order = ordered(table, config)
        for place, each in enumerate(order.rules):
            yield from _twice(each, order, groups)
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
    this = order.rules[place]
    always = order.first(place, order.wordless)
    firsts = {p: always or order.first(place, order.worded[p]) for p in this.rule.words}
    if before := [always] if always else _all_before(place, order, list(firsts.values())):
        yield this.where, f"rule {this.rule.id} never counts, {_fit_first(before)}"
        return
    if idle := [p for p in this.rule.words if firsts[p]]:
        first = _fit_first(firsts[p] for p in idle)
        verb = "count" if len(idle) > 1 else "counts"
        said = f"rule {this.rule.id}: {listed(map(repr, idle))} never {verb}, {first}"
        yield (*this.where, "words"), said


def _all_before(
    place: int, order: Ordered, own: Sequence[tuple[str, ...]]
) -> Sequence[tuple[str, ...]]:
    """What fits first for each of its words; nothing where it may come to its turn for one."""
    before = list(own)
    if not all(before):
        return []
    for group in order.rules[place].rule.groups:
        for found in order.grouped[group]:
            if not (first := order.first(place, found)):
                return []
            before.append(first)
    return before


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
