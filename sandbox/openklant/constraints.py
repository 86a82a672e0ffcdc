"""Constraints across fields and across rows, as the server checks them. Changes nothing."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sandbox.openklant import field_values
from sandbox.openklant.field_values import Wrong
from sandbox.openklant.schema import UNIQUE, Field
from sandbox.openklant.store import Row, Store
from sandbox.openklant.validation import WHOLE, Fault

ADDRESSES = {"email": Field(kind="email", most=80), "telefoonnummer": Field(kind="phone", most=80)}
"""Format of an address of each kind; an address of the kind `overig` has none."""


class Case(msgspec.Struct, frozen=True):
    """A write to be checked; each of its fields is valid on its own."""

    resource: str
    brought: Mapping[str, Any]
    before: Row | None
    """Row that is changed; None for a new row."""
    partial: bool
    """True for a PATCH: fields that are left out do not change."""

    @property
    def after(self) -> Row:
        return {**(self.before or {}), **self.brought}

    def free(self, store: Store, fields: tuple[str, ...]) -> bool:
        """Return True if no other row has the same values in these fields."""
        own = self.before["uuid"] if self.before else ""
        return store.holder(self.resource, fields, self.after) in {"", own}


def beside(case: Case) -> list[Fault]:
    """Return the faults that are reported together with those of single fields."""
    if case.resource != "digitaleadressen" or not case.brought.get("adres"):
        return []
    field = ADDRESSES.get(case.after.get("soortDigitaalAdres") or "")
    try:
        if field:
            field_values.READERS[field.kind](field, case.brought["adres"])
    except Wrong as wrong:
        return [Fault("adres", wrong.code, wrong.reason)]
    return []


def taken(store: Store, case: Case) -> list[Fault]:
    """Return a fault for each number that another row has. The server does not check an empty
    number; only its database does."""
    return [
        Fault(name, "unique", f"Er bestaat al een van {case.resource} met eenzelfde {name}.")
        for name, *others in UNIQUE.get(case.resource, ())
        if not others and case.brought.get(name) and not case.free(store, (name,))
    ]


def whole(store: Store, case: Case) -> list[Fault]:
    """Return the faults that are only checked once every single field is valid."""
    rule = RULES.get(case.resource)
    return rule(store, case) if rule else []


def _klantcontact(_: Store, case: Case) -> list[Fault]:
    if not (case.after.get("verdereActieOndernomen") and case.after.get("indicatieContactGelukt")):
        return []
    code = "no-further-action-when-contact-succesful"
    reason = "Als het contact gelukt is kan er geen verdere actie zijn ondernomen"
    return [Fault(WHOLE, code, reason)]


def _internetaak(_: Store, case: Case) -> list[Fault]:
    one, many = "toegewezenAanActor" in case.brought, "toegewezenAanActoren" in case.brought
    names = "`toegewezen_aan_actor` en `toegewezen_aan_actoren`"
    if one and many:
        return [Fault(WHOLE, "invalid", f"{names} mogen niet beide gebruikt worden.")]
    if not one and not many and not case.partial:
        return [Fault(WHOLE, "invalid", f"een van {names} is vereist.")]
    if case.brought.get("afgehandeldOp") and case.after["status"] != "verwerkt":
        return [Fault("afgehandeldOp", "invalid", "De status staat niet op 'verwerkt'.")]
    return []


def _digitaal_adres(_: Store, case: Case) -> list[Fault]:
    if not case.after.get("isStandaardAdres") or case.after.get("verstrektDoorPartij"):
        return []
    reason = "`is_standaard_adres` kan alleen als `verstrekt_door_partij` niet leeg is."
    return [Fault("isStandaardAdres", "invalid", reason)]


def _pair(store: Store, case: Case) -> list[Fault]:
    if case.free(store, ("actor", "klantcontact")):
        return []
    reason = "De velden actor, klantcontact moeten een unieke set zijn."
    return [Fault(WHOLE, "unique", reason)]


RULES: Mapping[str, Callable[[Store, Case], list[Fault]]] = {
    "klantcontacten": _klantcontact,
    "internetaken": _internetaak,
    "digitaleadressen": _digitaal_adres,
    "actorklantcontacten": _pair,
}
