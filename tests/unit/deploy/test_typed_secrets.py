"""Pages with secrets to type in: their own commands are run, and no secret is an argument of one.

Everybody on a machine sees the arguments of every process, and a shell keeps its history.
"""

import base64
import hashlib
import hmac
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tests.support.kubernetes.chart import ROOT, example

PAGES = ROOT / "docs" / "operators"
OURS = ("kubectl", "curl", "postkamer")
"""Commands that are not here, or must not run: they are only noted."""
USED = (
    *("base64", "cat", "cmp", "cp", "cut", "date", "grep", "head", "mkdir", "mv"),
    *("od", "openssl", "python3", "sed", "tr"),
)
"""Commands of the pages that do run."""
BASH = shutil.which("bash") or "/bin/bash"
NOTHING: Mapping[str, str] = MappingProxyType({})
TYPED = ["eerste geheim", "een sleutel van Meta"]
"""Secrets that Meta gives, as somebody types them."""


def blocks(page: str, heading: str, until: str) -> list[str]:
    """Return the commands between two places of a page."""
    part = (PAGES / page).read_text().partition(heading)[2].partition(until)[0]
    found = re.findall(r"^( *)```sh\n(.*?)^ *```$", part, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"(?m)^{indent}", "", text) for indent, text in found]


def program(name: str, folder: Path) -> str:
    """Return a program that notes its arguments, and then is the real one, or takes its input."""
    real = sys.executable if name == "python3" else shutil.which(name)
    rest = f'exec {real} "$@"' if name in USED else f"{shutil.which('cat')} >>{folder}/{name}.in"
    return f"""\
#!{BASH}
printf "%s\\0" {name} "$@" "" >>{folder}/log
{rest}
"""


