"""Credentials of a destination: certificates and tokens, every fault with its line."""

from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import Field

from services.config.model import ConfigError, parse
from services.config.organisation import (
    ALARM_KINDS,
    CloudEventsDestination,
    Destination,
    MailDestination,
    SignalenDestination,
    kinds_where,
)
from tests.support.cli.command_line import TOML

SECRET = 'secret = "env:CRM_SECRET"\n'
CERTIFICATE = 'client_certificate = "crm.pem"\n'
OAUTH = """\
[destinations.oauth]
token_url = "https://id.example/token"
client_id = "postkamer"
client_secret = "env:CRM_OAUTH"
"""
WITHOUT_SECRET = OAUTH.replace("env:CRM_OAUTH", "")


def town(own: str) -> str:
    """The town whose destination has this after its secret, on line 35 and further."""
    return TOML.replace(SECRET, SECRET + own)


def test_destination_takes_certificates_and_oauth() -> None:
    [crm] = parse(town(CERTIFICATE + OAUTH), "p.toml").destinations
    assert crm.client_certificate == "crm.pem"
    assert crm.oauth and crm.oauth.client_auth == "basic"
    inline = OAUTH.removeprefix("[destinations.oauth]\n").strip().replace("\n", ", ")
    [same] = parse(town(f"{CERTIFICATE}oauth = {{{inline}}}\n"), "p.toml").destinations
    assert same == crm


