"""What the server wants of fields together, and of rows beside each other. Changes nothing."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.openklant import values
from sandbox.openklant.fields import UNIQUE, Field
from sandbox.openklant.reading import WHOLE, Fault
from sandbox.openklant.store import Row, Store
from sandbox.openklant.values import Wrong

Values = Mapping[str, Any]

ADDRESSES = {"email": Field(kind="email", most=80), "telefoonnummer": Field(kind="phone", most=80)}
"""How an address of this kind must look; of the kind `overig` it may be anything."""


def beside(resource: str, brought: Values, before: Row | None) -> list[Fault]:
    """What is said along with the faults of single fields."""
    if resource != "digitaleadressen" or not brought.get("adres"):
        return []
    kind = brought.get("soortDigitaalAdres") or (before or {}).get("soortDigitaalAdres")
    if not (field := ADDRESSES.get(kind or "")):
        return []
    try:
        values.READERS[field.kind](field, brought["adres"])
    except Wrong as wrong:
        return [Fault("adres", wrong.code, wrong.reason)]
    return []


def taken(store: Store, resource: str, brought: Values, before: Row | None) -> list[Fault]:
    """Numbers that another row has. Of an empty one the server does not ask, only its database."""
    own = before["uuid"] if before else ""
    faults = []
    for fields in UNIQUE.get(resource, ()):
        name = fields[0]
        if len(fields) > 1 or not brought.get(name):
            continue
        if store.holder(resource, fields, brought) not in {"", own}:
            reason = f"Er bestaat al een {resource} met eenzelfde {name}."
            faults.append(Fault(name, "unique", reason))
    return faults


def whole(store: Store, resource: str, brought: Values, before: Row | None) -> list[Fault]:
    """What is only looked at when every field by itself is right."""
    rule = RULES.get(resource)
    return rule(store, brought, before) if rule else []


def _klantcontact(_: Store, brought: Values, before: Row | None) -> list[Fault]:
    after = (before or {}) | dict(brought)
    if not (after.get("verdereActieOndernomen") and after.get("indicatieContactGelukt")):
        return []
    code = "no-further-action-when-contact-succesful"
    reason = "Als het contact gelukt is kan er geen verdere actie zijn ondernomen"
    return [Fault(WHOLE, code, reason)]


def _internetaak(_: Store, brought: Values, before: Row | None) -> list[Fault]:
    one, many = "toegewezenAanActor" in brought, "toegewezenAanActoren" in brought
    names = "`toegewezen_aan_actor` en `toegewezen_aan_actoren`"
    if one and many:
        return [Fault(WHOLE, "invalid", f"{names} mogen niet beide gebruikt worden.")]
    if not one and not many and before is None:
        return [Fault(WHOLE, "invalid", f"een van {names} is vereist.")]
    after = (before or {}) | dict(brought)
    if brought.get("afgehandeldOp") and after["status"] != "verwerkt":
        reason = "De status staat niet op 'verwerkt'."
        return [Fault("afgehandeldOp", "invalid", reason)]
    return []


def _digitaal_adres(_: Store, brought: Values, before: Row | None) -> list[Fault]:
    after = (before or {}) | dict(brought)
    if not after.get("isStandaardAdres") or after.get("verstrektDoorPartij"):
        return []
    reason = "`is_standaard_adres` kan alleen als `verstrekt_door_partij` niet leeg is."
    return [Fault("isStandaardAdres", "invalid", reason)]


def _pair(store: Store, brought: Values, before: Row | None) -> list[Fault]:
    after = (before or {}) | dict(brought)
    own = before["uuid"] if before else ""
    if store.holder("actorklantcontacten", ("actor", "klantcontact"), after) in {"", own}:
        return []
    reason = "De velden actor, klantcontact moeten een unieke set zijn."
    return [Fault(WHOLE, "unique", reason)]


RULES: Mapping[str, Callable[[Store, Values, Row | None], list[Fault]]] = {
    "klantcontacten": _klantcontact,
    "internetaken": _internetaak,
    "digitaleadressen": _digitaal_adres,
    "actorklantcontacten": _pair,
}
