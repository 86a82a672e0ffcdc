"""Addresses of servers, of our own services, of the scanner and of CRMs, and the rule for those on
other machines: TLS with a certificate that is verified, unless the host is named as a plain one.
Pure.

Each client of a server reads the same address, so this reads it as they do: aiormq, asyncpg,
urllib, aiohttp and obstore.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

PLAIN_HOSTS = "POSTKAMER_PLAIN_HOSTS"
HOST = r"[A-Za-z0-9_][A-Za-z0-9_.-]*|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*"
"""A name, or an address of IPv4 or IPv6 without brackets. There is no sign for all hosts."""
BUCKET_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
"""Variables of which obstore takes the address of a store; without them it is Amazon's, by TLS."""
BUCKET_REGIONS, BUCKET_REGION = ("AWS_REGION", "AWS_DEFAULT_REGION"), "us-east-1"
"""Variables with the region of a bucket at Amazon, and the one that obstore takes without them."""
AMQP_PORTS = {"amqp": 5672, "amqps": 5671}
DATABASE_PORT = 5432


class Address(NamedTuple):
    """A host of a server, and how it is spoken to."""

    host: str
    """'' for this machine: no host at all, or a folder of sockets."""
    port: int
    is_verified: bool
    """True for TLS in which authority and name of the certificate must be right."""
    authorities: str = ""
    """File of those that may have signed it; '' for the system's list."""


def broker_addresses(urls: str) -> list[Address]:
    """Return the address of each node. Any `no_verify_ssl` but 0, an empty one too, would take any
    certificate."""
    return [_broker_address(url.strip()) for url in urls.split(",") if url.strip()]


def _broker_address(url: str) -> Address:
    parts = urlsplit(url)
    options = parse_qsl(parts.query, keep_blank_values=True)
    verifies = all(value == "0" for key, value in options if key == "no_verify_ssl")
    port, authorities = parts.port or AMQP_PORTS[parts.scheme], _query(url).get("cafile", "")
    return Address(parts.hostname or "", port, verifies and parts.scheme == "amqps", authorities)


def web_address(url: str) -> Address:
    """Return the address of what speaks HTTP, or of the scanner, which knows no TLS."""
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    try:
        port = parts.port or (443 if is_tls else 80)
    except ValueError:
        port = 0  # whoever calls it says so: what counts here is the host
    return Address(parts.hostname or "", port, is_tls, _query(url).get("cafile", ""))


def database_addresses(url: str, default_host: str = "") -> list[Address]:
    """Return the address of each server. Without `sslmode`, asyncpg takes TLS if the server offers
    it and looks at no certificate; `require` looks at none either, `verify-ca` at no name.

    `default_host` is that of the environment, where the URL has none.
    """
    parts, query = urlsplit(url), _query(url)
    if "service" in query:
        raise ValueError("a file of services says where it leads")
    hosts = parts.netloc.rpartition("@")[2] or query.get("host") or default_host
    mode, authorities = query.get("sslmode", "").replace("_", "-"), query.get("sslrootcert", "")
    is_verified = mode == "verify-full" and bool(authorities)
    return [
        Address(*_split_port(each), is_verified, authorities)
        for each in map(unquote, hosts.split(","))
    ]


def _split_port(place: str) -> tuple[str, int]:
    """Return host and port. A folder of sockets is on this machine."""
    if place.startswith("/"):
        return "", DATABASE_PORT
    match = re.fullmatch(r"\[?(?P<host>.*?)\]?(:(?P<port>\d+))?", place)
    assert match  # anything matches
    return match["host"], int(match["port"] or DATABASE_PORT)


def bucket_addresses(environ: Mapping[str, str]) -> list[Address]:
    """Return the addresses that the environment gives for the store of buckets. They count beside
    a folder too: transcripts may be handed over to a bucket."""
    given = (environ.get(name, "") for name in BUCKET_ENDPOINTS)
    return [web_address(each) for each in given if each]


def store_addresses(urls: Iterable[str], environ: Mapping[str, str]) -> list[Address]:
    """Return the address of each of these stores that is a bucket. obstore takes the first address
    that is given; a bucket with a host of its own at Amazon shows the certificate of its region."""
    region = next((environ[name] for name in BUCKET_REGIONS if environ.get(name)), BUCKET_REGION)
    amazon = web_address(f"https://s3.{region}.amazonaws.com")
    [address, *_] = [*bucket_addresses(environ), amazon]
    buckets = [_query(url).get("cafile", "") for url in urls if url.startswith("s3:")]
    return [address._replace(authorities=each) for each in dict.fromkeys(buckets)]


