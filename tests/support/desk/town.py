"""A town with a desk. Two of the departments that answer there are confidential, and one of these
asks why its conversations are read."""

import re

from sandbox.identity.people import EMPLOYEE

ISSUER = "http://127.0.0.1:8090/identity"
TENANT = 'night = ""                        # what is tested here is tested at any hour\n'
DEPARTMENTS = "burgerzaken", "openbare-ruimte", "klantcontact", "zorg-en-jeugd"
CARE = """
[[departments]]
id = "zorg-en-jeugd"
tenant = "almelo"
name = "Zorg en jeugd"
public_name = "de gemeente"
confidential = true
destination = "desk"

[[departments]]
id = "veilig-thuis"
tenant = "almelo"
name = "Veilig thuis"
public_name = "de gemeente"
confidential = true
ask_reason = true
destination = "desk"

[[care]]
id = "gevaar"
kind = "suicide"
words = ["wil dood"]

[[rules]]
id = "thuis"
words = ["huiselijk"]
department = "veilig-thuis"

[[rules]]
id = "jeugd"
words = ["jeugdzorg"]
department = "zorg-en-jeugd"

[[destinations]]
id = "desk"
kind = "cloudevents"
url = "http://127.0.0.1:8070/events"
secret = "env:CRM_SECRET"

[[identity_providers]]
id = "sandbox"
tenant = "almelo"
issuer = "http://127.0.0.1:8090/identity"
audience = "postkamer"
keys_url = "http://127.0.0.1:8090/identity/keys"
"""
GRANTS = {
    EMPLOYEE: 'roles = ["send", "read"]',
    "postkamer-kcc": 'roles = ["kcc"]',
    "postkamer-piket": 'roles = ["care"]',
    "postkamer-archief": 'roles = ["read", "records", "archivist"]',
    "postkamer-privacy": 'roles = ["read", "privacy"]',
    "postkamer-beheer": 'roles = ["send", "kcc", "rules"]',
    "postkamer-bestemmingen": 'destinations = ["desk"]',
    "postkamer-alle-afdelingen": "all_departments = true\nconfidential = true",
} | {f"postkamer-{each}": f'departments = ["{each}"]' for each in DEPARTMENTS}
GRANTS["postkamer-zorg-en-jeugd"] = 'departments = ["zorg-en-jeugd", "veilig-thuis"]'


def with_desk(text: str) -> str:
    """The configuration of a town whose departments answer at its desk, at any hour."""
    text = text.replace(TENANT, f'{TENANT}\n[tenants.care]\ndestinations = ["desk"]\n', 1)
    text = re.sub(r"^hours = .*\n", "", text, flags=re.MULTILINE)
    text = text.replace('destination = "crm"', 'destination = "desk"')
    grants = "".join(
        f'\n[[identity_grants]]\nprovider = "sandbox"\nvalue = "{value}"\n{gift}\n'
        for value, gift in GRANTS.items()
    )
    return text + CARE + grants
