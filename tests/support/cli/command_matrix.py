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


OWNER = Need("database")
ARCHIVER = Need("database", ("archiver",))
ROUTER = Need("database", ("router",))
DELIVERER = Need("database", ("deliverer",))
NONE, SERVICE, BROKER = Need("none"), Need("service"), Need("broker")

COMMANDS = {
    "archive annotate": ARCHIVER,
    "archive aside again": OWNER,
    "archive aside list": ARCHIVER,
    "archive aside open": OWNER,
    "archive checkpoint": ARCHIVER,
    "archive exposure": OWNER,
    "archive key": NONE,
    "archive processing": ARCHIVER,
    "archive prove": ARCHIVER,
    "archive receipt": ARCHIVER,
    "archive reindex": OWNER,
    "archive request decide": OWNER,
    "archive request extend": OWNER,
    "archive request letter": OWNER,
    "archive request list": ARCHIVER,
    "archive request open": OWNER,
    "archive request show": OWNER,
    "archive rotate": ARCHIVER,
    "archive search": ARCHIVER,
    "archive subject": OWNER,
    "archive verify": ARCHIVER,
    "archive views": OWNER,
    "archiver": SERVICE,
    "balance": ARCHIVER,
    "care confirm": Need("token", operation=CARE),
    "check": NONE,
    "costs": ROUTER,
    "deliverer": SERVICE,
    "destination list": DELIVERER,
    "destination pause": OWNER,
    "destination resume": OWNER,
    "files list": ARCHIVER,
    "files open": ARCHIVER,
    "files release": ARCHIVER,
    "gateway": SERVICE,
    "guests add": OWNER,
    "guests list": Need("database", ("gateway", "deliverer")),
    "guests remove": OWNER,
    "migrate": OWNER,
    "notice clear": Need("token", operation=CLEAR),
    "notice set": Need("token", operation=NOTICE),
    "number list": Need("token", operation=NUMBERS),
    "number live": OWNER,
    "number state": Need("token", operation=STATE),
    "number trial": OWNER,
    "parked drop": DELIVERER,
    "parked list": DELIVERER,
    "parked replay": DELIVERER,
    "parked show": DELIVERER,
    "quarantine again": ROUTER,
    "quarantine drop": ROUTER,
    "quarantine list": ROUTER,
    "quarantine show": ROUTER,
    "route explain": NONE,
    "route replay": ARCHIVER,
    "router": SERVICE,
    "rules diff": ROUTER,
    "rules list": ROUTER,
    "rules rollback": ROUTER,
    "rules show": ROUTER,
    "sandbox": SERVICE,
    "sends list": OWNER,
    "sends settle": Need("token", operation=SETTLE),
    "silence show": ROUTER,
    "silence simulate": NONE,
    "status": Need("database", SERVICES),
    "token add": OWNER,
    "token list": Need("database", ("gateway", "archiver")),
    "token narrow": OWNER,
    "token revoke": OWNER,
    "topology declare": BROKER,
    "topology definitions": NONE,
    "topology show": NONE,
    "trace": OWNER,
}
