"""Connections that have proven nothing yet, by network and address; the oldest come first."""

from collections import Counter
from collections.abc import Collection
from typing import Protocol

from services.http.client_networks import Networks


class Connection(Protocol):
    def waits_for_client(self, *, spared: bool = True) -> bool: ...
    def end(self) -> None: ...


class Tally:
    """Counts by key, and a key that has most: each in one step, however many keys there are."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._keys: list[dict[str, None]] = []
        """Count -> the keys that have it."""

    def __getitem__(self, key: str) -> int:
        return self._counts[key]

    def add(self, key: str) -> None:
        self._move(key, self._counts[key] + 1)

    def subtract(self, key: str) -> None:
        self._move(key, self._counts[key] - 1)

    def first(self) -> str | None:
        """Return a key that has most; None if there is no key."""
        return next(iter(self._keys[-1])) if self._keys else None

    def most(self) -> int:
        return len(self._keys) - 1

    def _move(self, key: str, count: int) -> None:
        if was := self._counts.pop(key, 0):
            del self._keys[was][key]
        if count:
            self._counts[key] = count
            self._keys.extend({} for _ in range(count + 1 - len(self._keys)))
            self._keys[count][key] = None
        while self._keys and not self._keys[-1]:
            self._keys.pop()


class Strangers:
    """Finds the strangers of the address or network that has most in one step: a flood asks for
    them at each connection."""

    def __init__(self) -> None:
        self._all: dict[Connection, Networks] = {}
        self._of_address: dict[str, dict[Connection, None]] = {}
        self._addresses: dict[str, Tally] = {}
        """Network -> the addresses in it."""
        self._networks = Tally()

    @property
    def total(self) -> int:
        return len(self._all)

    @property
    def most(self) -> int:
        """Connections of the network that has most."""
        return self._networks.most()

    def count(self, networks: Networks) -> tuple[int, int]:
        """Return the numbers of an address and of its network."""
        address, network = networks
        return len(self._of_address.get(address, ())), self._networks[network]

    def oldest(self) -> Collection[Connection]:
        return self._all

    def largest_address(self, network: str | None) -> str | None:
        """Return the address that has most in a network, None: in the one that has most."""
        network = network or self._networks.first()
        return self._addresses[network].first() if network in self._addresses else None

    def of(self, address: str | None) -> Collection[Connection]:
        return self._of_address.get(address or "", ())

    def add(self, connection: Connection, networks: Networks) -> None:
        address, network = networks
        self._all[connection] = networks
        self._of_address.setdefault(address, {})[connection] = None
        self._addresses.setdefault(network, Tally()).add(address)
        self._networks.add(network)

    def discard(self, connection: Connection) -> None:
        """Count a connection no more; one that is not there is no error."""
        if not (networks := self._all.pop(connection, ())):
            return
        address, network = networks
        del self._of_address[address][connection]
        self._addresses[network].subtract(address)
        self._networks.subtract(network)
        if not self._of_address[address]:
            del self._of_address[address]
        if not self._networks[network]:
            del self._addresses[network]
