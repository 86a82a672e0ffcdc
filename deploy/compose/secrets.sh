#!/bin/sh
# Makes deploy/.env from deploy/.env.example, and in deploy/secrets a file for each secret that is not there yet. A secret
# that deploy/.env had before there were files is taken from it.
set -eu
umask 077
cd "$(dirname "$0")/.."

random() { head -c 32 /dev/urandom; }
hexadecimal() { random | od -An -v -tx1 | tr -d ' \n'; }
in_base64() { random | base64 | tr -d '\n'; }
former() { [ ! -e .env ] || sed -n "s/^$1=//p" .env; }

draw() {
    case $1 in
    ARCHIVE_KEY | WORKING_KEY) in_base64 ;;
    CRM_SECRET) printf 'whsec_%s' "$(in_base64)" ;;
    API_TOKENS) printf 'crm/*:%s' "$(cat secrets/API_TOKEN)" ;;
    DESK_CLIENT_SECRET) ;; # the provider's, or none
    *) hexadecimal ;;
    esac
}

mkdir -p secrets
for name in DATABASE_OWNER_PASSWORD \
    GATEWAY_DATABASE_PASSWORD ROUTER_DATABASE_PASSWORD DELIVERER_DATABASE_PASSWORD ARCHIVER_DATABASE_PASSWORD \
    DESK_DATABASE_PASSWORD \
    GATEWAY_BROKER_PASSWORD ROUTER_BROKER_PASSWORD DELIVERER_BROKER_PASSWORD ARCHIVER_BROKER_PASSWORD \
    OPERATOR_BROKER_PASSWORD \
    ARCHIVE_KEY WORKING_KEY API_TOKEN API_TOKENS CRM_SECRET \
    META_APP_SECRETS META_VERIFY_TOKEN META_ACCESS_TOKEN DESK_CLIENT_SECRET; do
    if [ ! -e "secrets/$name" ]; then
        value=$(former $name)
        [ -n "$value" ] || value=$(draw $name)
        printf '%s\n' "$value" >secrets/.new
        # For the users in the containers. On this machine nobody else comes into the folder.
        chmod 644 secrets/.new
        mv secrets/.new "secrets/$name"
        echo "deploy/secrets/$name is made."
    fi
done
if [ ! -e .env ]; then
    cp .env.example .env.new
    mv .env.new .env
fi
echo "Nobody else should read deploy/secrets. Back it up apart from the volumes."
