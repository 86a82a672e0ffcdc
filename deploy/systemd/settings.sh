#!/bin/sh
# Makes the settings of one machine in /etc/postkamer, with new secrets: environment (of all), services/*.env (of one
# service each) and owner.env (of commands). As root, with META_APP_SECRET and META_ACCESS_TOKEN in the environment:
# docs/operators/one-machine.md.
set -eu
umask 077
folder=${1:-/etc/postkamer}

# Before anything is made: both come from Meta.
: "${META_APP_SECRET:?}" "${META_ACCESS_TOKEN:?}"
# They are written in single quotes, which a shell and systemd read alike. Meta gives none with a quote in it.
case $META_APP_SECRET$META_ACCESS_TOKEN in
*[!!-~]* | *\'*)
    echo "The app secret and the access token are words without spaces and quotes: type them again." >&2
    exit 1
    ;;
esac

if [ -e "$folder/owner.env" ]; then
    echo "$folder has settings already; their secrets are in use, so they stay as they are." >&2
    exit 1
fi

random() { head -c 32 /dev/urandom; }
hexadecimal() { random | od -An -v -tx1 | tr -d ' \n'; } # needs no quoting in a URL
in_base64() { random | base64 | tr -d '\n'; }

owner=$(hexadecimal) operator=$(hexadecimal)
archive_key=$(in_base64) crm_secret=whsec_$(in_base64)
mkdir -p "$folder/services"

cat >"$folder/environment" <<EOF
# Settings of all services. systemd reads this file as root.
POSTKAMER_CONFIG=/etc/postkamer/postkamer.toml
POSTKAMER_OBJECT_STORE=file:///var/lib/postkamer/objects
POSTKAMER_WORKING_KEY=$(in_base64)
POSTKAMER_META_GRAPH_URL=https://graph.facebook.com/v26.0
EOF

for service in gateway router deliverer archiver desk; do
    database=$(hexadecimal) broker=$(hexadecimal)
    {
        echo "# Settings of the $service alone."
        echo "POSTKAMER_DATABASE_URL=postgresql://postkamer_$service:$database@127.0.0.1:5432/postkamer"
        [ $service = desk ] || echo "POSTKAMER_AMQP_URL=amqp://$service:$broker@127.0.0.1:5672/postkamer"
    } >"$folder/services/$service.env"
    # For the two programs that let the services in: deploy/compose/roles.sql and deploy.compose.definitions.
    upper=$(echo $service | tr a-z A-Z)
    echo "${upper}_DATABASE_PASSWORD=$database"
    echo "${upper}_BROKER_PASSWORD=$broker"
done >"$folder/logins.env"
echo "OPERATOR_BROKER_PASSWORD=$operator" >>"$folder/logins.env"

cat >>"$folder/services/gateway.env" <<EOF
POSTKAMER_META_APP_SECRETS='$META_APP_SECRET'
POSTKAMER_META_VERIFY_TOKEN=$(hexadecimal)
POSTKAMER_API_TOKENS=operator/**:$(hexadecimal)
# nginx on this machine names the client.
POSTKAMER_TRUSTED_PROXIES=127.0.0.1/32
EOF
tokens=$(grep ^POSTKAMER_API_TOKENS= "$folder/services/gateway.env")

echo "POSTKAMER_ARCHIVE_KEY=$archive_key" >>"$folder/services/router.env"

cat >>"$folder/services/deliverer.env" <<EOF
POSTKAMER_META_ACCESS_TOKEN='$META_ACCESS_TOKEN'
POSTKAMER_META_APP_SECRETS='$META_APP_SECRET'
CRM_SECRET=$crm_secret
# The desk on this machine takes events, so the deliverer may call it. Nothing else that is private.
POSTKAMER_PRIVATE_NETWORKS=127.0.0.1/32
EOF

cat >>"$folder/services/archiver.env" <<EOF
POSTKAMER_ARCHIVE_KEY=$archive_key
POSTKAMER_META_ACCESS_TOKEN='$META_ACCESS_TOKEN'
$tokens
EOF

cat >>"$folder/services/desk.env" <<EOF
POSTKAMER_DESK_SECRET=$crm_secret
POSTKAMER_DESK_URL=https://fill-in
POSTKAMER_DESK_ISSUER=https://fill-in
EOF

echo "OWNER_DATABASE_PASSWORD=$owner" >>"$folder/logins.env"
cat >"$folder/owner.env.new" <<EOF
# Settings of commands, as the owner of the database: set -a; . $folder/environment; . $folder/owner.env; set +a
POSTKAMER_DATABASE_URL=postgresql://postkamer:$owner@127.0.0.1:5432/postkamer
POSTKAMER_AMQP_URL=amqp://operator:$operator@127.0.0.1:5672/postkamer
POSTKAMER_ARCHIVE_KEY=$archive_key
POSTKAMER_GATEWAY_URL=http://127.0.0.1:8080
POSTKAMER_API_TOKEN=${tokens##*:}
$tokens
$(grep ^POSTKAMER_META_VERIFY_TOKEN= "$folder/services/gateway.env")
POSTKAMER_META_ACCESS_TOKEN='$META_ACCESS_TOKEN'
POSTKAMER_META_APP_SECRETS='$META_APP_SECRET'
CRM_SECRET=$crm_secret
EOF
# Last, and whole: by this file a later run sees that all settings are there.
mv "$folder/owner.env.new" "$folder/owner.env"
echo "$folder has settings. Nobody but root should read them; back them up apart from the machine."
