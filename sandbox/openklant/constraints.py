"""What the server wants of fields together, and of rows beside each other. Changes nothing."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sandbox.openklant import field_values
from sandbox.openklant.field_values import Wrong
from sandbox.openklant.schema import UNIQUE, Field
from sandbox.openklant.store import Row, Store
from sandbox.openklant.validation import WHOLE, Fault

ADDRESSES = {"email": Field(kind="email", most=80), "telefoonnummer": Field(kind="phone", most=80)}
"""How an address of this kind must look; of the kind `overig` it may be anything."""


class Case(msgspec.Struct, frozen=True):
    """What is to be judged: fields that are right, each by itself."""

    resource: str
    brought: Mapping[str, Any]
    before: Row | None
    """The row that it changes."""
    partial: bool
    """A PATCH: what it does not name stays."""

    @property
    def after(self) -> Row:
        return {**(self.before or {}), **self.brought}

    def free(self, store: Store, fields: tuple[str, ...]) -> bool:
        """Whether no other row has these."""
        own = self.before["uuid"] if self.before else ""
        return store.holder(self.resource, fields, self.after) in {"", own}


def beside(case: Case) -> list[Fault]:
    """What is said along with the faults of single fields."""
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
    """Numbers that another row has. Of an empty one the server does not ask, only its database."""
    return [
        Fault(name, "unique", f"Er bestaat al een van {case.resource} met eenzelfde {name}.")
        for name, *others in UNIQUE.get(case.resource, ())
        if not others and case.brought.get(name) and not case.free(store, (name,))
    ]


def whole(store: Store, case: Case) -> list[Fault]:
    """What is only looked at when every field by itself is right."""
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