def run(text: str, folder: Path, more: Mapping[str, str] = NOTHING) -> list[list[str]]:
    """Run commands in bash, and return those with their arguments. `more` are programs of the
    test's own."""
    programs = folder / "bin"
    programs.mkdir()
    for name in (*OURS, *USED):
        (programs / name).write_text(program(name, folder))
        (programs / name).chmod(0o755)
    for name, body in more.items():
        (programs / name).write_text(f"#!{BASH}\n{body}\n")
        (programs / name).chmod(0o755)
    done = subprocess.run(
        [BASH, "-eu", "-c", text], cwd=folder, capture_output=True, text=True, timeout=30,
        check=False, input="\n".join([*TYPED, ""]), env={"PATH": str(programs)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [each.split("\0") for each in (folder / "log").read_text().split("\0\0") if each]


def test_secrets_for_kubernetes_are_in_files_for_oneself(tmp_path: Path) -> None:
    commands = run("\n".join(blocks("kubernetes.md", "3. **Secrets.**", "4. **D")), tmp_path)
    folder = tmp_path / "secrets"
    files = {each.name: each.read_bytes() for each in folder.iterdir()}
    assert {oct(each.stat().st_mode & 0o777) for each in folder.iterdir()} == {"0o600"}
    assert len({*files.values()}) == len(files) == 19
    for name, secret in files.items():
        assert len(secret) >= 8
        assert not re.search(rb"[\r\n]", secret), name
        assert not [each for each in commands if secret.decode() in " ".join(each)], name
    assert len(base64.b64decode(files["working-key"], validate=True)) == 32
    assert len(base64.b64decode(files["archive-key"], validate=True)) == 32
    assert files["api-tokens"] == b"crm/*:" + files["api-token"]
    assert [files["meta-app-secrets"].decode(), files["meta-access-token"].decode()] == TYPED
    made = {key for each in commands if each[0] == "kubectl" for key in keys(each, files)}
    # Those of the town whose servers the chart makes, but for what its identity provider gives.
    town = example("large").read_text()
    named = {
        *re.findall(r"\{name: (postkamer(?:-(?:broker|database)-\w+)?), key: ([\w-]+)\}", town)
    }
    assert len(named) >= 20
    assert {key for _, key in named - made} == {"desk-client-secret"}


def keys(command: list[str], files: dict[str, bytes]) -> list[tuple[str, str]]:
    """Name and key of what `kubectl create secret` is given. Each file is there."""
    name = command[command.index("generic") + 1]
    found = []
    for word in command:
        option, _, given = word.partition("=")
        if option == "--from-file":
            key, _, file = given.rpartition("=")
            assert file in files
            found.append((name, key or file))
    return found


def test_first_message_to_one_machine_is_signed_out_of_sight(tmp_path: Path) -> None:
    [text, *_] = blocks("one-machine.md", "## 10. The first message", "\n## The desk")
    settings = tmp_path / "settings"
    settings.mkdir()
    (settings / "environment").write_text("")
    for name, secret in {"META_APP_SECRETS": "een geheim", "META_VERIFY_TOKEN": "woord"}.items():
        (settings / name).write_text(f"{secret}\n")
        with (settings / "owner.env").open("a") as owner:
            owner.write(f"POSTKAMER_{name}_FILE={settings / name}\n")
    (settings / "postkamer.toml").write_text('[[numbers]]\nid = "106540352242922"\n')
    text = text.replace("/etc/postkamer", str(settings)).replace("/run/", f"{tmp_path}/")
    commands = run(text, tmp_path)
    assert "hub.verify_token=woord&" in (tmp_path / "curl.in").read_text()
    said = [" ".join(each) for each in commands]
    assert not [each for each in said if "een geheim" in each or "woord" in each]
    body = (tmp_path / "message.json").read_bytes()
    assert json.loads(body)["object"] == "whatsapp_business_account"
    signature = hmac.new(b"een geheim", body, hashlib.sha256).hexdigest()
    assert [each for each in said if f"X-Hub-Signature-256: sha256={signature}" in each]


def new_keys(text: str, folder: Path, archive: Path, working: Path) -> list[tuple[str, str, str]]:
    """Run the commands that make new keys, and return each start and stop, with the archive key and
    the working key that it finds, the new one as `new`. No command has it as an argument."""
    script = (ROOT / "deploy" / "systemd" / "exchange_secret.sh").read_text()
    note = f"echo $*,,$(cat {archive}),,$(cat {working}) >>{folder}/starts"
    own = {"systemctl": note, "docker": note, "journalctl": "echo keys.rewrapped"}
    text = text.replace("/etc/postkamer", str(folder)).replace("/usr/local/lib/postkamer/", "")
    exchange = {"exchange_secret": script.replace("/etc/postkamer", str(folder))}
    commands = run(text, folder, own | exchange)
    drawn = [
        key for path in (archive, working) for key in path.read_text().strip().split(",")
        if key != "former"
    ]  # fmt: skip
    starts = (folder / "starts").read_text()
    for key in drawn:
        assert len(base64.b64decode(key, validate=True)) == 32
        assert not [each for each in commands if key in " ".join(each)]
        starts = starts.replace(key, "new")
    assert len({*drawn}) == len(drawn)
    return re.findall(r"^(.*),,(.*),,(.*)$", starts, re.MULTILINE)


def test_new_keys_of_one_machine_are_taken_one_gateway_after_the_other(tmp_path: Path) -> None:
    [machine, _] = blocks("secrets.md", "## What needs a restart", "The steps of the working key")
    for file in ("environment", "owner.env"):
        (tmp_path / file).write_text("")
    for holder, key in (("owner", "archive"), ("router", "archive"), ("owner", "working")):
        (tmp_path / "secrets" / holder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "secrets" / holder / f"{key}_key").write_text("former\n")
    owner = tmp_path / "secrets" / "owner"
    found = new_keys(machine, tmp_path, owner / "archive_key", owner / "working_key")
    rounds = [
        ("new,former", "former"),
        ("new,former", "former,new"),
        ("new,former", "new,former"),
        ("new,former", "new"),
    ]
    units = ("restart postkamer-gateway@2", "restart postkamer")
    starts = [(unit, *keys) for keys in rounds for unit in units]
    assert found == [*starts, ("stop postkamer-gateway@2", *rounds[-1])]
    router = tmp_path / "secrets" / "router" / "archive_key"
    assert router.read_text() == (owner / "archive_key").read_text()


def test_new_key_of_containers_is_taken_one_gateway_after_the_other(tmp_path: Path) -> None:
    [_, containers] = blocks(
        "secrets.md", "## What needs a restart", "The steps of the working key"
    )
    folder = tmp_path / "deploy" / "secrets"
    folder.mkdir(parents=True)
    for key in ("ARCHIVE_KEY", "WORKING_KEY"):
        (folder / key).write_text("former\n")
    number = (folder / "ARCHIVE_KEY").stat().st_ino
    found = new_keys(containers, tmp_path, folder / "ARCHIVE_KEY", folder / "WORKING_KEY")
    assert {(archive, working) for _, archive, working in found} == {("new,former", "former")}
    order = ("gateway-2", "gateway", "router deliverer desk", "archiver", "archive rotate --master")
    for (words, *_), end in zip(found, order, strict=True):
        assert words.endswith(f" {end}")
    assert (folder / "ARCHIVE_KEY").stat().st_ino == number, "another file would not be mounted"
