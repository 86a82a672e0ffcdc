#!/bin/sh
# Copies a piece of PostgreSQL's WAL away, compressed, since at rest a minute fills 16 MB with next to nothing:
#     archive_wal PATH NAME [FOLDER]
# It returns 0 once a whole copy is on disk. A copy that exists is never written over.
set -eu
umask 077
piece=$1 folder=${3:-/var/backups/postkamer/wal}
copy=$folder/$2.gz

if [ -e "$copy" ]; then
    # After a crash PostgreSQL asks again for what it had archived.
    gzip -dc "$copy" | cmp -s - "$piece" || {
        echo "$copy has other content than the WAL of this cluster: move it away, and look whose it is." >&2
        exit 1
    }
else
    gzip -1 <"$piece" >"$copy.new"
    sync "$copy.new"
    mv "$copy.new" "$copy"
fi
sync "$folder"
