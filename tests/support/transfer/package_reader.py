"""An independent reader of a package (SIP): it shares no code with what wrote it.

It walks the folders, reads the XML and JSON itself, hashes every byte, follows every reference both
ways, opens and checks every proof, and returns the messages. A fault raises PackageFault.
"""

import base64
import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SPACE = "{https://www.nationaalarchief.nl/mdto}"
OBJECT, FILE = ".mdto.xml", ".bestand.mdto.xml"
FORBIDDEN = set('<>:"/\\|?*#&. ')
Tree = dict[str, list[Any]]
"""Child -> its trees or texts, in order."""


class PackageFault(Exception):
    """The package is not what it should be."""


def require(holds: object, what: str) -> None:
    if not holds:
        raise PackageFault(what)


class ReadPackage(msgspec.Struct):
    """A package as it was read."""

    messages: dict[str, list[dict[str, Any]]]
    """Conversation -> its messages."""
    slip: Tree
    objects: dict[str, Tree]
    """Path of a folder -> the metadata of its object."""
    files: dict[str, Tree]
    """Path of a file -> its metadata."""
    documents: list[bytes]
    """Every sidecar, to be held against the schema."""
    entries: dict[str, list[dict[str, Any]]]
    """Conversation -> the content of its entries of the log, as the proofs open it; None where an
    entry was destroyed."""


def read_package(folder: Path) -> ReadPackage:
    objects, files, documents = _read_sidecars(folder)
    _check_names(objects, files)
    _check_content(folder, files)
    slip = _tree(ElementTree.parse(folder / "pakbon.xml").getroot(), "")
    target = _one(slip, "locatieDoelsysteem")
    _check_references(objects, files, target)
    _check_slip(folder, slip, objects, files)
    conversations = sorted(path for path in objects if _level(objects[path]) == "Dossier")
    require(len(conversations) == int(_one(slip, "aantalDossiers")), "dossiers")
    package = ReadPackage({}, slip, objects, files, documents, {})
    checkpoint = (folder / "controlepunt" / "controlepunt.txt").read_text()
    root, size = _check_note(checkpoint)
    for id in conversations:
        dossier = folder / id
        said = json.loads((dossier / f"{id}_gesprek" / f"{id}_gesprek.json").read_text())
        package.messages[id] = said["messages"]
        proofs = json.loads((dossier / f"{id}_verantwoording" / f"{id}_bewijzen.json").read_text())
        require(proofs["size"] == size, "a proof of another checkpoint")
        package.entries[id] = [_check_proof(each, root, size) for each in proofs["proofs"]]
        _check_messages(said, package.entries[id])
        _check_sources(dossier / f"{id}_bronnen", id, said)
    return package


def _read_sidecars(folder: Path) -> tuple[dict[str, Tree], dict[str, Tree], list[bytes]]:
    objects: dict[str, Tree] = {}
    files: dict[str, Tree] = {}
    documents: list[bytes] = []
    contents: set[str] = set()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir():
            require((path / f"{path.name}{OBJECT}").is_file(), f"{name}: no metadata")
        elif name == "pakbon.xml":
            continue
        elif not name.lower().endswith(OBJECT):
            contents.add(name)
        else:
            documents.append(path.read_bytes())
            root = ElementTree.fromstring(documents[-1])
            [inner] = list(root)
            kind, tree = inner.tag.removeprefix(SPACE), _tree(inner, SPACE)
            if name.lower().endswith(FILE):
                require(kind == "bestand", f"{name}: {kind}")
                files[name[: -len(FILE)]] = tree
            else:
                require(kind == "informatieobject", f"{name}: {kind}")
                require(path.name == f"{path.parent.name}{OBJECT}", f"{name}: not of its folder")
                objects[path.parent.relative_to(folder).as_posix()] = tree
    require(contents == set(files), f"files and their metadata: {contents ^ set(files)}")
    return objects, files, documents


