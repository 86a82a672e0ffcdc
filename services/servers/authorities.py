"""Files of the authorities that may have signed a server's certificate."""

import ssl
from collections.abc import Iterator, Mapping

from services.servers.addresses import named_authorities

NO_CERTIFICATE = "the file of authorities has no certificate in PEM"
UNREADABLE = "the file of authorities cannot be read ({})"


def find_authority_fault(path: str) -> str:
    """Return a sentence if no connection can be verified by this file, else ''. It does not quote
    the path: an address that is written wrong may have a part of its password there."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        return NO_CERTIFICATE
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        return UNREADABLE.format(getattr(error, "strerror", None) or "it has no such name")
    return "" if context.cert_store_stats()["x509"] else NO_CERTIFICATE


def find_unusable(
    values: Mapping[str, str], environ: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield each setting of `values` that names a file by which no connection would be made, with
    a sentence."""
    for field, path in named_authorities(values, environ):
        if path and (fault := find_authority_fault(path)):
            yield field, fault
