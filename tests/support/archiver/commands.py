"""`postkamer archive ...` on one database, as its operator runs it."""

import asyncio
from typing import Any

import msgspec
from click.testing import CliRunner, Result

from cli.main import main
from tests.support.decrypted_record import KEY

OPERATOR = "S. Jansen"


class Archive:
    """The commands of one archive. Every call asserts the exit code."""

    group = "archive"

    def __init__(self, url: str, **env: str) -> None:
        self.env: dict[str, str | None] = {
            "POSTKAMER_DATABASE_URL": url, "POSTKAMER_ARCHIVE_KEY": KEY,
            "POSTKAMER_WORKING_KEY": KEY,
            "POSTKAMER_OPERATOR": OPERATOR, **env,
        }  # fmt: skip

    async def __call__(
        self, *arguments: object, code: int = 0, stdin: str = "", **env: str | None
    ) -> Result:
        typed = [self.group, *map(str, arguments)]
        run = CliRunner().invoke
        result = await asyncio.to_thread(run, main, typed, input=stdin, env=self.env | env)
        assert result.exit_code == code, result.output
        return result

    async def fails(self, *arguments: object, code: int = 1, **more: Any) -> str:
        """The error of a command that is refused, and prints nothing else."""
        result = await self(*arguments, code=code, **more)
        assert result.stdout == ""
        return result.stderr

    async def lines(self, *arguments: object, **more: Any) -> list[Any]:
        """The lines of JSON that a command prints."""
        result = await self(*arguments, "--json", **more)
        return [msgspec.json.decode(line) for line in result.stdout.splitlines()]

    async def json(self, *arguments: object, **more: Any) -> Any:
        [line] = await self.lines(*arguments, **more)
        return line
