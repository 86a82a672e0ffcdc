"""A witness answers as C2SP: tlog-witness says, and never signs two trees of one size."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner

from cli.main import main
from services.transparency.add_checkpoint import MAX_REQUEST_BYTES, encode_request
from services.transparency.cosignature import Witness, verify_cosignature
from tests.support.transparency import NAME, GrowingLog, witness_of, write_logs
from witness.key_file import KEY, KNOWN, KeyUnusable
from witness.known_logs import LogsUnusable, load_logs

ROOT = Path(__file__).parents[3]
LOG, FORK = GrowingLog(), GrowingLog(fork_at=5)
STRANGER = GrowingLog("example.org/other")
Answer = tuple[int, str]


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[Witness]:
    async with witness_of(tmp_path, LOG.verifier) as one:
        yield one


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def post(session: aiohttp.ClientSession, one: Witness, body: bytes) -> Answer:
    async with session.post(f"{one.url}/add-checkpoint", data=body) as response:
        return response.status, await response.text()


async def submit(
    session: aiohttp.ClientSession, one: Witness, log: GrowingLog, old: int, size: int
) -> Answer:
    body = encode_request(old, log.proof(old, size), log.note(size))
    return await post(session, one, body)


async def newest(session: aiohttp.ClientSession, one: Witness, origin: str) -> Answer:
    url = f"{one.url}/checkpoint"
    async with session.get(url, params={"origin": origin}) as response:
        return response.status, await response.text()


async def test_checkpoints_that_continue_one_another_are_cosigned_and_shown(
    session: aiohttp.ClientSession, one: Witness
) -> None:
    assert await newest(session, one, LOG.origin) == (
        404, '{"status":404,"title":"Not Found","detail":"nothing of that log was co-signed"}',
    )  # fmt: skip
    for old, size in ((0, 3), (3, 3), (3, 8), (8, 13), (13, 200)):
        status, line = await submit(session, one, LOG, old, size)
        assert status == 200, line
        assert line.startswith(f"\N{EM DASH} {NAME} ")
        verify_cosignature(LOG.note(size) + line, one.key)
        assert await newest(session, one, LOG.origin) == (200, LOG.note(size) + line)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\xff\n\n" + LOG.note(9).encode(), 400),
        (encode_request(8, [], LOG.note(9))[4:], 400),
        (encode_request(8, [], LOG.note(9)).replace(b"old 8", b"old 08"), 400),
        (encode_request(8, [b"short"], LOG.note(9)), 400),
        (encode_request(8, [bytes(32)] * 64, LOG.note(9)), 400),
        (encode_request(8, [], LOG.note(9) + "x\n"), 400),
        (encode_request(8, [], LOG.note(9).replace("\n9\n", "\n09\n")), 400),
        (encode_request(10, [], LOG.note(9)), 400),
        (encode_request(8, [], STRANGER.note(9)), 404),
        (encode_request(8, LOG.proof(8, 9), LOG.note(9, seed=bytes(32))), 403),
        (encode_request(8, LOG.proof(8, 9), LOG.note(9).partition("\n\n")[0] + "\n\n"), 403),
        (encode_request(8, [], LOG.note(9)), 422),
        (encode_request(8, [bytes(32)] * 63, LOG.note(9)), 422),
        (encode_request(8, FORK.proof(8, 9), FORK.note(9)), 422),
        (encode_request(8, [bytes(32)], LOG.note(8)), 422),
        (b"old 8\n" + b"x" * MAX_REQUEST_BYTES, 413),
    ],
)
async def test_request_that_must_not_be_cosigned_has_the_status_of_the_protocol(
    session: aiohttp.ClientSession, one: Witness, body: bytes, status: int
) -> None:
    assert (await submit(session, one, LOG, 0, 8))[0] == 200
    before = await newest(session, one, LOG.origin)
    assert (await post(session, one, body))[0] == status
    assert await newest(session, one, LOG.origin) == before


async def test_old_size_that_is_not_the_last_is_told_the_last(
    session: aiohttp.ClientSession, one: Witness
) -> None:
    await submit(session, one, LOG, 0, 8)
    for old, size in ((0, 9), (7, 9), (0, 7)):
        body = encode_request(old, LOG.proof(old, size), LOG.note(size))
        async with session.post(f"{one.url}/add-checkpoint", data=body) as response:
            told = (response.status, response.headers["Content-Type"], await response.text())
        assert told == (409, "text/x.tlog.size", "8\n")


async def test_fork_is_refused_and_kept_as_evidence(
    session: aiohttp.ClientSession, one: Witness, tmp_path: Path
) -> None:
    await submit(session, one, LOG, 0, 8)
    body = encode_request(8, [], FORK.note(8))
    assert await post(session, one, body) == (409, "another log of 8 entries was co-signed\n")
    [kept] = (tmp_path / NAME.replace("/", "-") / "refused").iterdir()
    assert kept.read_text() == FORK.note(8)
    assert (await submit(session, one, LOG, 8, 9))[0] == 200


async def test_two_requests_at_once_never_have_two_trees_of_one_size_signed(
    session: aiohttp.ClientSession, one: Witness
) -> None:
    await submit(session, one, LOG, 0, 4)
    asked = [
        submit(session, one, log, 4, size)
        for size in range(6, 26)
        for log in (LOG, FORK, LOG, FORK)
    ]
    answers = await asyncio.gather(*asked)
    assert sorted({status for status, _ in answers}) == [200, 409]
    assert [status for status, _ in answers].count(200) == 1


async def test_witness_that_starts_again_knows_what_it_signed(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with witness_of(tmp_path, LOG.verifier) as one:
        await submit(session, one, LOG, 0, 8)
        before = await newest(session, one, LOG.origin)
    async with witness_of(tmp_path, LOG.verifier) as again:
        assert again.key == one.key
        assert await newest(session, again, LOG.origin) == before
        assert await submit(session, again, FORK, 0, 9) == (409, "8\n")
        assert (await submit(session, again, FORK, 8, 9))[0] == 422
        assert (await submit(session, again, LOG, 8, 9))[0] == 200


KILLED = """
import os, sys
from pathlib import Path
from witness.key_file import load_key
from witness.known_logs import load_logs
from witness import signed_state