def is_this_machine(host: str) -> bool:
    """Return True for a socket, a name of this machine, or an address of its loopback."""
    if host in ("", "localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def exposed_hosts(addresses: Collection[Address], plain_hosts: Collection[str]) -> list[str]:
    """Return the hosts that must not be spoken to in this way: other machines, without verified
    TLS, that are not named as plain."""
    return [
        each.host
        for each in addresses
        if not (each.is_verified or is_this_machine(each.host) or each.host.lower() in plain_hosts)
    ]


def find_exposed(
    values: Mapping[str, str], plain_hosts: Collection[str], environ: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield each setting of `values` that is wrong in this, with a sentence that says what to
    write. It quotes only what is surely a host."""
    for field in _RULES.keys() & values:
        (read, remedy), value = _RULES[field], values[field]
        try:
            hosts = exposed_hosts(read(value, environ), plain_hosts)
        except ValueError:  # its message may quote the address
            hosts = [""]
        if hosts:
            names = sorted({each if _is_host(each, value) else "a host" for each in hosts})
            yield field, EXPOSED.format(", ".join(names), remedy)


def named_authorities(
    values: Mapping[str, str], environ: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield each setting of `values` that names a file of authorities, with the path."""
    for field, (read, _) in _RULES.items():
        value = values.get(field, "")
        try:
            addresses = read(value, environ) if value else []
        except ValueError:  # the sentence of `find_exposed` says so
            continue
        yield from ((field, each) for each in sorted({each.authorities for each in addresses}))
    for field in _STORES & values.keys():
        yield field, _query(values[field]).get("cafile", "")


def describe_exposed(urls: Iterable[str], plain_hosts: Collection[str]) -> list[str]:
    """Return a sentence that names the hosts of addresses of HTTP that must not be called so. They
    have no password in them."""
    hosts = exposed_hosts([web_address(url) for url in urls if url], plain_hosts)
    return [EXPOSED.format(", ".join(sorted({*hosts})), "write https://")] if hosts else []


EXPOSED = "{}: another machine, so TLS must verify it: {}; or name the host in " + PLAIN_HOSTS

_Read = Callable[[str, Mapping[str, str]], list[Address]]
_WEB: tuple[_Read, str] = (lambda url, _: [web_address(url)]), "write https://"
_STORES = frozenset(("object_store", "upload_store"))
_RULES: Mapping[str, tuple[_Read, str]] = {
    "amqp_url": (
        lambda urls, _: broker_addresses(urls),
        "write amqps:// without no_verify_ssl (an authority of your own: ?cafile=/path.pem)",
    ),
    "broker_management_url": (
        lambda url, _: [web_address(url)],
        "write https:// (an authority of your own: ?cafile=/path.pem)",
    ),
    "database_url": (
        lambda url, environ: database_addresses(url, environ.get("PGHOST", "")),
        "write ?sslmode=verify-full&sslrootcert=/path.pem behind it",
    ),
    "meta_graph_url": _WEB,
    "gateway_url": _WEB,
    "archiver_url": _WEB,
    "router_url": _WEB,
    "ops_urls": (lambda pairs, _: _named_addresses(pairs), "write https://"),
    "broker_metrics_url": _WEB,
    "traces_url": _WEB,
    "desk_issuer": _WEB,
    "scanner_url": (
        lambda url, _: [web_address(url)],
        "write unix:///path of a clamd on this machine, since it has no TLS",
    ),
    "object_store": (
        lambda _, environ: bucket_addresses(environ),
        "write https:// in AWS_ENDPOINT_URL (an authority of your own: ?cafile=/path.pem here)",
    ),
}
"""Setting -> how its addresses are read, and what to write instead."""


def _named_addresses(pairs: str) -> list[Address]:
    """Return the addresses of `name=address` pairs."""
    return [web_address(pair.partition("=")[2]) for pair in pairs.split(",") if pair.strip()]


def _is_host(host: str, url: str) -> bool:
    """Return False if it may be a part of a password: one with `/`, `?` or `#` in it ends the host
    too early, and then the sign before the real host comes later."""
    each_url = re.split(r",(?=\s*[a-z]+://)", url)
    behind = (re.split("[/?#]", each.partition("://")[2], maxsplit=1)[1:] for each in each_url)
    return not any("@" in "".join(each) for each in behind) and bool(re.fullmatch(HOST, host))


def _query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
