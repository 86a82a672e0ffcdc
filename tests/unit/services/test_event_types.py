"""Each type of an event is written in one module of the product."""

import ast

from deploy.house_rules import PRODUCT, ROOT
from services import event_types


def test_no_other_module_writes_the_type_of_an_event() -> None:
    types = {value for name, value in vars(event_types).items() if name.isupper()}
    writers = set()
    for path in (path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py")):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if any(isinstance(node, ast.Constant) and node.value in types for node in nodes):
            writers.add(path.relative_to(ROOT).as_posix())
    assert writers == {"services/event_types.py"}
