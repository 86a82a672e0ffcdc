#!/bin/sh
# Copies the back-ups of MACHINE to this one, which is another, and deletes them here by days of its own:
#     copy_backups wal|base|small|files|prune|look MACHINE [FOLDER]
# The crontab is in docs/operators/one-machine.md. MACHINE may be lost to somebody: nothing that it shows takes away what
# was fetched. Files that are here stay, and times of folders, by which they are deleted, are of this machine.
set -eu
umask 077
part=$1 machine=$2 folder=${3:-/backup}
backups=$machine:/var/backups/postkamer objects=$machine:/var/lib/postkamer/objects
# A day more than there, so that both have what a restore to any of seven nights needs.
base_minutes=$((8 * 24 * 60)) wal_minutes=$((9 * 24 * 60))
# A restore is tried twice a year, and finds an order that was altered: half a year and a week.
former_minutes=$((190 * 24 * 60))
# Ten are kept there, and a minute fetches ten: an hour, in which you see that a machine was set up anew.
heads=600

mkdir -p "$folder/postkamer/base" "$folder/postkamer/wal" "$folder/objects/head" "$folder/former" "$folder/new"
cd "$folder"
folder=$PWD
exec 9>".$part.lock"
flock -n 9 || exit 0 # that of the minute before is not done

# A file that is in hand is in a folder of its own, so that what is in the others is whole.
fetch() {
    complaint=$(rsync --archive --omit-dir-times --temp-dir="$folder/new" "$@" 2>&1) && return
    code=$?
    [ $code = 24 ] || echo "$complaint" >&2 # 24: deleted there meanwhile
    return $code
}

case $part in
wal) fetch --ignore-existing '--exclude=*.new' "$backups/wal/" "$folder/postkamer/wal/" ;;
base)
    # pg_basebackup writes the manifest last, and rsync would fetch it first: it comes when all else of its folder is here.
    fetch --ignore-existing '--exclude=/*/backup_manifest' "$backups/base/" "$folder/postkamer/base/"
    for each in postkamer/base/*; do
        [ ! -d "$each" ] || [ -e "$each/backup_manifest" ] || fetch --ignore-existing "--include=/${each##*/}/" \
            "--include=/${each##*/}/backup_manifest" '--exclude=*' "$backups/base/" "$folder/postkamer/base/"
    done
    ;;
small)
    # A new key writes orders and outcomes anew. What they replace stays, in a folder of this minute.
    fetch --checksum --backup --backup-dir="$folder/former/$(date -u +%Y-%m-%dT%H%M)" \
        '--include=/destruction/***' '--include=/outcome/***' '--exclude=*' "$objects/" "$folder/objects/"
    fetch --ignore-existing --exclude=/sealed/ --exclude=/thumbnail/ --exclude=/media/ --exclude=/upload/ \
        "$objects/" "$folder/objects/" || [ $? = 24 ]
    cd objects/head
    # Their names are times.
    find . -type f | sed -nE 's|^\./([0-9]{20})$|\1|p' | sort | head -n -$heads | xargs -r rm -f
    ;;
files) fetch --ignore-existing --exclude=/head/ "$objects/" "$folder/objects/" ;;
prune)
    # While no new one is here whole, all stay.
    if find postkamer/base -mindepth 2 -maxdepth 2 -name backup_manifest -mtime -2 | grep -q .; then
        find postkamer/base -mindepth 1 -maxdepth 1 -mmin +$base_minutes -exec rm -rf {} +
        find postkamer/wal -type f -mmin +$wal_minutes -delete
    fi
    find former -mindepth 1 -maxdepth 1 -mmin +$former_minutes -exec rm -rf {} +
    find new -type f -mmin +$((24 * 60)) -delete # what a killed one left
    ;;
look)
    for each in 'postkamer/wal -mmin -60' 'postkamer/base -name backup_manifest -mmin -2880' 'objects -mmin -2880'; do
        find $each -type f | grep -q . || echo "nothing new in $folder: $each"
    done
    ;;
*)
    echo "There is no part $part." >&2
    exit 2
    ;;
esac
