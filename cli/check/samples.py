"""Samples: minimal messages that match a condition, and additions that stop it from matching. Pure.

A pattern and opening hours are replaced by a tag, because no text is generated for a pattern and no
time for opening hours. `with_tags` returns rules that ask for these tags.
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
"""The kind and value of a fact of a message: ("type", "image"), ("words", "boom")."""
Sample = frozenset[Fact]
Groups = Mapping[str, tuple[str, ...]]
R = TypeVar("R", Rule, SafetyRule, Condition)

SINGLE_FACTS = {
    "numbers": "number", "choices": "choice", "types": "type", "languages": "language",
    "states": "state",
}  # fmt: skip
"""Field of a condition -> kind of fact that a message has once."""
FACTS = SINGLE_FACTS | {"referral": "referral", "tagged": "tags"}
SINGLE = frozenset(SINGLE_FACTS.values())
PATTERN, HOURS = "pattern ", "hours "
"""Prefixes of the tags for patterns and opening hours. No tag of a rule has a space."""
ANY_TEXT = "any text"
"""Tag of a message with a text; replaces the patterns that match every text."""
FILLER = "qxqx"
"""Replaces the star in a word: no word has these letters."""
AT = datetime.min.replace(tzinfo=UTC)
"""Time of each message; it does not matter, because the rules ask for tags instead of hours."""
MAX_DENIALS = 100
"""Most samples of a `not` that are tried."""
UNKNOWN = "?"
"""Type and state of a message if the sample names none: no rule asks for it."""


def samples_by_phrase(condition: Condition, groups: Groups) -> Iterator[Iterator[Sample]]:
    """Yield the samples that match by each phrase of the condition and of its groups.

    Without words: the samples that match by each part of its `any`.
    """
    rest = condition.model_copy(update={"words": (), "groups": (), "any": ()})
    others = [*samples(rest, groups)]
    words = _words(condition, groups)
    by_part = [[*samples(part, groups)] for part in condition.any]
    if words:
        of_any = [*chain.from_iterable(by_part)] if by_part else [Sample()]
        others = [*_combine(others, of_any)]
    for way in ([word] for word in words) if words else by_part or [[Sample()]]:
        yield _combine(way, others)


def samples(condition: Condition, groups: Groups) -> Iterator[Sample]:
    """Yield every sample that matches, ignoring `without` and `not`."""
    parts: list[Iterable[Sample]] = []
    if words := _words(condition, groups):
        parts.append(words)
    for field, kind in FACTS.items():
        if values := getattr(condition, field):
            parts.append([_sample(kind, value) for value in values])
    parts += [samples(part, groups) for part in condition.all]
    if condition.any:
        parts.append(chain.from_iterable(samples(part, groups) for part in condition.any))
    return _combine(*parts)


def count_samples(condition: Condition, groups: Groups) -> int:
    """Return an upper bound of the number of samples."""
    sizes = [len(getattr(condition, field)) for field in FACTS]
    sizes.append(len(condition.words) + sum(len(groups.get(id, ())) for id in condition.groups))
    sizes.append(sum(count_samples(part, groups) for part in condition.any))
    return prod(filter(None, sizes)) * prod(count_samples(part, groups) for part in condition.all)


def _combine(*parts: Iterable[Sample]) -> Iterator[Sample]:
    """Yield each combination of one sample of each part that one message can have."""
    return filter(is_possible, (Sample().union(*each) for each in product(*parts)))


def _words(condition: Condition, groups: Groups) -> list[Sample]:
    grouped = (word for id in condition.groups for word in groups.get(id, ()))
    return [_sample("words", word) for word in (*condition.words, *grouped)]


def _sample(kind: str, value: str) -> Sample:
    return frozenset([(kind, value)])


def is_possible(sample: Sample) -> bool:
    """Return False if the sample has two facts of a kind that a message has once."""
    single = [kind for kind, _ in sample if kind in SINGLE]
    return len(single) == len(set(single))


def denials(condition: Condition, groups: Groups) -> Iterator[Sample]:
    """Yield additions to a message with which a `without` or `not` of the condition applies."""
    for _, part in nested_conditions((), condition):
        yield from (_sample("words", phrase) for phrase in part.without)
        if part.none:
            yield from samples(part.none, groups)


def is_unclear(condition: Condition, groups: Groups) -> bool:
    """Return True if samples cannot show what the `not` of a condition excludes.

    Its `not` has another `not` or `without` in it, so that a longer message may match again; or it
    has too many samples.
    """
    exclusions = [part.none for _, part in nested_conditions((), condition) if part.none]
    return any(
        count_samples(part, groups) > MAX_DENIALS
        or any(p.none or p.without for _, p in nested_conditions((), part))
        for part in exclusions
    )


def phrases(sample: Sample) -> list[str]:
    return [value for kind, value in sample if kind == "words"]


def message_facts(sample: Sample) -> MessageFacts:
    """Return the sample as the rule engine reads a message."""
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
    """Return the same condition with tags instead of patterns and opening hours."""
    if not any(part.pattern or part.hours for _, part in nested_conditions((), condition)):
        return condition
    parts = [with_tags(part) for part in condition.all]
    if condition.pattern:
        is_any = fits_every_text(condition.pattern)
        parts.append(_ask_for_tag(ANY_TEXT if is_any else PATTERN + condition.pattern))
    if condition.hours:
        parts.append(_ask_for_tag(HOURS + condition.hours))
    fields = {
        "all": tuple(parts),
        "any": tuple(map(with_tags, condition.any)),
        "none": with_tags(condition.none) if condition.none else None,
        "pattern": "",
        "hours": "",
    }
    return condition.model_copy(update=fields)


def _ask_for_tag(tag: str) -> Condition:
    return Condition.model_construct(tagged=(tag,))
