#!/bin/sh
# Makes deploy/.env from deploy/.env.example, with a new secret for each empty value.
set -eu
umask 077
cd "$(dirname "$0")/.."

if [ -e .env ]; then
    echo "deploy/.env is there already; its secrets are in use, so it stays as it is." >&2
    exit 1
fi

random() { head -c 32 /dev/urandom; }
hexadecimal() { random | od -An -v -tx1 | tr -d ' \n'; }
in_base64() { random | base64 | tr -d '\n'; }

while IFS= read -r line; do
    case $line in
    ARCHIVE_KEY= | WORKING_KEY=) echo "$line$(in_base64)" ;;
    CRM_SECRET=) echo "${line}whsec_$(in_base64)" ;;
    [A-Z]*=) echo "$line$(hexadecimal)" ;; # needs no quoting in a URL
    *) echo "$line" ;;
    esac
done <.env.example >.env.new
mv .env.new .env
echo "deploy/.env is made. Nobody else should read it, and it is backed up apart from the volumes."
