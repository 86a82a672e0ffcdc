#!/bin/sh
# Exchanges a secret of one machine for what standard input has, wherever it is: exchange_secret meta_app_secrets; or of
# one holder alone: exchange_secret gateway/database_password. Services that run take it: docs/operators/secrets.md.
set -eu
umask 077
folder=${2:-/etc/postkamer/secrets}
case $1 in
*/*) set -- "$folder/$1" ;;
*) set -- "$folder"/*/"$1" ;;
esac

for file; do
    if [ ! -f "$file" ]; then
        echo "There is no file $file." >&2
        exit 1
    fi
done

value=$(cat)
if [ -z "$value" ]; then
    echo "Nothing was typed, so nothing is changed." >&2
    exit 1
fi
# Holders have the same one, or the new one already: an exchange that was interrupted goes on.
former=
for file; do
    held=$(cat "$file")
    [ "$held" != "$value" ] || continue
    if [ -n "$former" ] && ! cmp -s "$former" "$file"; then
        echo "Holders have different ones: name one file, such as ${file#"$folder"/}." >&2
        exit 1
    fi
    former=$file
done
for file; do
    # Of the same owner and rights, and then whole: another file that takes its name.
    cp --preserve=mode,ownership "$file" "$file.new"
    printf '%s\n' "$value" >"$file.new"
    mv "$file.new" "$file"
    echo "${file#"$folder"/} is exchanged"
done
