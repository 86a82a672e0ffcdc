"""The file of a trained model: JSON, with a line for each sign, sorted. Pure."""

import msgspec

from router.danger.model import Model


def encode_model(model: Model) -> bytes:
    """Return the content of the file: with a line for each sign, a diff shows what changed."""
    head = msgspec.json.encode(msgspec.structs.replace(model, weights={})).decode()
    before, empty, after = head.rpartition("{}")
    assert empty and before.endswith('"weights":')
    lines = ",\n".join(f"{_json(sign)}:{_json(each)}" for sign, each in model.weights.items())
    return f"{before}{{\n{lines}\n}}{after}\n".encode()


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
