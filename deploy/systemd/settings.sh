#!/bin/sh
# Makes the settings of one machine in /etc/postkamer: environment (of all), services/*.env (of one service each) and
# owner.env (of commands); and new secrets in files, in a folder of each service and of the owner: secrets/*/*. As root,
# with META_APP_SECRET and META_ACCESS_TOKEN in the environment: docs/operators/one-machine.md.
set -eu
umask 077
folder=${1:-/etc/postkamer}

# Before anything is made: both come from Meta.
: "${META_APP_SECRET:?}" "${META_ACCESS_TOKEN:?}"
case $META_APP_SECRET$META_ACCESS_TOKEN in
*[!!-~]*)
    echo "The app secret and the access token are words without spaces: type them again." >&2
    exit 1
    ;;
esac

if [ -e "$folder/owner.env" ]; then
    echo "$folder has settings already; their secrets are in use, so they stay as they are." >&2
    exit 1
fi

random() { head -c 32 /dev/urandom; }
hexadecimal() { random | od -An -v -tx1 | tr -d ' \n'; }
in_base64() { random | base64 | tr -d '\n'; }

# give VARIABLE VALUE HOLDER...: a file for each holder, and a line of its settings that names it.
give() {
    variable=$1 value=$2
    shift 2
    file=$(echo "${variable#POSTKAMER_}" | tr A-Z a-z)
    for holder; do
        mkdir -p "$folder/secrets/$holder"
        printf '%s\n' "$value" >"$folder/secrets/$holder/$file"
        case $holder in owner) of=owner.env.new ;; *) of=services/$holder.env ;; esac
        echo "${variable}_FILE=$folder/secrets/$holder/$file" >>"$folder/$of"
    done
}

mkdir -p "$folder/services"

cat >"$folder/environment" <<EOF
# Settings of all services. systemd reads this file as root.
POSTKAMER_CONFIG=/etc/postkamer/postkamer.toml
POSTKAMER_OBJECT_STORE=file:///var/lib/postkamer/objects
POSTKAMER_META_GRAPH_URL=https://graph.facebook.com/v26.0
EOF

cat >"$folder/owner.env.new" <<EOF
# Settings of commands, as the owner of the database: set -a; . $folder/environment; . $folder/owner.env; set +a
POSTKAMER_DATABASE_URL=postgresql://postkamer@127.0.0.1:5432/postkamer
POSTKAMER_AMQP_URL=amqp://operator@127.0.0.1:5672/postkamer
POSTKAMER_GATEWAY_URL=http://127.0.0.1:8080
EOF
owner=$(hexadecimal) operator=$(hexadecimal)
give POSTKAMER_DATABASE_PASSWORD "$owner" owner
give POSTKAMER_AMQP_PASSWORD "$operator" owner
# For the two programs that let the services in: deploy/compose/roles.sql and deploy.compose.definitions.
cat >"$folder/logins.env" <<EOF
OWNER_DATABASE_PASSWORD=$owner
OPERATOR_BROKER_PASSWORD=$operator
EOF

for service in gateway router deliverer archiver desk; do
    database=$(hexadecimal) broker=$(hexadecimal)
    upper=$(echo $service | tr a-z A-Z)
    cat >"$folder/services/$service.env" <<EOF
# Settings of the $service alone.
POSTKAMER_DATABASE_URL=postgresql://postkamer_$service@127.0.0.1:5432/postkamer
EOF
    give POSTKAMER_DATABASE_PASSWORD "$database" $service
    echo "${upper}_DATABASE_PASSWORD=$database" >>"$folder/logins.env"
    [ $service = desk ] && continue
    echo "POSTKAMER_AMQP_URL=amqp://$service@127.0.0.1:5672/postkamer" >>"$folder/services/$service.env"
    give POSTKAMER_AMQP_PASSWORD "$broker" $service
    echo "${upper}_BROKER_PASSWORD=$broker" >>"$folder/logins.env"
done

give POSTKAMER_WORKING_KEY "$(in_base64)" gateway router deliverer archiver desk owner
give POSTKAMER_ARCHIVE_KEY "$(in_base64)" router archiver owner
give POSTKAMER_META_APP_SECRETS "$META_APP_SECRET" gateway deliverer owner
give POSTKAMER_META_ACCESS_TOKEN "$META_ACCESS_TOKEN" deliverer archiver owner
give POSTKAMER_META_VERIFY_TOKEN "$(hexadecimal)" gateway owner
token=$(hexadecimal)
give POSTKAMER_API_TOKENS "operator/**:$token" gateway archiver owner
give POSTKAMER_API_TOKEN "$token" owner
crm_secret=whsec_$(in_base64)
give CRM_SECRET "$crm_secret" deliverer owner
give POSTKAMER_DESK_SECRET "$crm_secret" desk

cat >>"$folder/services/gateway.env" <<EOF
# nginx on this machine names the client.
POSTKAMER_TRUSTED_PROXIES=127.0.0.1/32
EOF

cat >>"$folder/services/deliverer.env" <<EOF
# The desk on this machine takes events, so the deliverer may call it. Nothing else that is private.
POSTKAMER_PRIVATE_NETWORKS=127.0.0.1/32
EOF

cat >>"$folder/services/desk.env" <<EOF
POSTKAMER_DESK_URL=https://fill-in
POSTKAMER_DESK_ISSUER=https://fill-in
EOF

# Last, and whole: by this file a later run sees that all settings are there.
mv "$folder/owner.env.new" "$folder/owner.env"
echo "$folder has settings. Nobody else should read its secrets; back them up apart from the machine."