@pytest.mark.parametrize(
    ("own", "line", "where", "words"),
    [
        ('client_certificate = "env:"\n', 35, "client_certificate", "name of a variable"),
        ('client_key = "crm.key"\n', 30, "", "goes with a client_certificate"),
        (OAUTH.replace("https:", "ftp:"), 36, "oauth.token_url", "begins with https"),
        (OAUTH.replace("env:CRM_OAUTH", "tiger"), 38, "oauth.client_secret", "name of a variable"),
        (WITHOUT_SECRET, 35, "oauth", "client_auth = 'tls' without one"),
        (OAUTH + 'client_auth = "tls"\n', 35, "oauth", "client_auth = 'tls' without one"),
        (OAUTH + 'client_auth = "jwt"\n', 39, "oauth.client_auth", "'basic', 'post' or 'tls'"),
        (OAUTH + 'scope = "a\\tb"\n', 39, "oauth.scope", "form"),
        (OAUTH + "more = 1\n", 39, "oauth.more", "no setting 'more'"),
        (OAUTH.replace('client_id = "postkamer"\n', ""), 35, "oauth.client_id", "is missing"),
        ("oauth = {}\n", 35, "oauth.client_id", "is missing"),
        ("oauth = 7\n", 35, "oauth", "a table of settings"),
        (WITHOUT_SECRET + 'client_auth = "tls"\n', 30, "", "needs a client_certificate"),
    ],
)
def test_fault_of_a_destination_has_its_line_and_quotes_no_secret(
    own: str, line: int, where: str, words: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(town(own), "p.toml")
    places = [(fault.line, fault.where) for fault in raised.value.faults]
    assert (line, f"destinations.0.{where}".rstrip(".")) in places
    assert [f for f in raised.value.faults if words in f.what], raised.value
    assert "tiger" not in str(raised.value)


def test_certificates_are_for_https_only_and_not_for_mail() -> None:
    clear = town(CERTIFICATE).replace("https://crm", "http://crm")
    with pytest.raises(ConfigError, match="for an address by https"):
        parse(clear, "p.toml")
    token = town(CERTIFICATE + OAUTH).replace("https://crm", "http://crm")
    assert parse(token, "p.toml").destinations[0].client_certificate
    mail = 'kind = "mail"\nurl = "smtps://m.example"\nto = ["a@b.nl"]\nsender = "a@b.nl"\n'
    for own in (CERTIFICATE, 'certificate_authorities = "ca.pem"\n', OAUTH):
        more = f'[[destinations]]\nid = "piket"\n{mail}{own}'
        with pytest.raises(ConfigError, match=r"no setting '[a-z_]+' for the kind 'mail'"):
            parse(TOML + more, "p.toml")


def test_wrong_destination_still_tells_its_secrets_and_files() -> None:
    for own, secret in ((CERTIFICATE + OAUTH, "env:CRM_OAUTH"), ("oauth = 7\n", None)):
        with pytest.raises(ConfigError) as raised:
            parse(town(own).replace("https://crm", "ftp://crm"), "p.toml")
        assert raised.value.read
        [crm] = raised.value.read.destinations
        assert (crm.id, crm.secret) == ("crm", "env:CRM_SECRET")
        assert crm.client_certificate == ("crm.pem" if secret else "")
        assert (crm.oauth.client_secret if crm.oauth else None) == secret


class Pager(Destination):
    alarms_only: ClassVar[bool] = True
    kind: Literal["pager"]


def test_class_of_a_destination_says_that_it_is_for_alarms_only() -> None:
    kinds = CloudEventsDestination | MailDestination | Pager
    union = Annotated[kinds, Field(discriminator="kind")]
    assert kinds_where(union, lambda kind: kind.alarms_only) == {"mail", "pager"}
    assert {"mail"} == ALARM_KINDS


def test_department_has_no_destination_that_is_for_alarms_only() -> None:
    mail = 'kind = "mail"\nto = ["a@b.nl"]\nsender = "a@b.nl"\n'
    toml = TOML.replace("https://crm", "smtps://crm").replace('kind = "cloudevents"\n', mail)
    with pytest.raises(ConfigError) as raised:
        parse(toml, "p.toml")
    faults = [fault.what for fault in raised.value.faults if fault.where.endswith(".destination")]
    assert set(faults) == {"mail is for alarms alone"}


@pytest.mark.parametrize(
    ("kind", "owner", "fault"),
    [
        ("cloudevents", "beheer", ""),
        ("cloudevents", "crm", "'crm' cannot be its own owner"),
        ("cloudevents", "beheerr", "there is no destination 'beheerr'"),
        ("openklant", "beheer", "'beheer' is of kind openklant, which takes no notices for owners"),
    ],
)
def test_owner_is_another_destination_that_takes_notices(kind: str, owner: str, fault: str) -> None:
    beheer = f'\n[[destinations]]\nid = "beheer"\nkind = "{kind}"\nurl = "https://beheer.example"\n'
    toml = town(f'owners = ["{owner}"]\n') + beheer
    if not fault:
        assert parse(toml, "p.toml").destinations[0].owners == ("beheer",)
        return
    with pytest.raises(ConfigError) as raised:
        parse(toml, "p.toml")
    [found] = raised.value.faults
    assert found.what.startswith(fault) and found.where.startswith("destinations.0.owners")


def test_department_asks_for_a_reason_only_if_it_is_confidential() -> None:
    department = 'name = "Klantcontact"\n'
    asking = TOML.replace(department, department + "ask_reason = true\n")
    with pytest.raises(ConfigError) as raised:
        parse(asking, "p.toml")
    assert "ask_reason goes with confidential" in raised.value.faults[0].what
    config = parse(asking.replace("ask_reason", "confidential = true\nask_reason"), "p.toml")
    assert config.asking_departments("almelo") == {"kcc"}
    assert config.asking_departments("elsewhere") == frozenset()


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ('answer_channel = "whatsApp"\n', "answer_channel must differ from channel"),
        ('channel = "Chat"\nanswer_channel = "Chat"\n', "answer_channel must differ from channel"),
        ('objects_url = "https://objecten.example/api/v2"\n', "goes with an objects_secret"),
        ('objects_secret = "env:OBJECTS_TOKEN"\n', "goes with an objects_secret"),
        ('objects_secret = "tiger"\n', "name of a variable"),
    ],
)
def test_settings_of_an_open_klant_that_contradict_one_another(own: str, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(town(own).replace('kind = "cloudevents"', 'kind = "openklant"'), "p.toml")
    [fault] = raised.value.faults
    assert fault.where.startswith("destinations.0")
    assert words in fault.what and "tiger" not in fault.what


CARE = 'name = "Gemeente Almelo"\ncare = {%s}\n'
RULE = '[[care]]\nid = "brand"\nkind = "emergency"\nwords = ["brand"]\n'


def caring(settings: str, rules: str = RULE) -> str:
    return TOML.replace('name = "Gemeente Almelo"\n', CARE % settings) + rules


def test_weak_signs_mark_unless_a_municipality_chooses_otherwise() -> None:
    care = parse(TOML, "p.toml").tenants[0].care
    assert (care.weak_signs, care.weak_signs_at_least, care.weak_signs_rule) == ("mark", None, "")
    decides = 'weak_signs = "decide", weak_signs_rule = "brand", weak_signs_at_least = 0.8'
    care = parse(caring(decides), "p.toml").tenants[0].care
    assert (care.weak_signs, care.weak_signs_at_least) == ("decide", 0.8)


@pytest.mark.parametrize(
    ("settings", "rules", "words"),
    [
        ('weak_signs = "decide"', RULE, "needs a weak_signs_rule"),
        ('weak_signs_rule = "brandt"', RULE, "no safety rule 'brandt'"),
        ('weak_signs = "decide", weak_signs_rule = "brandt"', RULE, "did you mean 'brand'"),
        ('weak_signs = "decide", weak_signs_rule = "brand"', "", "no safety rule 'brand'"),
        (
            'weak_signs = "decide", weak_signs_rule = "brand"',
            RULE + 'tenant = "borne"\n',
            "no safety rule 'brand'",
        ),
        ("weak_signs_at_least = 0.2", RULE, "0.5"),
        ("weak_signs_at_least = 1", RULE, "1"),
        ('weak_signs = "alarm"', RULE, "'off', 'mark' or 'decide'"),
    ],
)
def test_weak_signs_that_cannot_be_are_a_fault(settings: str, rules: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(caring(settings, rules), "p.toml")
    assert any(words in fault.what and "care" in fault.where for fault in error.value.faults)


SIGNALEN = """\
kind = "signalen"
url = "https://signalen.example/signals/v1"
archive_secret = "env:ARCHIVE_TOKEN"
default_place = {latitude = 52.35, longitude = 6.66}
oauth = {token_url = "https://id.example/token", client_id = "p", client_secret = "env:SIGNALEN"}
"""


def reporting(own: str = SIGNALEN, department: str = "") -> str:
    """The town whose destination is a Signalen, and whose second department has these fields."""
    crm = 'kind = "cloudevents"\nurl = "https://crm.example/events"\n' + SECRET
    name = 'name = "Openbare ruimte"\n'
    return TOML.replace(crm, own).replace(name, name + department)


def test_signalen_gives_nothing_of_the_citizen_unless_that_is_set() -> None:
    [signalen] = parse(reporting(), "p.toml").destinations
    assert isinstance(signalen, SignalenDestination)
    assert (signalen.reporter, signalen.category) == ("none", "overig/overig")
    assert set(signalen.addresses) == {"url", "token_url"}


@pytest.mark.parametrize(
    ("town", "where", "words"),
    [
        (reporting(SIGNALEN + SECRET), "", "takes tokens of oauth, and no secret"),
        (reporting(SIGNALEN + "confidential = true\n"), "", "cannot be confidential"),
        (reporting(SIGNALEN.replace("env:ARCHIVE_TOKEN", "tiger")), ".archive_secret", "env:NAME"),
        (reporting(SIGNALEN + 'category = "overig"\n'), ".category", "form"),
        (reporting(SIGNALEN.replace("52.35", "152.35")), ".default_place.latitude", "90"),
        (reporting(SIGNALEN.replace("default_place", "# ")), ".default_place", "is missing"),
        (reporting(SIGNALEN.replace("oauth", "# ")), ".oauth", "is missing"),
        (reporting(SIGNALEN + 'reporter = "mail"\n'), ".reporter", "'none' or 'phone'"),
    ],
)
def test_fault_of_a_signalen_has_its_sentence(town: str, where: str, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(town, "p.toml")
    found = {fault.where: fault.what for fault in raised.value.faults}
    assert words in found.get(f"destinations.0{where}", ""), raised.value
    assert "tiger" not in str(raised.value)


def test_confidential_department_has_no_signalen() -> None:
    with pytest.raises(ConfigError, match="a report in Signalen needs its text") as raised:
        parse(reporting(department="confidential = true\n"), "p.toml")
    [fault] = raised.value.faults
    assert fault.where == "departments.1.destination"


def test_alarm_does_not_go_to_a_signalen() -> None:
    alarmed = reporting().replace(
        'name = "Gemeente Almelo"\n', 'name = "Gemeente Almelo"\ncare = {destinations = ["crm"]}\n'
    )
    with pytest.raises(ConfigError, match="which tells nobody of an alarm") as raised:
        parse(alarmed, "p.toml")
    assert [fault.where for fault in raised.value.faults] == ["tenants.0.care.destinations"]
