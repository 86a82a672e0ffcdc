"""Write the OpenAPI documents of all APIs into a folder, where Spectral reads them."""

import json
import sys
from pathlib import Path

from archiver.openapi import document as archiver
from gateway.api_docs.document import document as gateway
from router.api.openapi import document as router

DOCUMENTS = {"gateway": gateway, "router": router, "archiver": archiver}


def write_documents(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in DOCUMENTS.items():
        (folder / f"{name}.json").write_text(json.dumps(document, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    write_documents(Path(sys.argv[1]))
