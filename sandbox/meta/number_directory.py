"""Present carrier of each number, Meta or the BSP, and its ids there."""

import msgspec

from sandbox.organisation import Carrier, Number, Town


class Move(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of POST /phone/numbers/{id}/_provider; fields that are left out do not change."""

    provider: Carrier
    phone_number_id: str = ""
    waba: str = ""
    portfolio: str = ""
    key: str = ""
    """API key of the number at 360dialog after the move."""


class NumberDirectory:
    def __init__(self, town: Town) -> None:
        self._numbers = {number.id: number for number in town.numbers}
        self._former_ids: set[str] = set()
        """Former ids of numbers at Meta."""

    def all(self) -> list[Number]:
        return list(self._numbers.values())

    def get(self, id: str) -> Number | None:
        """Return the number with this id of Postkamer's."""
        return self._numbers.get(id)

    def find_at_meta(self, phone_number_id: str) -> Number | None:
        at_meta = (one for one in self._numbers.values() if one.provider == "meta")
        return next((one for one in at_meta if one.meta_id == phone_number_id), None)

    def has_left(self, phone_number_id: str) -> bool:
        """Return True if Meta had a number with this id that another carrier has now."""
        elsewhere = {one.meta_id for one in self._numbers.values() if one.provider != "meta"}
        return phone_number_id in self._former_ids | elsewhere

    def find_by_key(self, key: str) -> Number | None:
        """Return the number at 360dialog with this key."""
        at_bsp = (one for one in self._numbers.values() if one.provider == "360dialog")
        return next((one for one in at_bsp if one.api_key == key), None)

    def move(self, id: str, move: Move) -> Number:
        """Move the number to another carrier. Raises ValueError if its new ids are taken."""
        previous = self._numbers[id]
        changes = {name: value for name, value in msgspec.structs.asdict(move).items() if value}
        after = msgspec.structs.replace(previous, **changes)
        others = [one for one in self._numbers.values() if one.id != id]
        if any(one.meta_id == after.meta_id for one in others):
            raise ValueError("phoneNumberId: another number is known so")
        if any(one.api_key == after.api_key for one in others):
            raise ValueError("key: it is another number's")
        self._former_ids.add(previous.meta_id)
        self._former_ids.discard(after.meta_id)
        self._numbers[id] = after
        return after
