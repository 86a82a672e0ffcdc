"""A validator for schemas of the size of MDTO's, since no XML library with one is installed.

It knows what that schema has: named complex types, sequences, a choice, extensions, and unions of
simple types. Anything else in a schema is refused, so that nothing is left unchecked.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

XSD = "{http://www.w3.org/2001/XMLSchema}"
INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"
PATH = Path(__file__).parents[4] / "shared" / "contracts" / "MDTO-XML1.0.1.xsd"
_DAY = r"-?\d{4,}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_ZONE = r"(Z|[+-]\d{2}:\d{2})?"
SIMPLE = {
    "string": r"(?s:.*)",
    "anyURI": r"\S*",
    "integer": r"[+-]?\d+",
    "language": r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*",
    "gYear": rf"-?\d{{4,}}{_ZONE}",
    "gYearMonth": rf"-?\d{{4,}}-(0[1-9]|1[0-2]){_ZONE}",
    "date": _DAY + _ZONE,
    "dateTime": rf"{_DAY}T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?{_ZONE}",
    "duration": r"-?P(?=.)(\d+Y)?(\d+M)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?",
}
"""Built-in type -> its lexical form."""


class Schema:
    def __init__(self, path: Path = PATH) -> None:
        root = ElementTree.parse(path).getroot()
        self._space = f"{{{root.attrib['targetNamespace']}}}"
        self._types = {each.attrib["name"]: each for each in root.iter(f"{XSD}complexType")}
        [self._root] = root.findall(f"{XSD}element")

    def faults(self, document: bytes) -> list[str]:
        """Return what is wrong with a document, in its order."""
        root = ElementTree.fromstring(document)
        if root.tag != self._space + self._root.attrib["name"]:
            return [f"{root.tag} is not the root"]
        root.attrib.pop(INSTANCE, None)
        return list(self._check(root, self._root))

    def _check(self, element: Element, declared: Element) -> Iterator[str]:
        if element.attrib:
            yield f"{element.tag}: attributes"
        name, inline = declared.attrib.get("type"), _own(declared)
        if name in self._types:
            if (element.text or "").strip():
                yield f"{element.tag}: text"
            yield from self._check_children(element, self._types[name])
            return
        if len(element):
            yield f"{element.tag}: elements"
        names = [name] if name else _union(inline)
        forms = [SIMPLE[each.removeprefix("xsd:")] for each in names]
        text = element.text or ""
        collapsed = text if names == ["xsd:string"] else text.strip()
        if not any(re.fullmatch(form, collapsed) for form in forms):
            yield f"{element.tag}: {text!r} is no {' or '.join(names)}"

    def _check_children(self, element: Element, type: Element) -> Iterator[str]:
        children, at = list(element), 0
        for declared in self._particles(type):
            options = declared if isinstance(declared, list) else [declared]
            known = {self._space + each.attrib["name"]: each for each in options}
            low, high = _occurs(options[0]) if len(options) == 1 else (1, 1)
            count = 0
            while at < len(children) and children[at].tag in known and count < high:
                yield from self._check(children[at], known[children[at].tag])
                at, count = at + 1, count + 1
            if count < low:
                yield f"{element.tag}: {' or '.join(known)} is missing or not in its place"
        for each in children[at:]:
            yield f"{element.tag}: {each.tag} is not expected"

    def _particles(self, type: Element) -> Iterator[Element | list[Element]]:
        """Yield the declared elements in order; those of a choice as a list."""
        [group] = _own(type)
        if group.tag == f"{XSD}complexContent":
            [extension] = _own(group)
            assert extension.tag == f"{XSD}extension"
            yield from self._particles(self._types[extension.attrib["base"]])
            [group] = _own(extension)
        assert group.tag in (f"{XSD}sequence", f"{XSD}choice"), group.tag
        assert all(each.tag == f"{XSD}element" for each in group)
        yield from [list(group)] if group.tag == f"{XSD}choice" else group


def _own(element: Element) -> list[Element]:
    return [each for each in element if each.tag != f"{XSD}annotation"]


def _union(inline: list[Element]) -> list[str]:
    [simple] = inline
    assert simple.tag == f"{XSD}simpleType"
    [union] = _own(simple)
    assert union.tag == f"{XSD}union"
    return union.attrib["memberTypes"].split()


def _occurs(declared: Element) -> tuple[int, float]:
    low, high = declared.attrib.get("minOccurs", "1"), declared.attrib.get("maxOccurs", "1")
    return int(low), float("inf") if high == "unbounded" else int(high)
