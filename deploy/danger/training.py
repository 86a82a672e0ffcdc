"""Train the scorer: a softmax regression by stochastic gradient descent, without chance. Pure.

The same table gives the same weights: the order of the rows comes from a checksum, and each step
adds in a fixed order.
"""

import math
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence

from deploy.danger.table import Row
from router.danger.model import CALM, KINDS, UNIT, Weights
from router.danger.signs import locate_signs
from services.language.words import tokens

ROUNDS = 12
"""Times that each row is learned from; more fits the table better and other messages no better."""
STEP = 0.1
"""Length of the first step."""
BIAS_STEP = 0.01
DECAY = 0.01
"""Strength of L2, by which a weight that nothing supports shrinks."""
FIRST_SQUARE = 0.01
"""Sum of squared gradients from which AdaGrad begins."""
LEAST_ROWS = 2
"""Rows that have a sign, at least: one alone says nothing about others."""
MOST_SIGNS = 11_600
"""Signs in the model, at most: some 300 kB. The heaviest are kept."""
CLASSES = (CALM, *KINDS)


Sign = tuple[int, float]
"""Place of a sign among all signs, and its strength."""
Sums = list[float]
"""A number for each class."""


def strength(sign: str) -> float:
    """Return the strength of a sign: pairs are many and rare, and learn more slowly than stems; a
    meaning tells of words that the table lacks, and less of those that it has."""
    if sign.startswith(("#", "!")):
        return 0.6
    if " " in sign:
        return 0.4 if " . " in sign else 0.6
    return 1.2 if sign.startswith("~") else 1.0


def train(rows: Sequence[Row]) -> tuple[Weights, dict[str, Weights]]:
    """Return the bias of each kind of danger and the weights of each sign, all against calm."""
    located = [locate_signs(tokens(row.text)) for row in rows]
    counts = Counter(sign for signs in located for sign in signs)
    signs = sorted(sign for sign, count in counts.items() if count >= LEAST_ROWS)
    places = {sign: place for place, sign in enumerate(signs)}
    strengths = [strength(sign) for sign in signs]
    learned = [[(places[s], strengths[places[s]]) for s in each if s in places] for each in located]
    bias, weights = _descend(rows, learned, len(signs))
    scaled = {
        sign: _against_calm([each * strengths[n] for each in weights[n]])
        for n, sign in enumerate(signs)
    }
    heaviest = sorted(scaled, key=lambda sign: (-max(map(abs, scaled[sign])), sign))[:MOST_SIGNS]
    return _against_calm(bias), {
        sign: scaled[sign] for sign in sorted(heaviest) if any(scaled[sign])
    }


def _against_calm(sums: Sums) -> Weights:
    calm, *dangers = sums
    one, two, three, four = (round((each - calm) * UNIT) for each in dangers)
    return one, two, three, four


def _descend(
    rows: Sequence[Row], learned: Sequence[Sequence[Sign]], signs: int
) -> tuple[Sums, list[Sums]]:
    classes = range(len(CLASSES))
    bias = [0.0 for _ in classes]
    weights = [[0.0 for _ in classes] for _ in range(signs)]
    squares = [[FIRST_SQUARE for _ in classes] for _ in range(signs)]
    kinds = [CLASSES.index(row.kind) for row in rows]
    for n in _order(rows):
        errors = _probabilities(learned[n], bias, weights)
        errors[kinds[n]] -= 1
        for each in classes:
            bias[each] -= BIAS_STEP * errors[each]
        for sign, by in learned[n]:
            _step(weights[sign], squares[sign], errors, by)
    return bias, weights


def _order(rows: Sequence[Row]) -> Iterator[int]:
    """Yield the places of the rows, shuffled anew in each round by a checksum."""
    for turn in range(ROUNDS):
        keys = [zlib.crc32(f"{turn} {row.text}".encode()) for row in rows]
        yield from sorted(range(len(rows)), key=lambda n: (keys[n], n))


def _probabilities(signs: Sequence[Sign], bias: Sums, weights: Sequence[Sums]) -> Sums:
    calm, emergency, suicide, violence, threat = bias
    for sign, by in signs:
        one, two, three, four, five = weights[sign]
        calm += one * by
        emergency += two * by
        suicide += three * by
        violence += four * by
        threat += five * by
    sums = calm, emergency, suicide, violence, threat
    highest = max(sums)
    powers = [math.exp(each - highest) for each in sums]
    total = sum(powers)
    return [each / total for each in powers]


def _step(weights: Sums, squares: Sums, errors: Sums, by: float) -> None:
    """Move the weights of one sign against the error, less where they moved much (AdaGrad)."""
    for n, weight in enumerate(weights):
        gradient = errors[n] * by + DECAY * weight
        squares[n] += gradient * gradient
        weights[n] = weight - STEP * gradient / math.sqrt(squares[n])
