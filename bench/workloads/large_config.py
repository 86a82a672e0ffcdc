"""A large municipality: a configuration of thousands of rules and words. Pure.

It is the same every time.
"""

from collections.abc import Iterator

DEPARTMENTS = ("burgerzaken", "openbare-ruimte", "belastingen", "werk-en-inkomen", "vergunningen")
DUTCH = """
afval archief asiel auto bedrijf begraaf begroting bestemming bibliotheek bijstand bloemen boom
bouw brand brug bus buurt cameratoezicht contract cultuur dak dieren dijk drank duin energie erf
erfenis evenement factuur festival fiets fonds fontein gebied geluid gezin glas gras groen grond
handel haven heg honden horeca huis huur hydrant inkomen innovatie jacht jeugd kabel kade kermis
kinder klimaat kruis kunst laad land lantaarn leerling leges lening lokaal lucht mantel markt
milieu molen monument muziek natuur nood olie onderwijs oever ondernemer ouderen paal paard park
parkeer plein plaag plant platte post raads recht regen reis riool ruimte scheep school schuld
sloop sloot sneeuw speel sport stads stoep straat strand stroom taxi terras tram tuin tunnel
verblijf verhuis verkeer verkiezing vest vuur wagen water weg welzijn wild wind winkel wijk woning
zand zebra ziekte zorg zwem zwerf
"""
"""First parts of Dutch compounds."""
SUBJECTS = """
aanbieding aangifte aanslag aanvraag adres advies afspraak akkoord akte analyse antwoord apparaat
balie bedrag begeleiding beheer beleid berekening bericht besluit bestand bewijs bezoek bezwaar
bijdrage bod boete bon bord brief budget cijfer code commissie controle cursus datum dienst document
dossier eis enquete fout functie gegeven gids hek hulp indeling informatie inschrijving
inspectie kaart kamer keuring klacht kosten kwestie lijst loket machine meting melding nota nummer
onderhoud onderzoek ontheffing opdracht opgave overlast overzicht pas paspoort plan plicht probleem
procedure project proef punt rapport rechter regel register rekening route schade schema
subsidie tarief team termijn toelage toeslag toets uitkering uitstel verbod vergunning verklaring
verslag verzoek voorstel voorziening vraag waarde wet zaak zone
"""
"""Last parts of Dutch compounds."""
FORMS = ("{}", "{}", "{}", "{}", "{}", "{}", "{}", "{} aanvragen", '"{}"', "{}*")
"""Forms of a word in a rule: mostly the word alone."""

MUNICIPALITY = """\
include = ["rules/*.toml"]

[[tenants]]
id = "grotestad"
name = "gemeente Grotestad"

[[numbers]]
id = "106540352242922"
tenant = "grotestad"
fallback = "klantcontact"

[[destinations]]
id = "crm"
kind = "cloudevents"
url = "https://crm.grotestad.example/events"

[[departments]]
id = "klantcontact"
tenant = "grotestad"
name = "Klantcontactcentrum"
destination = "crm"
hours = "Mo-Fr 08:30-17:00; PH off"
"""
DEPARTMENT = """
[[departments]]
id = "{id}"
tenant = "grotestad"
name = "{id}"
destination = "crm"
hours = "Mo-Fr 09:00-17:00; Th 09:00-20:00; PH off"
"""
RULE = """\
[[rules]]
id = "{id}"
words = [{words}]
groups = ["algemeen"]
department = "{department}"
{more}
"""
GROUP = """
[[groups]]
id = "algemeen"
words = [{words}]
"""
GROUPED = 50
"""Words of the group that each rule uses."""
MORE = ("", "", "", 'tag = ["druk"]\n', 'hours = "Mo-Fr 08:00-18:00"\n', 'without = ["bedankt"]\n')
"""Other conditions and effects of a rule, in turn."""


def large_municipality(rules: int, words: int) -> dict[str, str]:
    """Return name and text of each file of the configuration.

    Rules have no words in common, except those of the group that all use.
    """
    vocabulary = rule_words(words + GROUPED)
    parts: dict[str, list[str]] = {department: [] for department in DEPARTMENTS}
    for n in range(rules):
        rule = vocabulary[n * words // rules : (n + 1) * words // rules]
        department = DEPARTMENTS[n * len(DEPARTMENTS) // rules]
        parts[department].append(_rule(n, rule, department))
    main = MUNICIPALITY + "".join(DEPARTMENT.format(id=each) for each in DEPARTMENTS)
    main += GROUP.format(words=_list_items(vocabulary[words:]))
    return {"postkamer.toml": main} | {
        f"rules/{n}-{department}.toml": "\n".join(part)
        for n, (department, part) in enumerate(parts.items())
    }


def rule_words(count: int) -> list[str]:
    """Return different words and phrases, in the forms that rules have."""
    compounds = _compounds()
    return [FORMS[n % len(FORMS)].format(next(compounds)) for n in range(count)]


def _compounds() -> Iterator[str]:
    """Yield `afvalaanbieding`, `archiefaangifte` ...; after all of these, with a number before."""
    beginnings, ends = DUTCH.split(), SUBJECTS.split()
    turn = 0
    while True:
        number = str(turn or "")
        for shift in range(len(ends)):
            for n, beginning in enumerate(beginnings):
                yield number + beginning + ends[(n + shift) % len(ends)]
        turn += 1


def _rule(n: int, words: list[str], department: str) -> str:
    return RULE.format(
        id=f"regel-{n}",
        words=_list_items(words),
        department=department,
        more=MORE[n % len(MORE)],
    )


def _list_items(words: list[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)
