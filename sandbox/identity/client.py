"""The client that is registered at the provider: the desk, where employees answer. Pure."""

from urllib.parse import urlsplit

import msgspec


class Client(msgspec.Struct, frozen=True):
    id: str
    secret: str
    url: str
    """Public address of the desk, without a slash at its end."""

    @property
    def redirect_uri(self) -> str:
        """Address to which the browser goes with a code."""
        return self.url + "/login/callback"

    @property
    def logout_uri(self) -> str:
        """Address that is told of sessions that the provider ends."""
        return self.url + "/login/ended"

    @property
    def origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def may_return_to(self, address: str) -> bool:
        """Return True for an address of the desk, to which the browser may go after a logout."""
        is_own = address == self.url or address.startswith(self.url + "/")
        return is_own and address.isascii() and address.isprintable()
