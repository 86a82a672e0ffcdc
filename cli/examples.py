"""An example of each command, for its help; a test parses them all."""

CONVERSATION = "106540352242922-a3n7cqk2w5o4xjtz6bdl3fyvue"
NUMBER = "106540352242922"
MESSAGE = "019ac5d2-7f00-7000-8000-0000000000a1"

EXAMPLES = {
    "route explain": "route explain 'mijn container is niet geleegd' --lang en",
    "route replay": "route replay --since 2026-11-01 --config new/postkamer.toml",
    "route test": "route test berichten.csv --config new/postkamer.toml --at-least 0.85",
    "check": "check --config new/postkamer.toml",
    "rules list": "rules list",
    "rules show": "rules show 3f9c2a7b10de",
    "rules diff": "rules diff 3f9c2a7b10de 8b11e04c77aa",
    "rules approve": 'rules approve --config new/postkamer.toml --by "S. Jansen"',
    "rules rollback": "rules rollback 3f9c2a7b10de --dry-run",
    "number list": "number list",
    "number state": "number state closed --text 'Wij zijn verhuisd.' --by s.jansen",
    "number trial": f"number trial {NUMBER} --reason 'first week' --by s.jansen",
    "number live": f"number live {NUMBER} --reason 'board decided 12 March' --by s.jansen",
    "guests add": f"guests add --number {NUMBER} --phone-file - --reason 'tests in week 10'",
    "guests list": f"guests list --number {NUMBER}",
    "guests remove": f"guests remove {MESSAGE} --reason 'has left the project'",
    "notice set": "notice set 'Het is druk.' --until 2026-12-01T17:00 --by s.jansen",
    "notice clear": "notice clear --by s.jansen",
    "care confirm": f"care confirm {CONVERSATION} --by s.jansen",
    "costs": "costs --month 2026-11 --group-by department",
    "figures open-data": "figures open-data --month 2026-11 --out open-data",
    "figures register": "figures register --month 2026-11 --out register",
    "trace": f"trace {MESSAGE} --reason 'complaint 12'",
    "parked list": "parked list --destination crm --since 2026-11-28",
    "parked show": f"parked show {MESSAGE}",
    "parked replay": "parked replay --destination crm --dry-run",
    "parked drop": "parked drop --destination crm --reason 'CRM is gone' --dry-run",
    "quarantine list": "quarantine list --since 2026-11-28",
    "quarantine show": f"quarantine show {MESSAGE} --content --reason 'fault 12'",
    "quarantine again": "quarantine again --cause 'unknown field' --dry-run",
    "quarantine drop": f"quarantine drop {MESSAGE} --reason 'answered by telephone'",
    "sends doubt": "sends doubt --reason 'restored from the back-up'",
    "sends list": "sends list --number 106540352242922",
    "sends settle": f"sends settle {CONVERSATION} {MESSAGE} --saw not-sent"
    " --reason 'not in WhatsApp Manager' --by s.jansen",
    "destination list": "destination list",
    "destination pause": "destination pause crm --reason 'upgrade until 18:00'",
    "destination resume": "destination resume crm",
    "token add": "token add desk --tenant almelo --role send --role read --department burgerzaken",
    "token list": "token list",
    "token confirm": "token confirm crm",
    "token narrow": "token narrow crm --all-departments",
    "token revoke": "token revoke desk",
    "archive search": "archive search zwembad sluiting --since 2026-11-01 --reason 'Woo 17'",
    "archive accept": "archive accept 4121 --reason 'restored to 03:00, case 12'",
    "archive annotate": f"archive annotate {MESSAGE} --text - --by 'P. Bakker'",
    "archive aside again": f"archive aside again {MESSAGE} --reason 'the key is back'",
    "archive aside drop": f"archive aside drop {MESSAGE} --reason 'no version can read it'",
    "archive aside list": "archive aside list",
    "archive aside open": f"archive aside open {MESSAGE} --out body.bin --reason 'fault 12'",
    "archive checkpoint": "archive checkpoint",
    "archive consistency": "archive consistency 1200 3400",
    "archive disclosure approve": "archive disclosure approve WOO-2026-0001 --by 'F. Bos'",
    "archive disclosure decide": "archive disclosure decide WOO-2026-0001 1 2 --decision closed"
    " --ground 5.1.2d --by 'D. Kok'",
    "archive disclosure draw": "archive disclosure draw --words zwembad --review-on 2027-06-01"
    " --text 'Woo 17' --by 'E. Smit'",
    "archive disclosure export": "archive disclosure export WOO-2026-0001 --out woo-17"
    " --reason 'Woo 17'",
    "archive disclosure list": "archive disclosure list",
    "archive disclosure redact": "archive disclosure redact WOO-2026-0001 1 --propose"
    " --reason 'Woo 17' --by 'D. Kok'",
    "archive disclosure refresh": "archive disclosure refresh WOO-2026-0001 --by 'E. Smit'",
    "archive disclosure return": "archive disclosure return WOO-2026-0001 --text 'document 3'"
    " --by 'F. Bos'",
    "archive disclosure review": "archive disclosure review WOO-2026-0001 --by 'D. Kok'",
    "archive disclosure show": "archive disclosure show WOO-2026-0001 1 --reason 'Woo 17'",
    "archive export": "archive export --permanent --until 2026-12-31 --target 'Archief Almelo'"
    " --out overdracht-2026 --reason 'overbrenging 2026'",
    "archive exposure": "archive exposure --token crm --since 2026-11-20 --until 2026-11-23"
    " --reason 'data breach 7'",
    "archive handover again": "archive handover again --target zaaksysteem --reason 'type added'",
    "archive handover list": "archive handover list --state parked",
    "archive hold lift": "archive hold lift BW-2026-0001 --text 'Woo 17 is closed'"
    " --by 'P. Bakker'",
    "archive hold list": "archive hold list --overdue",
    "archive hold place": "archive hold place --ground woo --words zwembad --department sport"
    " --since 2026-01-01 --review-on 2027-06-01 --text 'Woo 17' --by 'P. Bakker'",
    "archive hold review": "archive hold review BW-2026-0001 --review-on 2027-12-01"
    " --text 'the appeal runs' --by 'P. Bakker'",
    "archive hold show": "archive hold show BW-2026-0001",
    "archive key": "archive key",
    "archive list approve": "archive list approve VL-2026-0001 --by 'K. Yilmaz'",
    "archive list declaration": "archive list declaration VL-2026-0001 --out verklaring.pdf",
    "archive list draw": "archive list draw --tenant almelo --by 'P. Bakker'",
    "archive list return": "archive list return VL-2026-0001 --text 'geschil' --by 'K. Yilmaz'",
    "archive list review": "archive list review VL-2026-0001 --by 'M. Smit'",
    "archive list show": "archive list show VL-2026-0001 --items",
    "archive list spare": "archive list spare VL-2026-0001"
    " 106540352242922-mfrggzdfmztwq2lknnwg23tpoa --reason dispute --by 'M. Smit'",
    "archive list withdraw": "archive list withdraw VL-2026-0001 --by 'P. Bakker'",
    "archive processing": "archive processing --since 2026-11-01 --tenant almelo",
    "archive prove": f"archive prove {MESSAGE} --out proof.json",
    "archive receipt": f"archive receipt {MESSAGE} --out body.json --reason 'complaint 12'",
    "archive reindex": "archive reindex",
    "archive replay": "archive replay --dry-run",
    "archive request decide": "archive request decide AVG-2026-0001 --decision granted"
    " --by 'P. Bakker'",
    "archive request erase": "archive request erase AVG-2026-0001 --by 'P. Bakker'",
    "archive request extend": "archive request extend AVG-2026-0001 --until 2027-01-25"
    " --ground ingewikkeld --by 'P. Bakker'",
    "archive request letter": "archive request letter AVG-2026-0001",
    "archive request list": "archive request list --open",
    "archive request open": "archive request open --kind access --received 2026-11-25"
    " --phone-file - --by 'P. Bakker'",
    "archive request show": "archive request show AVG-2026-0001",
    "archive rotate": "archive rotate --tenant almelo",
    "archive signer new": "archive signer new --folder /var/lib/postkamer-signer --log postkamer",
    "archive signer serve": "archive signer serve --folder /var/lib/postkamer-signer"
    " --socket /run/postkamer-signer/socket --group postkamer",
    "archive subject": "archive subject --phone-file - --reason inzage --out a.json --out a.pdf",
    "archive terms": "archive terms --permanent",
    "archive transcript": f"archive transcript {CONVERSATION} --out a.html --out a.pdf"
    " --reason 'complaint 12'",
    "archive verify": "archive verify --index --media",
    "archive views": "archive views --employee m.devries --since 2026-11-01",
    "files list": "files list --state quarantined",
    "files open": f"files open {MESSAGE} --out file.bin --by 'A. Arts'",
    "files release": f"files release {MESSAGE} --by 'A. Arts'",
    "status": "status",
    "tenant export-open": "tenant export-open almelo uittreding --reason 'einde contract'",
    "backup check": (
        "backup check --objects /backup/objects --folder /backup/base --wal /backup/wal"
    ),
    "balance": "balance",
    "silence show": "silence show",
    "silence simulate": "silence simulate --per-day 10 --seed 7",
    "migrate": "migrate",
    "topology declare": "topology declare",
    "topology definitions": "topology definitions > definitions.json",
    "topology repartition": "topology repartition",
    "topology show": "topology show",
    "tenant export": "tenant export almelo almelo --key-file almelo.key --reason 'eigen omgeving'",
    "tenant forget": "tenant forget almelo almelo --key-file almelo.key --reason 'eigen omgeving'",
    "tenant import": (
        "tenant import almelo --key-file almelo.key --log-key postkamer+5d0c8f1b+AV8xUg=="
        " --reason 'eigen omgeving'"
    ),
    "tenant start": "tenant start almelo",
    "tenant stop": "tenant stop almelo",
    "all": "all --settings /etc/postkamer/services",
    "gateway": "gateway",
    "router": "router",
    "deliverer": "deliverer",
    "archiver": "archiver",
    "desk": "desk",
    "sandbox": "sandbox",
    "witness key new": "witness key new --folder witness --name witness.example.org/w1",
    "witness key show": "witness key show --folder witness",
    "witness serve": "witness serve --folder witness --logs logs.toml",
}
"""Words of a command -> the words after `postkamer`."""
