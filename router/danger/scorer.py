"""Score how much a text sounds like danger, and say by which of its words. Pure.

The scorer adds up weak signs, none of which is danger alone. It is a logistic regression with one
sum for each kind of danger. Its score is no probability that a citizen is in danger: of a table
with as many dangers as calm messages it says how sure the scorer is.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from router.danger.model import KINDS, UNIT, Model, Weights
from router.danger.signs import Places, locate_signs, read_word
from services.config.routing_rules import CareClass
from services.language.words import tokens, written_tokens

MOST_WORDS = 400
"""Words and emoji of a text that are read, at most; nine of ten messages have fewer than 60."""
PART, STEP = 25, 12
"""Words of a part of a long text, and from one part to the next. Danger in one sentence of a long
letter would drown in the rest."""
MOST_QUOTED = 5
"""Words that are quoted as reasons, at most."""
LEAST_SHARE = 0.08
"""Share of the sum that a quoted word has, at least."""


class Score(msgspec.Struct, frozen=True):
    """Score of a text, from 0 to 1, the likeliest kind of danger, and the words that weigh most,
    as the citizen wrote them."""

    value: float
    kind: CareClass
    words: tuple[str, ...] = ()


def score_text(text: str, model: Model) -> float:
    """Return the score of a text: that of its most dangerous part."""
    return max((_value(_sums(part, model)) for part in _parts(tokens(text))), default=0.0)


def explain_score(text: str, model: Model) -> Score:
    """Return the score with the words that weigh most. It takes four times as long."""
    words, written = tokens(text), written_tokens(text)
    parts = list(_parts(words))
    if not parts:
        return Score(0.0, KINDS[0])
    values = [_value(_sums(part, model)) for part in parts]
    best = values.index(max(values))
    start = 0 if best == 0 else (best - 1) * STEP
    sums = _sums(parts[best], model)
    leading = sums.index(max(sums))
    quoted = _strongest_words(parts[best], leading, model)
    runs = tuple(" ".join(written[start + n] for n in run) for run in quoted)
    return Score(values[best], KINDS[leading], runs)


def _parts(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the text, and the parts of a long one."""
    words = words[:MOST_WORDS]
    if words:
        yield words
    if len(words) > PART + STEP:
        for start in range(0, len(words) - STEP, STEP):
            yield words[start : start + PART]


def _sums(words: Sequence[str], model: Model) -> Sequence[int]:
    """Return the sum of weights for each kind of danger."""
    weights = model.weights
    emergency, suicide, violence, threat = model.bias
    for sign in weights.keys() & locate_signs(words).keys():
        one, two, three, four = weights[sign]
        emergency += one
        suicide += two
        violence += three
        threat += four
    return emergency, suicide, violence, threat


def _value(sums: Sequence[int]) -> float:
    """Return the probability of any danger, by the table's share of dangers."""
    highest = max(0, *sums)
    danger = sum(math.exp((each - highest) / UNIT) for each in sums)
    return danger / (danger + math.exp(-highest / UNIT))


def _strongest_words(words: Sequence[str], kind: int, model: Model) -> list[list[int]]:
    """Return the places of the words that weigh most for a kind of danger, those next to one
    another together. Only words of letters: a reason goes past the masking of a BSN."""
    shares = [0.0] * len(words)
    for sign, places in locate_signs(words).items():
        if weight := _weight(sign, kind, model.weights):
            _share(weight, places, shares)
    total = sum(share for share in shares if share > 0)
    strong = [n for n, share in enumerate(shares) if share > 0 and share >= LEAST_SHARE * total]
    strong = [n for n in strong if words[n].isalpha()]
    chosen = set(sorted(strong, key=lambda n: -shares[n])[:MOST_QUOTED])
    between = {n + 1 for n in chosen if n + 2 in chosen and _is_known(words[n + 1], model)}
    runs = groupby(enumerate(sorted(chosen | between)), lambda each: each[1] - each[0])
    return [[place for _, place in run] for _, run in runs]


def _is_known(word: str, model: Model) -> bool:
    """Return True for a word of letters that the model has: the table has no names of people."""
    return word.isalpha() and any(sign in model.weights for sign in read_word(word).own)


def _weight(sign: str, kind: int, weights: dict[str, Weights]) -> int:
    return weights[sign][kind] if sign in weights else 0


def _share(weight: int, places: Places, shares: list[float]) -> None:
    """Give half of a sign's weight to each of its two words."""
    for place in places:
        shares[place] += weight / 2
