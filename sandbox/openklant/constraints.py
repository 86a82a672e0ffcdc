"""Constraints across fields and across rows, as the server checks them. Changes nothing."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sandbox.openklant import field_values
from sandbox.openklant.field_values import InvalidValue
from sandbox.openklant.schema import UNIQUE, Field
from sandbox.openklant.store import Row, Store
from sandbox.openklant.validation import WHOLE, Fault

ADDRESSES = {
    "email": Field(kind="email", max_length=80),
    "telefoonnummer": Field(kind="phone", max_length=80),
}
"""Format of an address of each kind; an address of the kind `overig` has none."""


class Write(msgspec.Struct, frozen=True):
    """A write to be checked; each of its fields is valid on its own."""

    resource: str
    values: Mapping[str, Any]
    previous: Row | None
    """Row that is changed; None for a new row."""
    partial: bool
    """True for a PATCH: fields that are left out do not change."""

    @property
    def result(self) -> Row:
        return {**(self.previous or {}), **self.values}

    def is_free(self, store: Store, fields: tuple[str, ...]) -> bool:
        """Return True if no other row has the same values in these fields."""
        own_uuid = self.previous["uuid"] if self.previous else ""
        return store.find_holder(self.resource, fields, self.result) in {"", own_uuid}


def check_address(write: Write) -> list[Fault]:
    """Return the faults that are reported together with those of single fields."""
    if write.resource != "digitaleadressen" or not write.values.get("adres"):
        return []
    field = ADDRESSES.get(write.result.get("soortDigitaalAdres") or "")
    try:
        if field:
            field_values.READERS[field.kind](field, write.values["adres"])
    except InvalidValue as error:
        return [Fault("adres", error.code, error.reason)]
    return []


def check_numbers(store: Store, write: Write) -> list[Fault]:
    """Return a fault for each number that another row has. The server does not check an empty
    number; only its database does."""
    return [
        Fault(name, "unique", f"Er bestaat al een van {write.resource} met eenzelfde {name}.")
        for name, *others in UNIQUE.get(write.resource, ())
        if not others and write.values.get(name) and not write.is_free(store, (name,))
    ]


def check_row(store: Store, write: Write) -> list[Fault]:
    """Return the faults that are only checked once every single field is valid."""
    rule = ROW_RULES.get(write.resource)
    return rule(store, write) if rule else []


def _klantcontact(_: Store, write: Write) -> list[Fault]:
    if not (
        write.result.get("verdereActieOndernomen") and write.result.get("indicatieContactGelukt")
    ):
        return []
    code = "no-further-action-when-contact-succesful"
    reason = "Als het contact gelukt is kan er geen verdere actie zijn ondernomen"
    return [Fault(WHOLE, code, reason)]


def _internetaak(_: Store, write: Write) -> list[Fault]:
    one, many = "toegewezenAanActor" in write.values, "toegewezenAanActoren" in write.values
    names = "`toegewezen_aan_actor` en `toegewezen_aan_actoren`"
    if one and many:
        return [Fault(WHOLE, "invalid", f"{names} mogen niet beide gebruikt worden.")]
    if not one and not many and not write.partial:
        return [Fault(WHOLE, "invalid", f"een van {names} is vereist.")]
    if write.values.get("afgehandeldOp") and write.result["status"] != "verwerkt":
        return [Fault("afgehandeldOp", "invalid", "De status staat niet op 'verwerkt'.")]
    return []


def _digitaal_adres(_: Store, write: Write) -> list[Fault]:
    if not write.result.get("isStandaardAdres") or write.result.get("verstrektDoorPartij"):
        return []
    reason = "`is_standaard_adres` kan alleen als `verstrekt_door_partij` niet leeg is."
    return [Fault("isStandaardAdres", "invalid", reason)]


def _pair(store: Store, write: Write) -> list[Fault]:
    if write.is_free(store, ("actor", "klantcontact")):
        return []
    reason = "De velden actor, klantcontact moeten een unieke set zijn."
    return [Fault(WHOLE, "unique", reason)]


ROW_RULES: Mapping[str, Callable[[Store, Write], list[Fault]]] = {
    "klantcontacten": _klantcontact,
    "internetaken": _internetaak,
    "digitaleadressen": _digitaal_adres,
    "actorklantcontacten": _pair,
}
