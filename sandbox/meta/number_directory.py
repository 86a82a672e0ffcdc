"""Present carrier of each number, Meta or the BSP, and its ids there."""

import hmac

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


class Numbers:
    def __init__(self, town: Town) -> None:
        self._now = {number.id: number for number in town.numbers}
        self._left: set[str] = set()
        """Former ids of numbers at Meta."""

    def all(self) -> list[Number]:
        return list(self._now.values())

    def get(self, id: str) -> Number | None:
        """Return the number with this id of Postkamer's."""
        return self._now.get(id)

    def at_meta(self, phone_number_id: str) -> Number | None:
        found = (one for one in self._now.values() if one.provider == "meta")
        return next((one for one in found if one.meta_id == phone_number_id), None)

    def has_left(self, phone_number_id: str) -> bool:
        """Return True if Meta had a number with this id that another carrier has now."""
        elsewhere = {one.meta_id for one in self._now.values() if one.provider != "meta"}
        return phone_number_id in self._left | elsewhere

    def by_key(self, key: str) -> Number | None:
        """Return the number at 360dialog with this key."""
        found = [one for one in self._now.values() if one.provider == "360dialog"]
        fits = [hmac.compare_digest(one.api_key.encode(), key.encode()) for one in found]
        return next((one for one, fit in zip(found, fits, strict=True) if fit), None)

    def move(self, id: str, move: Move) -> Number:
        """Move the number to another carrier. Raises ValueError if its new ids are taken."""
        before = self._now[id]
        asked = {name: value for name, value in msgspec.structs.asdict(move).items() if value}
        after = msgspec.structs.replace(before, **asked)
        others = [one for one in self._now.values() if one.id != id]
        if any(one.meta_id == after.meta_id for one in others):
            raise ValueError("phoneNumberId: another number is known so")
        if any(one.api_key == after.api_key for one in others):
            raise ValueError("key: it is another number's")
        self._left.add(before.meta_id)
        self._left.discard(after.meta_id)
        self._now[id] = after
        return after
