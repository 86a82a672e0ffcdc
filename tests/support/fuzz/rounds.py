"""A fuzz run in rounds: hypothesis keeps every choice of a round, and goes on from what it kept; a
long run in one would fill the memory, and come back to the same places."""

import itertools
import os
import random
from collections.abc import Callable

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

WHOLE = int(os.environ.get("FUZZ_INPUTS", "700"))
"""Inputs of all parts together."""
SEED = int(os.environ.get("FUZZ_SEED") or (0 if "CI" in os.environ else random.getrandbits(32)))
"""Seed of the first round; the next ones count on."""
MOST = 100
"""Examples in a round."""
ROUND = settings(
    database=None, deadline=None, suppress_health_check=list(HealthCheck), print_blob=False
)
_seeds = itertools.count(SEED)


def fuzz(test: Callable[..., None], *strategies: st.SearchStrategy, examples: int) -> None:
    """One round of at most so many examples; says what to give again when it finds something."""
    bounded = settings(ROUND, max_examples=max(1, min(MOST, examples)))
    now = next(_seeds)
    try:
        seed(now)(bounded(given(*strategies)(test)))()
    except BaseException:
        print(f"  found in a round of FUZZ_SEED={SEED}, with its own seed {now}", flush=True)
        raise
