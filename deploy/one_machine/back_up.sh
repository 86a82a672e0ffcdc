#!/bin/sh
# Makes a base back-up of PostgreSQL and takes away those whose time is over:
#     back_up [FOLDER]
# It takes its place in FOLDER/base once it was read back: whatever is there is whole.
set -eu
umask 077
folder=${1:-/var/backups/postkamer}
cd "$folder" # root's own folder, where it may be started from, is shut to postgres, and find wants to come back
folder=$PWD new=$PWD/new
# Seven nights stay, and the WAL since the oldest of them, which took six hours at most: postkamer-backup.service.
base_minutes=$((7 * 24 * 60)) wal_minutes=$((8 * 24 * 60))

rm -rf "$new" # what a killed one left
pg_basebackup --pgdata="$new" --checkpoint=fast --wal-method=stream
PATH=$PATH:/usr/lib/postgresql/$(cat "$new/PG_VERSION")/bin # Debian leaves it there
pg_verifybackup --quiet "$new"
mv -T "$new" "$folder/base/$(date -u +%Y-%m-%dT%H%M%S)"
sync "$folder/base"
# Only now: while none can be made, those that there are stay.
find "$folder/base" -mindepth 1 -maxdepth 1 -mmin +$base_minutes -exec rm -rf {} +
find "$folder/wal" -type f -mmin +$wal_minutes -delete
