"""The needs of each command: a login of the database, a token, or nothing. Pure.

A command without an entry fails a test, so whoever adds one decides here who can run it.
"""

import msgspec

SERVICES = ("gateway", "router", "deliverer", "archiver")
CARE = "gateway POST /v1/conversations/{id}/_confirm"
NUMBERS, STATE = "gateway GET /v1/numbers", "gateway PUT /v1/numbers/{id}/state"
NOTICE, CLEAR = "gateway PUT /v1/numbers/{id}/notice", "gateway DELETE /v1/numbers/{id}/notice"
SETTLE = "gateway POST /v1/conversations/{id}/_settle"


class Need(msgspec.Struct, frozen=True):
    kind: str
    """`database`: the login of its owner. `token`: one that may call `operation`. `broker`: the
    login of the broker's operator. `service`: the settings of a service. `none`: none of these."""
    logins: tuple[str, ...] = ()
    """Services whose own login of the database gets past its first question too: it sees those
    tables anyway. A change then ends at its entry for the record, which only the owner writes."""
    operation: str = ""
    is_personal: bool = False
    """True if its person must be proven where that is required, before it says anything."""


OWNER, OWN_PERSON = Need("database"), Need("database", is_personal=True)
ARCHIVER = Need("database", ("archiver",))
ARCHIVE_PERSON = Need("database", ("archiver",), is_personal=True)
ROUTER = Need("database", ("router",))
ROUTER_PERSON = Need("database", ("router",), is_personal=True)
DELIVERER = Need("database", ("deliverer",))
DELIVERER_PERSON = Need("database", ("deliverer",), is_personal=True)
COUNTED = Need("database", ("gateway", "deliverer"), is_personal=True)
"""Its example counts parked deliveries and changes none, which the gateway may for their owners."""
NONE, SERVICE, BROKER = Need("none"), Need("service"), Need("broker")

COMMANDS = {
    "all": SERVICE,
    "archive accept": ARCHIVE_PERSON,
    "archive annotate": ARCHIVE_PERSON,
    "archive aside again": OWN_PERSON,
    "archive aside drop": OWN_PERSON,
    "archive aside list": ARCHIVER,
    "archive aside open": OWN_PERSON,
    "archive checkpoint": ARCHIVER,
    "archive consistency": ARCHIVER,
    "archive disclosure approve": ARCHIVE_PERSON,
    "archive disclosure decide": ARCHIVE_PERSON,
    "archive disclosure draw": OWN_PERSON,
    "archive disclosure export": ARCHIVE_PERSON,
    "archive disclosure list": ARCHIVER,
    "archive disclosure redact": ARCHIVE_PERSON,
    "archive disclosure refresh": ARCHIVE_PERSON,
    "archive disclosure return": ARCHIVE_PERSON,
    "archive disclosure review": ARCHIVE_PERSON,
    "archive disclosure show": ARCHIVE_PERSON,
    "archive export": ARCHIVE_PERSON,
    "archive exposure": OWN_PERSON,
    "archive handover again": ARCHIVE_PERSON,
    "archive handover list": ARCHIVER,
    "archive hold lift": ARCHIVE_PERSON,
    "archive hold list": ARCHIVER,
    "archive hold place": OWN_PERSON,
    "archive hold review": ARCHIVE_PERSON,
    "archive hold show": ARCHIVE_PERSON,
    "archive key": NONE,
    "archive list approve": ARCHIVE_PERSON,
    "archive list declaration": ARCHIVER,
    "archive list draw": ARCHIVE_PERSON,
    "archive list return": ARCHIVE_PERSON,
    "archive list review": ARCHIVE_PERSON,
    "archive list show": ARCHIVER,
    "archive list spare": ARCHIVE_PERSON,
    "archive list withdraw": ARCHIVE_PERSON,
    "archive processing": ARCHIVE_PERSON,
    "archive prove": ARCHIVER,
    "archive receipt": ARCHIVE_PERSON,
    "archive reindex": OWN_PERSON,
    "archive replay": ARCHIVE_PERSON,
    "archive request decide": ARCHIVE_PERSON,
    "archive request erase": ARCHIVE_PERSON,
    "archive request extend": ARCHIVE_PERSON,
    "archive request letter": ARCHIVE_PERSON,
    "archive request list": ARCHIVER,
    "archive request open": OWN_PERSON,
    "archive request show": ARCHIVE_PERSON,
    "archive rotate": ARCHIVE_PERSON,
    "archive search": ARCHIVE_PERSON,
    "archive signer new": NONE,
    "archive signer serve": NONE,
    "archive subject": OWN_PERSON,
    "archive terms": ARCHIVER,
    "archive transcript": ARCHIVE_PERSON,
    "archive verify": ARCHIVER,
    "archive views": OWN_PERSON,
    "archiver": SERVICE,
    "backup check": OWNER,
    "balance": ARCHIVER,
    "care confirm": Need("token", is_personal=True, operation=CARE),
    "check": NONE,
    "costs": ROUTER,
    "deliverer": SERVICE,
    "destination list": Need("database", ("gateway", "deliverer")),
    "destination pause": OWN_PERSON,
    "destination resume": OWN_PERSON,
    "figures open-data": ROUTER,
    "figures register": ROUTER,
    "figures report": ROUTER,
    "files list": ARCHIVER,
    "files open": ARCHIVE_PERSON,
    "files release": ARCHIVE_PERSON,
    "gateway": SERVICE,
    "guests add": OWN_PERSON,
    "guests list": Need("database", ("gateway", "deliverer")),
    "guests remove": OWN_PERSON,
    "migrate": OWNER,
    "notice clear": Need("token", is_personal=True, operation=CLEAR),
    "notice set": Need("token", is_personal=True, operation=NOTICE),
    "number list": Need("token", operation=NUMBERS),
    "number live": OWN_PERSON,
    "number state": Need("token", is_personal=True, operation=STATE),
    "number trial": OWN_PERSON,
    "parked drop": COUNTED,
    "parked list": DELIVERER,
    "parked replay": COUNTED,
    "parked show": DELIVERER_PERSON,
    "quarantine again": ROUTER_PERSON,
    "quarantine drop": ROUTER_PERSON,
    "quarantine list": ROUTER,
    "quarantine show": ROUTER_PERSON,
    "route explain": NONE,
    "route replay": ARCHIVE_PERSON,
    "route test": NONE,
    "router": SERVICE,
    "rules diff": ROUTER,
    "rules list": ROUTER,
    "rules approve": OWN_PERSON,
    "rules rollback": ROUTER_PERSON,
    "rules show": ROUTER,
    "desk": SERVICE,
    "sandbox": SERVICE,
    "sends doubt": DELIVERER_PERSON,
    "sends list": OWNER,
    "sends settle": Need("token", is_personal=True, operation=SETTLE),
    "silence show": ROUTER,
    "silence simulate": NONE,
    "status": Need("database", SERVICES),
    "tenant export": OWN_PERSON,
    "tenant forget": OWN_PERSON,
    "tenant import": OWN_PERSON,
    "tenant start": OWN_PERSON,
    "tenant stop": OWN_PERSON,
    "tenant export-open": OWN_PERSON,
    "token add": OWN_PERSON,
    "token list": Need("database", ("gateway", "router", "archiver")),
    "token confirm": OWN_PERSON,
    "token narrow": OWN_PERSON,
    "token revoke": OWN_PERSON,
    "topology declare": BROKER,
    "topology definitions": NONE,
    "topology repartition": OWNER,
    "topology show": NONE,
    "trace": OWN_PERSON,
    "witness key new": NONE,
    "witness key show": NONE,
    "witness serve": NONE,
}
