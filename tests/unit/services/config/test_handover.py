"""Settings of targets of transcripts: what each kind needs, and what the check says."""

import pytest

from services.config.handover_secrets import handover_secrets
from services.config.model import ConfigError, Configuration, parse
from services.config.settings import SettingsError

DOCUMENTS = {
    "id": "zaaksysteem",
    "to": "documenten-api",
    "url": "https://zgw.example/documenten/api/v1/",
    "client_id": "postkamer",
    "client_secret": "env:ZGW",
    "informatieobjecttype": "https://zgw.example/catalogi/api/v1/informatieobjecttypen/1",
    "bronorganisatie": "002220647",
    "vertrouwelijkheidaanduiding": "intern",
}
OBJECTS = {"id": "depot", "to": "objects", "store": "s3://depot/whatsapp"}
REST = """
[[departments]]
id = "balie"
tenant = "almelo"
name = "Balie"
destination = "crm"
[[numbers]]
id = "10654"
tenant = "almelo"
fallback = "balie"
[[destinations]]
id = "crm"
kind = "cloudevents"
url = "https://crm.example"
"""


def town(*targets: dict[str, str]) -> Configuration:
    text = '[[tenants]]\nid = "almelo"\nname = "Almelo"\n'
    for target in targets:
        lines = [f"{k} = {v if v[:1] == '[' else repr(v)}\n" for k, v in target.items() if v]
        text += "[[tenants.handover]]\n" + "".join(lines)
    return parse(text + REST, "postkamer.toml")


def test_both_kinds_are_read_with_their_defaults() -> None:
    documents, objects = town(DOCUMENTS, OBJECTS).tenants[0].handover
    assert documents.url == "https://zgw.example/documenten/api/v1"
    assert (documents.format, documents.after_minutes, documents.user) == ("pdf", 10, "postkamer")
    assert (objects.to, objects.store) == ("objects", "s3://depot/whatsapp")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (DOCUMENTS | {"url": ""}, "to = 'documenten-api' needs url"),
        (
            DOCUMENTS | {"client_id": "", "bronorganisatie": ""},
            "needs client_id, bronorganisatie",
        ),
        (OBJECTS | {"store": ""}, "to = 'objects' needs store"),
        (OBJECTS | {"url": "https://zgw.example"}, "url is not for to = 'objects'"),
        (DOCUMENTS | {"store": "s3://depot"}, "store is not for to = 'documenten-api'"),
        (DOCUMENTS | {"bronorganisatie": "002220648"}, "'002220648' is no RSIN"),
        (DOCUMENTS | {"client_secret": "s3cret"}, "the name of a variable, as in env:NAME"),
        (DOCUMENTS | {"url": "https://u:p@zgw.example"}, "no user name or password"),
        (DOCUMENTS | {"url": "https://zgw.example/v1?a=b"}, "has no ? and no #"),
        (DOCUMENTS | {"vertrouwelijkheidaanduiding": "heel geheim"}, "'openbaar'"),
        (OBJECTS | {"store": "https://depot.example"}, "expected file:///folder or s3://bucket"),
        (OBJECTS | {"to": "ftp"}, "expected 'objects' or 'documenten-api'"),
        (OBJECTS | {"departments": "['bali']"}, "there is no department 'bali'"),
        (OBJECTS | {"id": "crm"}, "'crm' is a destination"),
        (OBJECTS | {"prefix": "x"}, "there is no setting 'prefix'"),
    ],
)
def test_fault_has_a_sentence_and_a_line(target: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        town(target)
    [fault] = error.value.faults
    assert words in str(fault) and fault.line >= 4
    assert "s3cret" not in str(fault)


def test_name_of_a_target_is_there_once() -> None:
    with pytest.raises(ConfigError, match="'depot' stands here for the second time"):
        town(OBJECTS, OBJECTS)


def test_missing_secret_is_named_with_its_target() -> None:
    tenants = town(DOCUMENTS, OBJECTS).tenants
    assert handover_secrets(tenants, {"ZGW": "s"}) == {("almelo", "zaaksysteem"): "s"}
    with pytest.raises(SettingsError, match=r"ZGW: is missing \(handover zaaksysteem of almelo\)"):
        handover_secrets(tenants, {})


def test_target_on_another_machine_is_called_without_tls_only_if_it_is_a_plain_host() -> None:
    tenants = town(DOCUMENTS | {"zaken_url": "http://zgw.example/zaken/api/v1"}).tenants
    with pytest.raises(
        SettingsError, match=r"^zaken_url \(handover zaaksysteem of almelo\): zgw.example: another"
    ):
        handover_secrets(tenants, {"ZGW": "s"})
    assert handover_secrets(tenants, {"ZGW": "s", "POSTKAMER_PLAIN_HOSTS": "zgw.example"})


def test_target_is_not_the_store_of_the_archive() -> None:
    tenants = town(OBJECTS).tenants
    assert handover_secrets(tenants, {"POSTKAMER_OBJECT_STORE": "s3://archive"}) == {}
    with pytest.raises(SettingsError, match="a transcript goes to another"):
        handover_secrets(tenants, {"POSTKAMER_OBJECT_STORE": "s3://depot/whatsapp/"})
