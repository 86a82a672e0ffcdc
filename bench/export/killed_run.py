"""The same export in a process of its own, which is killed amid its work, and one that goes on."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from archiver.transfer.exporter import Exporter, Means
from archiver.transfer.package import Package, Plan


def run_killed(url: str, folder: Path, plan: Plan, at: int) -> bool:
    """Export in another process, which is killed once `at` conversations are there; 0: never.
    Return True if it came to its end."""
    command = [sys.executable, "-m", "bench.export.killed_run", url, str(folder), str(at)]
    process = asyncio.run(_run(command, msgspec.json.encode(plan)))
    assert process in (0, -signal.SIGKILL), f"the export ended with {process}"
    return process == 0


async def _run(command: Sequence[str], plan: bytes) -> int:
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
    await process.communicate(plan)
    assert process.returncode is not None
    return process.returncode


async def export(means: Means, folder: Path, plan: Plan, at: int) -> None:
    """Export, or go on with an export, and end this process at once when it is so far."""
    package = Package(folder)
    if package.read_plan() is None:
        package.begin(plan)

    async def look(conversations: Sequence[str]) -> None:
        """The command has the archiver record it here."""

    def progress(done: int, of: int) -> None:
        if at and done >= at:
            os.kill(os.getpid(), signal.SIGKILL)

    await Exporter(means, package, plan).run(look, progress)


def _main(url: str, folder: str, at: str) -> None:
    from bench.export.measurement import opened_means

    async def work() -> None:
        async with opened_means(url, Path(folder).parent) as means:
            plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
            await export(means, Path(folder), plan, int(at))

    asyncio.run(work())


if __name__ == "__main__":
    _main(*sys.argv[1:])
