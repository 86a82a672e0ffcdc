"""The checker for strangers on time stamps (RFC 3161), which an authority of OpenSSL gives."""

import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.checker import LOG, Check, continuation, dated, signed

pytestmark = pytest.mark.slow
SETTINGS = """
[tsa]
default_tsa = one
[one]
serial = serial
signer_cert = {0}.pem
certs = ca.pem
signer_key = {0}.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
ess_cert_id_alg = sha256
[stamps]
extendedKeyUsage = critical,timeStamping
[issues]
basicConstraints = critical,CA:true
"""
KINDS = {"ec": ("ec", "ec_paramgen_curve:P-256"), "rsa": ("rsa", "rsa_keygen_bits:2048")}


class Authority:
    """A certificate authority with two authorities for time stamps, one for each kind of key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.ca = self._make("ca", "ec")
        for kind in KINDS:
            (folder / f"{kind}.cnf").write_text(SETTINGS.format(kind))
            self._make(kind, kind, "-CA", "ca.pem", "-CAkey", "ca.key", "-extensions", "stamps",
                       "-config", self._config())  # fmt: skip
        self._make("between", "ec", "-CA", "ca.pem", "-CAkey", "ca.key", "-extensions", "issues",
                   "-config", self._config())  # fmt: skip
        self._make("below", "ec", "-CA", "between.pem", "-CAkey", "between.key", "-extensions",
                   "stamps", "-config", self._config())  # fmt: skip
        for name, certs in (("below", "between.pem"), ("bare", "below.pem")):
            stated = SETTINGS.format("below").replace("certs = ca.pem", f"certs = {certs}")
            (folder / f"{name}.cnf").write_text(stated)

    def _config(self) -> str:
        file = self.folder / "req.cnf"
        file.write_text("[req]\ndistinguished_name=dn\n[dn]\n" + SETTINGS.format("x"))
        return file.name

    def _make(self, name: str, kind: str, *more: str) -> Path:
        algorithm, option = KINDS[kind]
        self.openssl(
            "req", "-x509", "-nodes", "-newkey", algorithm, "-pkeyopt", option, "-days", "30",
            "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem", *more,
        )  # fmt: skip
        return self.folder / f"{name}.pem"

    def openssl(self, *words: str) -> None:
        run = ["openssl", *words]
        subprocess.run(run, cwd=self.folder, check=True, capture_output=True, timeout=30)

    def stamp(self, note: str, kind: str = "ec", *more: str, hash: str = "sha256") -> Path:
        """The time stamp of a note: a whole answer."""
        (self.folder / "note").write_bytes(note.encode())
        self.openssl("ts", "-query", "-data", "note", f"-{hash}", "-cert", "-out", "query")
        self.openssl(
            "ts", "-reply", "-config", f"{kind}.cnf", "-queryfile", "query", "-out", "answer", *more
        )
        return self.folder / "answer"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    yield Authority(tmp_path_factory.mktemp("authority") / "one")


NOW = datetime.now(UTC)
NOTE = dated(7, NOW)


def run(check: Check, stamp: Path, ca: Path, note: str = NOTE) -> tuple[int, str]:
    proof = continuation(3, 7, checkpoints=[signed(3), note])
    return check(proof, LOG.published, "--stamp", stamp, "--authority", ca)


@pytest.mark.parametrize(
    ("kind", "more", "hash"),
    [("ec", (), "sha256"), ("rsa", (), "sha512"), ("rsa", ("-token_out",), "sha256")],
)
def test_time_stamp_of_the_checkpoint_holds(
    check: Check, authority: Authority, kind: str, more: tuple[str, ...], hash: str
) -> None:
    code, printed = run(check, authority.stamp(NOTE, kind, *more, hash=hash), authority.ca)
    assert code == 0 and "it was there at 20" in printed, printed


def changed(stamp: Path, old: bytes, new: bytes) -> None:
    content = stamp.read_bytes()
    assert old in content
    stamp.write_bytes(content.replace(old, new))


def year_of(stamp: Path) -> bytes:
    """The first bytes of the time: its tag, its length, and the century."""
    content = stamp.read_bytes()
    at = content.index(b"\x18\x0f20")
    return content[at : at + 6]


FORGERIES: dict[str, Callable[[Path], object]] = {
    "dated back": lambda stamp: changed(stamp, year_of(stamp), b"\x18\x0f2001"),
    "another signature": lambda stamp: stamp.write_bytes(stamp.read_bytes()[:-1] + b"\x01\x01"[:1]),
    "cut off": lambda stamp: stamp.write_bytes(stamp.read_bytes()[:-30]),
    "empty": lambda stamp: stamp.write_bytes(b""),
    "no time stamp": lambda stamp: stamp.write_text("no time stamp"),
}


@pytest.mark.parametrize("about", FORGERIES)
def test_changed_time_stamp_is_refused(check: Check, authority: Authority, about: str) -> None:
    stamp = authority.stamp(NOTE)
    FORGERIES[about](stamp)
    code, printed = run(check, stamp, authority.ca)
    assert code == 1 and "it does not hold: " in printed, printed


def test_time_stamp_of_another_note_or_authority_is_refused(
    check: Check, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    code, printed = run(check, authority.stamp(signed(6)), authority.ca)
    assert code == 1 and "the time stamp is of something else" in printed
    code, printed = run(check, other.stamp(NOTE), authority.ca)
    assert code == 1 and "the authority is another one" in printed


def test_time_stamp_below_an_intermediate_certificate_leads_to_the_root(
    check: Check, authority: Authority, tmp_path: Path
) -> None:
    root, between = authority.ca, authority.folder / "between.pem"
    both, alone = tmp_path / "both.pem", tmp_path / "alone.pem"
    both.write_bytes(root.read_bytes() + between.read_bytes())
    alone.write_bytes((authority.folder / "rsa.pem").read_bytes())
    for kind, trusted, code in (
        ("below", root, 0), ("below", both, 0), ("bare", both, 0),
        ("bare", root, 1), ("below", alone, 1),
    ):  # fmt: skip
        found = run(check, authority.stamp(NOTE, kind), trusted)
        assert found[0] == code, (kind, trusted, found)
        assert ("the authority is another one" in found[1]) == bool(code)


@pytest.mark.parametrize(
    ("age", "says"),
    [
        (timedelta(hours=24), "it was there at 20"),
        (timedelta(hours=26), "the checkpoint is dated back"),
        (timedelta(minutes=-3), "it was there at 20"),
        (timedelta(minutes=-10), "the time stamp is older than the time in the checkpoint"),
    ],
)
def test_stamp_has_the_time_of_the_checkpoint(
    check: Check, authority: Authority, age: timedelta, says: str
) -> None:
    note = dated(7, datetime.now(UTC) - age)  # the authority stamps with the time of now
    code, printed = run(check, authority.stamp(note), authority.ca, note)
    assert says in printed and code == ("it was there" not in says), printed
