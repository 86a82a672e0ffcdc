"""Run a service in the process of its command."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from cli.support.output import fail
from services import lifecycle
from services.amqp.partition_count import OtherPartitionCount
from services.keys.oldest_archive_key import OtherOldestKey
from services.keys.working_keys import WrongWorkingKey

Service = AbstractAsyncContextManager["asyncio.Future[object]"]


def run_until_stopped(name: str, service: Callable[[], Service]) -> None:
    """Run a service until it stops, and exit with its exit code."""
    try:
        sys.exit(lifecycle.run_event_loop(lifecycle.run(service)))
    except OSError as error:
        fail(f"{name}: {error.strerror or error}")
    except (OtherOldestKey, OtherPartitionCount, WrongWorkingKey) as error:
        fail(str(error))
