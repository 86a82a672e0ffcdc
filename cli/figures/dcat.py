"""Description of a month's data set for a data portal: DCAT-AP-NL 3.0, as JSON-LD. Pure.

It has what that profile requires, and what it recommends and can be known here.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from cli.figures.tables import Statistics
from router.figures.month import month_bounds

EU = "http://publications.europa.eu/resource/authority"
CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
MEDIA_TYPES = {"csv": ("CSV", "text/csv"), "json": ("JSON", "application/json")}
"""Ending of a file -> its type in the list of the EU, and that of IANA."""
README = "leesmij.md"
KEYWORDS = ("dienstverlening", "klantcontact", "WhatsApp")


def describe_dataset(statistics: Statistics, sizes: Mapping[str, int]) -> dict[str, Any]:
    """Return the data set with a distribution for each of its files, given with their bytes."""
    tenant, month = statistics.tenant, statistics.month
    address = f"{tenant.open_data.address.rstrip('/')}/{month}"
    first, end = month_bounds(month)
    organisation = {
        "@id": tenant.open_data.organisation,
        "@type": "foaf:Agent",
        "foaf:name": _dutch(tenant.name),
    }
    return {
        "@context": CONTEXT,
        "@id": address,
        "@type": "dcat:Dataset",
        "dct:identifier": address,
        "dct:title": _dutch(f"Berichten op WhatsApp aan {tenant.name}, {month}"),
        "dct:description": _dutch(
            f"Aantallen gesprekken en berichten van {month} per afdeling, uur, regel en uitkomst, "
            f"zonder personen. Aantallen onder {statistics.smallest} zijn weggelaten."
        ),
        "dct:accessRights": {"@id": f"{EU}/access-right/PUBLIC"},
        "dct:publisher": organisation,
        "dct:creator": {"@id": tenant.open_data.organisation},
        "dcat:contactPoint": _contact(tenant.open_data.contact, tenant.name),
        "dcat:theme": {"@id": f"{EU}/data-theme/GOVE"},
        "dcat:keyword": [_dutch(keyword) for keyword in KEYWORDS],
        "dct:language": {"@id": f"{EU}/language/NLD"},
        "dct:temporal": {
            "@type": "dct:PeriodOfTime",
            "dcat:startDate": _day(first),
            "dcat:endDate": _day(end - timedelta(days=1)),
        },
        "foaf:page": {"@id": f"{address}/{README}", "@type": "foaf:Document"},
        "dcat:distribution": [
            _distribution(f"{address}/{name}", size, tenant.open_data.license)
            for name, size in sizes.items()
        ],
    }


def _distribution(address: str, size: int, license: str) -> dict[str, Any]:
    name = address.rpartition("/")[2]
    file_type, media_type = MEDIA_TYPES[name.rpartition(".")[2]]
    return {
        "@id": f"{address}#bestand",
        "@type": "dcat:Distribution",
        "dct:title": _dutch(name),
        "dcat:accessURL": {"@id": address},
        "dcat:downloadURL": {"@id": address},
        "dct:license": {"@id": license},
        "dct:format": {"@id": f"{EU}/file-type/{file_type}"},
        "dcat:mediaType": {"@id": f"https://www.iana.org/assignments/media-types/{media_type}"},
        "dcat:byteSize": {"@type": "xsd:nonNegativeInteger", "@value": str(size)},
    }


def _contact(contact: str, name: str) -> dict[str, Any]:
    """Return who answers questions: by a page, or by mail."""
    is_page = contact.startswith("https://")
    by = {"vcard:hasURL": {"@id": contact}} if is_page else {
        "vcard:hasEmail": {"@id": f"mailto:{contact}"}
    }  # fmt: skip
    return {"@type": "vcard:Kind", "vcard:fn": name} | by


def _dutch(text: str) -> dict[str, str]:
    return {"@language": "nl", "@value": text}


def _day(day: date) -> dict[str, str]:
    return {"@type": "xsd:date", "@value": day.isoformat()}