folder, logs, when = Path(sys.argv[1]), load_logs(Path(sys.argv[2])), sys.argv[3]
if when == "in the write":
    signed_state.sync_folder = Path.replace = lambda *_: os._exit(9)
with signed_state.locked(folder):
    state = signed_state.SignedState(folder, load_key(folder), logs)
    state.cosign(sys.stdin.read(), 1)
    os._exit(9)
"""


@pytest.mark.parametrize("when", ["in the write", "after the write"])
async def test_witness_killed_before_it_answered_signs_no_other_tree_of_that_size(
    session: aiohttp.ClientSession, tmp_path: Path, when: str
) -> None:
    async with witness_of(tmp_path, LOG.verifier) as one:
        await submit(session, one, LOG, 0, 4)
    home, logs = tmp_path / NAME.replace("/", "-"), tmp_path / "logs.toml"
    command = [sys.executable, "-c", KILLED, str(home), str(logs), when]
    killed = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, cwd=ROOT)
    await killed.communicate(LOG.note(8).encode())
    assert killed.returncode == 9
    is_stored = when == "after the write"
    async with witness_of(tmp_path, LOG.verifier) as again:
        status, last = await submit(session, again, FORK, 0, 8)
        assert (status, last) == (409, "8\n" if is_stored else "4\n")
        answers = [await submit(session, again, log, int(last), 8) for log in (FORK, LOG)]
        assert [answer[0] for answer in answers] == ([409, 200] if is_stored else [200, 409])


async def test_answer_waits_for_the_disk_and_a_full_one_signs_nothing(
    session: aiohttp.ClientSession, one: Witness, tmp_path: Path
) -> None:
    await submit(session, one, LOG, 0, 4)
    signed = tmp_path / NAME.replace("/", "-") / "signed"
    [file] = signed.iterdir()
    file.with_suffix(".new").mkdir()  # as a disk that takes nothing: the superuser may do the rest
    status, text = await submit(session, one, LOG, 4, 8)
    assert (status, "nothing was signed" in text) == (503, True)
    assert (await submit(session, one, FORK, 4, 8))[0] == 503
    file.with_suffix(".new").rmdir()
    assert (await submit(session, one, LOG, 4, 8))[0] == 200


async def test_second_process_does_not_sign_with_the_same_key(tmp_path: Path) -> None:
    async with witness_of(tmp_path, LOG.verifier):
        with pytest.raises(KeyUnusable, match="another process"):
            async with witness_of(tmp_path, LOG.verifier):
                pass


async def test_witness_that_forgot_or_was_given_a_state_does_not_start(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session, witness_of(tmp_path, LOG.verifier) as one:
        await submit(session, one, LOG, 0, 4)
    home = tmp_path / NAME.replace("/", "-")
    [file] = (home / "signed").iterdir()
    file.write_text(file.read_text().replace("\n4\n", "\n3\n"))
    with pytest.raises(KeyUnusable, match="not what this witness stored"):
        async with witness_of(tmp_path, LOG.verifier):
            pass
    (home / "signed").rename(home / "elsewhere")
    with pytest.raises(KeyUnusable, match="make a new key"):
        async with witness_of(tmp_path, LOG.verifier):
            pass
    os.chmod(home / KEY, 0o640)
    with pytest.raises(KeyUnusable, match="others may read it"):
        async with witness_of(tmp_path, LOG.verifier):
            pass


async def test_witness_that_lost_the_checkpoint_of_one_log_does_not_cosign_a_fork_of_it(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    home = tmp_path / NAME.replace("/", "-")
    async with witness_of(tmp_path, LOG.verifier, STRANGER.verifier) as one:
        await submit(session, one, LOG, 0, 4)
        [file] = (home / "signed").iterdir()
        older = file.read_text()
        await submit(session, one, LOG, 4, 8)
        await submit(session, one, STRANGER, 0, 3)
    newest = file.read_text()
    for lost in (file.unlink, lambda: file.write_text(older)):
        lost()
        with pytest.raises(KeyUnusable, match=f"co-signed 8 entries of the log {LOG.origin}"):
            async with witness_of(tmp_path, LOG.verifier, STRANGER.verifier):
                pass
    async with witness_of(tmp_path, STRANGER.verifier) as one:
        assert (await submit(session, one, STRANGER, 3, 5))[0] == 200
    with pytest.raises(KeyUnusable, match="co-signed 8 entries"):  # still, put on the list again
        async with witness_of(tmp_path, LOG.verifier, STRANGER.verifier):
            pass
    file.write_text(newest)
    async with witness_of(tmp_path, LOG.verifier, STRANGER.verifier) as one:
        assert (await submit(session, one, FORK, 8, 9))[0] == 422
        assert (await submit(session, one, LOG, 8, 9))[0] == 200
    (home / KNOWN).write_text("8\n")
    with pytest.raises(KeyUnusable, match="known: it is not what this witness stored"):
        async with witness_of(tmp_path, LOG.verifier):
            pass
    (home / KNOWN).unlink()
    with pytest.raises(KeyUnusable, match="`known` beside the key is gone"):
        async with witness_of(tmp_path, LOG.verifier):
            pass


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "logs"),
        ("logs = []", "names no log"),
        ("[[logs]]\nkey = 'x'", "log 1: expected a key"),
        ("[[logs]]\nkey = 'x'\nurl = 'y'", "unknown field"),
        ("[", "logs.toml"),
    ],
)
def test_list_of_logs_with_a_fault_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "logs.toml"
    path.write_text(text)
    with pytest.raises(LogsUnusable, match=why):
        load_logs(path)


def test_commands_make_and_show_a_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    folder = tmp_path / "w"

    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, ["witness", *words, "--folder", str(folder)])
        assert done.exit_code == code, done.output
        return done.stdout if code == 0 else done.stderr

    assert "No such file" in run("key", "show", code=1)
    made = run("key", "new", "--name", NAME)
    assert made.startswith(f"{NAME}+") and run("key", "show") == made
    assert (folder / KEY).stat().st_mode & 0o777 == 0o600
    assert "a key in this folder already" in run("key", "new", "--name", NAME, code=1)
    logs = write_logs(tmp_path, LOG.verifier)
    secret = (folder / KEY).read_text().split()[1]
    assert secret not in made
    (folder / KEY).write_text(f"{NAME} {secret}x\n")
    refused = run("serve", "--logs", str(logs), "--port", "0", "--ops-port", "0", code=1)
    assert "no key of a witness" in refused and secret not in refused
