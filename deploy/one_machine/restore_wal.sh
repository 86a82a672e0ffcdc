#!/bin/sh
# Brings a piece of archived WAL back, as restore_command of PostgreSQL:
#     restore_wal NAME PATH [FOLDER]
# 1 says that there is no such piece, and ends the restore. 255 stops PostgreSQL instead: behind a piece that is damaged,
# or a folder that is not there, everything would be lost without a word.
set -eu
folder=${3:-/var/backups/postkamer/wal}
copy=$folder/$1.gz
[ -d "$folder" ] || {
    echo "$folder is not there." >&2
    exit 255
}
[ -e "$copy" ] || exit 1
gzip -dc "$copy" >"$2" || exit 255
