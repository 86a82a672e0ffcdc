"""Description of a month's data set for a data portal: DCAT-AP-NL 3.0, as JSON-LD. Pure.

It has what that profile requires, and what it recommends and can be known here.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from router.figures.month import month_bounds
from router.figures.statistics import Statistics

EU = "http://publications.europa.eu/resource/authority"
IANA = "https://www.iana.org/assignments/media-types"
LANGUAGE = {"@id": f"{EU}/language/NLD", "@type": "dct:LinguisticSystem"}
CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
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
        "dct:accessRights": _node(f"{EU}/access-right/PUBLIC", "dct:RightsStatement"),
        "dct:publisher": organisation,
        "dct:creator": {"@id": tenant.open_data.organisation},
        "dcat:contactPoint": _contact(tenant.open_data.contact, tenant.name),
        "dcat:theme": _node(f"{EU}/data-theme/GOVE", "skos:Concept")
        | {"skos:prefLabel": _dutch("Overheid en publieke sector")},
        "dcat:keyword": [_dutch(keyword) for keyword in KEYWORDS],
        "dct:language": LANGUAGE,
        "dct:temporal": {
            "@type": "dct:PeriodOfTime",
            "dcat:startDate": _day(first),
            "dcat:endDate": _day(end - timedelta(days=1)),
        },
        "foaf:page": _node(f"{address}/{README}", "foaf:Document"),
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
        "dct:language": LANGUAGE,
        "dcat:accessURL": _node(address, "rdfs:Resource"),
        "dcat:downloadURL": _node(address, "rdfs:Resource"),
        "dct:license": _node(license, "dct:LicenseDocument"),
        "dct:format": _node(f"{EU}/file-type/{file_type}", "dct:MediaTypeOrExtent"),
        "dcat:mediaType": _node(f"{IANA}/{media_type}", "dct:MediaType"),
        "dcat:byteSize": {"@type": "xsd:nonNegativeInteger", "@value": str(size)},
    }


def _contact(contact: str, name: str) -> dict[str, Any]:
    """Return who answers questions: by a page, or by mail."""
    is_page = contact.startswith("https://")
    by = {"vcard:hasURL": {"@id": contact}} if is_page else {
        "vcard:hasEmail": {"@id": f"mailto:{contact}"}
    }  # fmt: skip
    return {"@type": "vcard:Kind", "vcard:fn": name} | by


def _node(id: str, type: str) -> dict[str, Any]:
    """Return a thing that others describe, with its class: who validates need not fetch it."""
    return {"@id": id, "@type": type}


def _dutch(text: str) -> dict[str, str]:
    return {"@language": "nl", "@value": text}


def _day(day: date) -> dict[str, str]:
    return {"@type": "xsd:date", "@value": day.isoformat()}
