"""A back-up of a test's database by PostgreSQL's own program, put back as an operator would."""

import subprocess

from deploy.local.postgresql import Database, binaries


def dump(server: Database, database: str, *options: str) -> str:
    """A plain dump."""
    program = binaries(server.folder / "data")[1] / "pg_dump"
    url = f"{server.url.rpartition('/')[0]}/{database}"
    made = subprocess.run([str(program), *options, url], capture_output=True, text=True, check=True)
    return made.stdout
