"""The least that a message must hold to fit a condition, and what keeps a condition from fitting.
Pure.

A tag stands for a pattern and for opening hours: no text is made for a pattern, no time for hours.
`with_tags` gives the rules that ask for these tags.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain, product
from math import prod
from typing import TypeVar

from router.rules.matcher import MessageFacts
from router.rules.regex_set import fits_every_text
from router.ruleset.validation import nested_conditions
from services.config.routing_rules import Condition, Rule, SafetyRule

Fact = tuple[str, str]
"""A fact or a word, and its value: ("type", "image"), ("words", "boom")."""
Sample = frozenset[Fact]
Groups = Mapping[str, tuple[str, ...]]
R = TypeVar("R", Rule, SafetyRule, Condition)

SINGLE_FACTS = {
    "numbers": "number", "choices": "choice", "types": "type", "languages": "language",
    "states": "state",
}  # fmt: skip
"""Field of a condition -> fact of which a message has one."""
FACTS = SINGLE_FACTS | {"referral": "referral", "tagged": "tags"}
SINGLE = frozenset(SINGLE_FACTS.values())
PATTERN, HOURS = "pattern ", "hours "
"""Begin a tag that stands for one of these. No tag of a rule has a space."""
ANY_TEXT = "any text"
"""Tag of a message with a text; stands for the patterns that fit each text."""
FILLER = "qxqx"
"""Stands for the rest of a word beside a star: in no word are these letters."""
AT = datetime.min.replace(tzinfo=UTC)
"""Time of each message: the rules that are looked at ask for no hours."""
MAX_DENIALS = 100
"""Least messages that fit a `not`, of which each is tried."""
UNKNOWN = "?"
"""Type and state of a message where the sample names none: no rule asks for it."""


def samples_by_phrase(condition: Condition, groups: Groups) -> Iterator[Iterator[Sample]]:
    """For each phrase of the condition, then of its groups, every least message that fits by it;
    where it asks for no words, for each part of its `any`."""
    rest = condition.model_copy(update={"words": (), "groups": (), "any": ()})
    beside = [*samples(rest, groups)]
    words = _words(condition, groups)
    some = [[*samples(part, groups)] for part in condition.any]
    if words:
        every = [*chain.from_iterable(some)] if some else [Sample()]
        beside = [*_together(beside, every)]
    for way in ([word] for word in words) if words else some or [[Sample()]]:
        yield _together(way, beside)


def samples(condition: Condition, groups: Groups) -> Iterator[Sample]:
    """Every least message that fits, its `without` and `not` aside."""
    parts: list[Iterable[Sample]] = []
    if words := _words(condition, groups):
        parts.append(words)
    for field, kind in FACTS.items():
        if values := getattr(condition, field):
            parts.append([_sample(kind, value) for value in values])
    parts += [samples(part, groups) for part in condition.all]
    if condition.any:
        parts.append(chain.from_iterable(samples(part, groups) for part in condition.any))
    return _together(*parts)


def count_samples(condition: Condition, groups: Groups) -> int:
    """How many least messages there are, at most."""
    sizes = [len(getattr(condition, field)) for field in FACTS]
    sizes.append(len(condition.words) + sum(len(groups.get(id, ())) for id in condition.groups))
    sizes.append(sum(count_samples(part, groups) for part in condition.any))
    return prod(filter(None, sizes)) * prod(count_samples(part, groups) for part in condition.all)


def _together(*parts: Iterable[Sample]) -> Iterator[Sample]:
    """One of each, where one message can have them all."""
    return filter(is_possible, (Sample().union(*each) for each in product(*parts)))


def _words(condition: Condition, groups: Groups) -> list[Sample]:
    grouped = (word for id in condition.groups for word in groups.get(id, ()))
    return [_sample("words", word) for word in (*condition.words, *grouped)]


def _sample(kind: str, value: str) -> Sample:
    return frozenset([(kind, value)])


def is_possible(sample: Sample) -> bool:
    """False where a message would have two of what it has one of."""
    single = [kind for kind, _ in sample if kind in SINGLE]
    return len(single) == len(set(single))


def denials(condition: Condition, groups: Groups) -> Iterator[Sample]:
    """Additions to a message that make a `without` or a `not` of the condition hold."""
    for _, part in nested_conditions((), condition):
        yield from (_sample("words", phrase) for phrase in part.without)
        if part.none:
            yield from samples(part.none, groups)


def is_unclear(condition: Condition, groups: Groups) -> bool:
    """True where its `not` leaves open what fits: something in it is denied again, so that more
    of a message may make it fit; or there are too many ways to fit what it denies."""
    denied = [part.none for _, part in nested_conditions((), condition) if part.none]
    return any(
        count_samples(part, groups) > MAX_DENIALS
        or any(p.none or p.without for _, p in nested_conditions((), part))
        for part in denied
    )


def phrases(sample: Sample) -> list[str]:
    return [value for kind, value in sample if kind == "words"]


def message_facts(sample: Sample) -> MessageFacts:
    """The message as the rule engine reads it."""
    single = {kind: value for kind, value in sample if kind in SINGLE}
    tags = frozenset(value for kind, value in sample if kind == "tags")
    links = (value for kind, value in sample if kind == "referral")
    text = f" {FILLER} ".join(sorted(phrase.replace("*", FILLER) for phrase in phrases(sample)))
    if text or any(tag.startswith(PATTERN) for tag in tags):
        tags |= {ANY_TEXT}
    return MessageFacts(
        at=AT,
        text=text,
        tags=tags,
        referral=f" {FILLER} ".join(links),
        **{"type": UNKNOWN, "state": UNKNOWN} | single,
    )


def with_tags(condition: R) -> R:
    """The same condition, asking for tags instead of patterns and hours."""
    if not any(part.pattern or part.hours for _, part in nested_conditions((), condition)):
        return condition
    more = [with_tags(part) for part in condition.all]
    if condition.pattern:
        every = fits_every_text(condition.pattern)
        more.append(_tagged(ANY_TEXT if every else PATTERN + condition.pattern))
    if condition.hours:
        more.append(_tagged(HOURS + condition.hours))
    changed = {
        "all": tuple(more),
        "any": tuple(map(with_tags, condition.any)),
        "none": with_tags(condition.none) if condition.none else None,
        "pattern": "",
        "hours": "",
    }
    return condition.model_copy(update=changed)


def _tagged(tag: str) -> Condition:
    return Condition.model_construct(tagged=(tag,))
