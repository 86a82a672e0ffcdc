"""Compare `signature.py` with the table of signatures: python check_vectors.py ../vectors.tsv"""

import sys
from pathlib import Path

from signature import is_valid, key_of

lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()[1:]
wrong = 0
for line in lines:
    case, verdict, secrets, id, timestamp, now, signatures, body = line.split("\t")
    headers = {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures}
    keys = [key_of(secret) for secret in secrets.split(" ")]
    if is_valid(headers, body.encode(), keys, int(now)) != (verdict == "valid"):
        wrong += 1
        print("differs:", case)
print(f"{len(lines)} signatures, {wrong} differ")
sys.exit(1 if wrong else 0)
