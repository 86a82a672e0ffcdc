"""An Open Klant with questions to departments, for ITA to work on."""

import secrets
from typing import Any

import aiohttp

from sandbox.ita import rules
from sandbox.ita.client import OpenKlantClient
from sandbox.ita.desk import Ita
from sandbox.ita.rules import Employee, Unit
from sandbox.openklant.error_responses import BASE


class Registry:
    """An Open Klant with departments whose names no other run has."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str) -> None:
        self.http, self.url, self.token = http, url, token
        self.api = OpenKlantClient(http, url, token)
        self.run = secrets.token_hex(4)
        self.streets, self.taxes = (
            Unit(kind, f"{name}-{self.run}", f"{name} {self.run}")
            for kind, name in (("afd", "Straten"), ("grp", "Belastingen"))
        )
        self.channel = f"WhatsApp {self.run}"

    def ita(self, *units: Unit, is_manager: bool = False, **settings: Any) -> Ita:
        names = tuple(unit.name.upper() for unit in units)
        employee = Employee(f"sanne@{self.run}.nl", f"Sanne {self.run}", names, is_manager)
        return Ita(self.http, self.url, self.token, employee, **settings)

    async def set_mode(self, mode: str, **restrictions: Any) -> None:
        """Set the mode of the stand-in."""
        url = self.url.removesuffix(BASE) + "/openklant/mode"
        async with self.http.post(url, json={"mode": mode, **restrictions}) as answer:
            assert answer.status == 200, await answer.text()

    async def ask(self, *, tasks: int = 1, number: str | None = "") -> str:
        """Create a question for the streets department; return its number. A number of None is
        left out, as on 2.15."""
        actor = await self.api.post(
            "actoren",
            rules.new_actor(rules.UNITS["afd"], self.streets.id, self.streets.name),
        )
        contact = {
            "kanaal": self.channel,
            "onderwerp": "Container vol",
            "inhoud": "Kan hij leeg?",
            "taal": "nld",
            "vertrouwelijk": True,
        }
        drawn = str(3_000_000_000 + secrets.randbelow(10**9)) if number == "" else number
        contact |= {"nummer": drawn} if drawn else {}
        name = {"voorletters": "", "voornaam": "Sam", "voorvoegselAchternaam": "", "achternaam": ""}
        party = {"rol": "klant", "initiator": True, "wasPartij": None, "contactnaam": name}
        made = await self.api.post(
            "maak-klantcontact", {"klantcontact": contact, "betrokkene": party}
        )
        for phone, label in (("+31612345678", "WhatsApp"), ("0612345678", "lokaal")):
            address = {
                "verstrektDoorBetrokkene": {"uuid": made["betrokkene"]["uuid"]},
                "verstrektDoorPartij": None,
                "adres": phone,
                "soortDigitaalAdres": "telefoonnummer",
                "omschrijving": label,
            }
            await self.api.post("digitaleadressen", address)
        for _ in range(tasks):
            task = {
                "gevraagdeHandeling": "Beantwoorden",
                "aanleidinggevendKlantcontact": {"uuid": made["klantcontact"]["uuid"]},
                "toegewezenAanActoren": [{"uuid": actor["uuid"]}],
                "toelichting": "Tot 18 uur",
                "status": "te_verwerken",
            }
            await self.api.post("internetaken", task)
        return str(made["klantcontact"]["nummer"] or "")
