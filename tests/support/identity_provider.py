"""A small identity provider: its key set over HTTP, and the access tokens that it signs."""

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from services import clock
from services.config.identity import IdentityGrant, IdentityProvider
from services.config.model import Configuration
from services.config.organisation import Department, Tenant
from services.roles import ROLES, Role

AUDIENCE, ID = "postkamer", "matrix-idp"
NEIGHBOUR = "matrix-neighbour"
PERSON = "s.jansen"
ALGORITHMS = sorted(JWSRegistry.algorithms)


def key_for(algorithm: str, key_id: str) -> Any:
    """A key pair for an algorithm, as the provider has it."""
    parameters: Any = {"kid": key_id, "use": "sig"}
    if algorithm == "Ed25519":
        return OKPKey.generate_key("Ed25519", parameters)
    if algorithm.startswith("ES"):
        return ECKey.generate_key(f"P-{algorithm[2:].replace('512', '521')}", parameters)
    return RSAKey.generate_key(2048, parameters)


class Provider:
    """The keys and the answers of a provider that runs."""

    def __init__(self, address: str, folder: Path | None = None) -> None:
        self.issuer = f"{address}/realms/almelo"
        self.keys_url = f"{address}/keys"
        self.keys = [key_for("RS256", "first")]
        self.published: bytes | None = None
        """Answer instead of the key set."""
        self.is_away = False
        self.asked = 0
        self._folder = folder

    def answer(self) -> tuple[int, bytes]:
        self.asked += 1
        if self.is_away:
            return 503, b""
        if self.published is not None:
            return 200, self.published
        return 200, json.dumps(KeySet(self.keys).as_dict(private=False)).encode()

    def write_keys(self) -> str:
        """Path of a file with the key set."""
        assert self._folder
        file = self._folder / "keys.json"
        file.write_bytes(self.answer()[1])
        return str(file)

    def settings(self, **given: Any) -> IdentityProvider:
        """This provider as a configuration has it."""
        fields = {"id": ID, "tenant": "almelo", "issuer": self.issuer, "audience": AUDIENCE}
        return IdentityProvider(**fields | {"keys_url": self.keys_url} | given)

    def token(
        self,
        *,
        key: Any = None,
        header: dict[str, Any] | None = None,
        at: datetime | None = None,
        **claims: Any,
    ) -> str:
        """An access token that its newest key signed; a claim that is None is left out."""
        key = key or self.keys[-1]
        now = int((at or clock.now()).timestamp())
        given = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": f"8f2c-{claims.get('preferred_username', PERSON)}",
            "client_id": "desk",
            "jti": clock.new_id().hex,
            "iat": now,
            "exp": now + 300,
            "preferred_username": PERSON,
        } | claims
        header = {"alg": "RS256", "typ": "at+jwt", "kid": key.kid} | (header or {})
        body = {name: value for name, value in given.items() if value is not None}
        kept = {name: value for name, value in header.items() if value is not None}
        return jwt.encode(kept, body, key, algorithms=ALGORITHMS, default_type=None)


def town(provider: IdentityProvider, grants: Iterable[dict[str, Any]]) -> Configuration:
    """A municipality with this provider, three departments, and one of them confidential."""
    return Configuration.model_construct(
        tenants=(Tenant(id="almelo", name="Almelo"),),
        departments=tuple(
            Department.model_construct(tenant="almelo", id=id, confidential=id == "zorg")
            for id in ("burgerzaken", "belastingen", "zorg")
        ),
        identity_providers=(provider,),
        identity_grants=tuple(IdentityGrant(provider=ID, **each) for each in grants),
    )


def neighbour_tables(provider: Provider) -> str:
    """Tables of the same provider for another municipality, by an audience of its own."""
    return f"""
[[identity_providers]]
id = "{NEIGHBOUR}"
tenant = "hengelo"
issuer = "{provider.issuer}"
audience = "{NEIGHBOUR}"
keys_url = "{provider.keys_url}"
[[identity_grants]]
provider = "{NEIGHBOUR}"
value = "every-role"
roles = {msgspec.json.encode(ROLES).decode()}
[[identity_grants]]
provider = "{NEIGHBOUR}"
value = "person-next-door"
all_departments = true
confidential = true
"""


def identity_tables(provider: Provider) -> str:
    """Tables of a configuration with this provider, and a grant for each kind of person."""
    roles = msgspec.json.encode(ROLES).decode()
    settings = provider.settings()
    grants = "".join(map(_all_but_table, ROLES))
    return f"""
[[identity_providers]]
id = "{settings.id}"
tenant = "almelo"
issuer = "{settings.issuer}"
audience = "{settings.audience}"
keys_url = "{settings.keys_url}"
[[identity_grants]]
provider = "{settings.id}"
value = "every-role"
roles = {roles}
[[identity_grants]]
provider = "{settings.id}"
value = "person"
departments = ["burgerzaken"]
[[identity_grants]]
provider = "{settings.id}"
value = "person-for-all"
all_departments = true
confidential = true
{grants}"""


def all_but(role: Role) -> str:
    """The group of a person with every role but this one."""
    return f"all-but-{role}"


def _all_but_table(role: Role) -> str:
    roles = msgspec.json.encode([each for each in ROLES if each != role]).decode()
    return f"""\
[[identity_grants]]
provider = "{ID}"
value = "{all_but(role)}"
roles = {roles}
"""


@contextmanager
def running_provider() -> Iterator[Provider]:
    """Run a provider on a port of its own, beside any event loop."""
    provider: Provider

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = provider.answer()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider = Provider(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
