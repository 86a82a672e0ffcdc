"""Tests that run in asyncio's own event loop, and once more in the one that services run in."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from services.lifecycle import run_event_loop


def on_both_loops(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    def in_loop(run: Callable[..., None], **fixtures: Any) -> None:
        run(test(**fixtures))

    own = inspect.signature(test)
    run = inspect.Parameter("run", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    in_loop.__signature__ = own.replace(parameters=[run, *own.parameters.values()])  # type: ignore[attr-defined]
    in_loop.__name__, in_loop.__doc__ = test.__name__, test.__doc__
    loops = pytest.mark.parametrize(
        "run", [asyncio.run, run_event_loop], ids=["asyncio", "installed"]
    )
    return loops(in_loop)
