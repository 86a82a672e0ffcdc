"""People of Voorbeeldstad who can log in, and their groups. Pure.

All of them are made up. `[[identity_grants]]` of deploy/examples/voorbeeldstad says what each group
may do.
"""

import msgspec


class Person(msgspec.Struct, frozen=True):
    id: str
    """Name by which the person is on the record: `preferred_username`."""
    subject: str
    """`sub`: it stays when somebody gets another name."""
    name: str
    work: str
    """Dutch words for the place of the person in the town hall."""
    groups: tuple[str, ...]


EMPLOYEE = "postkamer-medewerker"

PEOPLE = {
    person.id: person
    for person in (
        Person(
            "l.hendriks",
            "5f0c1f0e-6f0b-4d52-9f43-1d1f6a1c7a01",
            "Lotte Hendriks",
            "Burgerzaken",
            (EMPLOYEE, "postkamer-burgerzaken"),
        ),
        Person(
            "m.yildiz",
            "5f0c1f0e-6f0b-4d52-9f43-1d1f6a1c7a02",
            "Murat Yıldız",
            "Klantcontactcentrum, Burgerzaken en Openbare ruimte",
            (
                EMPLOYEE,
                "postkamer-kcc",
                "postkamer-piket",
                "postkamer-klantcontact",
                "postkamer-burgerzaken",
                "postkamer-openbare-ruimte",
            ),
        ),
        Person(
            "h.vos",
            "5f0c1f0e-6f0b-4d52-9f43-1d1f6a1c7a03",
            "Hanna Vos",
            "Zorg en jeugd (vertrouwelijk)",
            (EMPLOYEE, "postkamer-piket", "postkamer-zorg-en-jeugd"),
        ),
        Person(
            "w.dekker",
            "5f0c1f0e-6f0b-4d52-9f43-1d1f6a1c7a04",
            "Wim Dekker",
            "Archief en privacy, voor alle afdelingen",
            ("postkamer-archief", "postkamer-privacy", "postkamer-alle-afdelingen"),
        ),
        Person(
            "s.dewit",
            "5f0c1f0e-6f0b-4d52-9f43-1d1f6a1c7a05",
            "Sanne de Wit",
            "Functioneel beheer",
            ("postkamer-beheer", "postkamer-bestemmingen", "postkamer-alle-afdelingen"),
        ),
    )
}
"""People by their id, in the order of the page."""