def _check_names(objects: dict[str, Tree], files: dict[str, Tree]) -> None:
    """Check that names are unique in the package, short, and without forbidden characters."""
    names = [path.rpartition("/")[2] for path in [*objects, *files]]
    require(len(names) == len(set(names)), "a name occurs twice")
    for path in files:
        name = path.rpartition("/")[2]
        stem, _, extension = name.rpartition(".")
        require(stem and extension and not FORBIDDEN & {*stem, *extension}, f"name {name}")
        require(len(f"{name}{FILE}".encode()) <= 255, f"name {name}")
    for path in objects:
        require(not FORBIDDEN & {*path.rpartition("/")[2]}, f"name {path}")


def _check_content(folder: Path, files: dict[str, Tree]) -> None:
    for path, tree in files.items():
        content = (folder / path).read_bytes()
        require(_one(tree, "naam") == path.rpartition("/")[2], f"{path}: name")
        require(int(_one(tree, "omvang")) == len(content), f"{path}: size")
        [checksum] = tree["checksum"]
        require(_one(checksum["checksumAlgoritme"][0], "begripLabel") == "SHA-256", path)
        digest = hashlib.sha256(content).hexdigest()
        require(_one(checksum, "checksumWaarde") == digest, f"{path}: SHA-256")


def _check_references(objects: dict[str, Tree], files: dict[str, Tree], target: str) -> None:
    """Follow each reference from both of its ends."""
    of_object = {path: _key(tree) for path, tree in objects.items()}
    of_file = {path: _key(tree) for path, tree in files.items()}
    keys = [*of_object.values(), *of_file.values()]
    require(len(keys) == len(set(keys)), "an identification occurs twice")
    children: dict[str, set[str]] = defaultdict(set)
    shown: dict[str, set[str]] = defaultdict(set)
    for path, tree in files.items():
        home = path.rpartition("/")[0]
        [represents] = tree["isRepresentatieVan"]
        require(_referred(represents) == of_object[home], f"{path}: isRepresentatieVan")
        shown[home].add(of_file[path])
    for path, tree in objects.items():
        above, [part_of] = path.rpartition("/")[0], tree["isOnderdeelVan"]
        if above:
            require(_referred(part_of) == of_object[above], f"{path}: isOnderdeelVan")
            children[above].add(of_object[path])
        else:
            require(_one(part_of, "verwijzingNaam") == target, f"{path}: isOnderdeelVan")
    for path, tree in objects.items():
        parts = {_referred(each) for each in tree.get("bevatOnderdeel", [])}
        require(parts == children[path], f"{path}: bevatOnderdeel")
        represented = {_referred(each) for each in tree.get("heeftRepresentatie", [])}
        require(represented == shown[path], f"{path}: heeftRepresentatie")
        more = {_referred(each) for each in tree.get("aanvullendeMetagegevens", [])}
        require(more <= set(of_file.values()), f"{path}: aanvullendeMetagegevens")


def _check_slip(folder: Path, slip: Tree, objects: dict[str, Tree], files: dict[str, Tree]) -> None:
    every = [path for path in folder.rglob("*") if path.is_file() and path.name != "pakbon.xml"]
    numbers = {
        "aantalInformatieobjecten": len(objects),
        "aantalBestanden": len(every),
        "aantalBestandenZonderMetagegevens": len(files),
        "omvangZonderMetagegevens": sum((folder / path).stat().st_size for path in files),
    }
    for name, number in numbers.items():
        require(int(_one(slip, name)) == number, f"{name}: {_one(slip, name)}, found {number}")
    lines = []
    for top in sorted(path for path in folder.iterdir() if path.is_dir()):
        inner = {path.relative_to(top).as_posix(): path for path in every if top in path.parents}
        lines.append(
            f"{_digest([(_sha(inner[each]), each) for each in sorted(inner)])}  {top.name}"
        )
    digest = hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
    require(_one(slip, "hash") == digest, "the hash of the package")


def _digest(lines: list[tuple[str, str]]) -> str:
    text = "".join(f"{digest}  {path}\n" for digest, path in lines)
    return hashlib.sha256(text.encode()).hexdigest()


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _check_note(text: str) -> tuple[bytes, int]:
    """Check the signature of the checkpoint; return its root and its size."""
    body, signatures, key = text.split("\n\n")
    signed = f"{body}\n".encode()
    origin, size, root, *_ = body.splitlines()
    public = base64.b64decode(key.strip().split("+", 2)[2])[1:]
    [line] = [each for each in signatures.splitlines() if each.split(" ")[1] == origin]
    Ed25519PublicKey.from_public_bytes(public).verify(
        base64.b64decode(line.split(" ")[2])[4:], signed
    )
    return base64.b64decode(root), int(size)


def _check_proof(proof: dict[str, Any], root: bytes, size: int) -> Any:
    """Follow a path to the root as RFC 9162, section 2.1.3.2, says; return the opened entry."""
    leaf = proof["leaf"].encode()
    node = hashlib.sha256(b"\x00" + leaf).digest()
    at, last = proof["position"], size - 1
    for each in map(base64.b64decode, proof["path"]):
        require(last > 0, "a path that is too long")
        if at % 2 or at == last:
            node = hashlib.sha256(b"\x01" + each + node).digest()
            while at % 2 == 0 and at:
                at, last = at >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\x01" + node + each).digest()
        at, last = at >> 1, last >> 1
    require(last == 0 and node == root, "a proof that does not lead to the root")
    fields = json.loads(leaf)
    entry = {"id": fields[1], "kind": fields[2], "message": fields[7], "data": None}
    if "key" not in proof:
        return entry
    sealed, key = base64.b64decode(proof["sealed"]), base64.b64decode(proof["key"])
    require(hashlib.sha256(sealed).hexdigest() == fields[-1], "sealed content of another entry")
    columns = leaf[: leaf.rindex(b',"')]
    plain = msgspec.msgpack.decode(AESGCM(key).decrypt(sealed[:12], sealed[12:], columns))
    return entry | {"data": json.loads(plain[0]), "raw": plain[1]}


def _check_messages(said: dict[str, Any], entries: list[dict[str, Any]]) -> None:
    """Check that the messages are those of the log, each once and with its words."""
    proved = {each["message"]: each["data"] for each in entries if each["kind"] == "message"}
    shown = {each["id"]: each for each in said["messages"]}
    gone = {each["message"] for each in said["destroyed"]}
    require(len(shown) == len(said["messages"]), "a message occurs twice")
    require(set(proved) == set(shown) | gone, "messages and proofs differ")
    for id, message in shown.items():
        same = all(message[name] == proved[id][name] for name in ("text", "direction", "type"))
        require(same, f"message {id} is not what the log has")
    require(all(proved[id] is None for id in gone), "a destroyed message has content")


def _check_sources(folder: Path, id: str, said: dict[str, Any]) -> None:
    """Check the bodies against their list, and that each message can be found in one or is said to
    have come in one that others share."""
    listed = json.loads((folder / f"{id}_bronnen.json").read_text())["receipts"]
    named = {each["file"]: each for each in listed if each["state"] == "whole"}
    there = {path.name for path in folder.glob("*_bron-*.json")}
    require(there == set(named), "bodies and their list differ")
    bodies = []
    for name, each in named.items():
        bodies.append((folder / name).read_bytes())
        require(hashlib.sha256(bodies[-1]).hexdigest() == each["sha256"], f"{name}: SHA-256")
    if all(each["state"] == "whole" for each in listed):
        for message in said["messages"]:
            wamid = (message["raw"] or {}).get("id", "")
            require(any(wamid.encode() in body for body in bodies) or not wamid, "no body has it")


def _tree(element: ElementTree.Element, space: str) -> Tree:
    tree: Tree = defaultdict(list)
    for child in element:
        name = child.tag.removeprefix(space)
        tree[name].append(_tree(child, space) if len(child) else child.text or "")
    return tree


def _one(tree: Any, name: str) -> str:
    require(len(tree.get(name, [])) == 1, f"{name}: not once")
    text: str = tree[name][0]
    return text


def _key(tree: Tree) -> str:
    return _one(tree["identificatie"][0], "identificatieKenmerk")


def _referred(reference: Any) -> str:
    return _one(reference["verwijzingIdentificatie"][0], "identificatieKenmerk")


def _level(tree: Tree) -> str:
    return _one(tree["aggregatieniveau"][0], "begripLabel")
