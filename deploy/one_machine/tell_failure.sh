#!/bin/sh
# Tells a person that a unit has failed, in one line without anything of a citizen:
#     tell_failure UNIT
# FAILURE_URL takes it as the body of a POST, FAILURE_MAIL as a mail by FAILURE_MAIL_SERVER: one of both is enough, both are
# better. They stand in /etc/postkamer/failures.env. It returns 0 once somebody was told, and 78 if it has nobody to tell.
set -u
umask 077
unit=$1 url=${FAILURE_URL:-} mail=${FAILURE_MAIL:-} server=${FAILURE_MAIL_SERVER:-smtp://127.0.0.1}
line="$(uname -n): $unit has failed (${MONITOR_SERVICE_RESULT:-no result}). journalctl -u $unit -n 50 says why."

refuse() {
    echo "$1 in /etc/postkamer/failures.env" >&2
    exit 78
}

[ -n "$url$mail" ] || refuse "Nobody is told of $unit: FAILURE_URL and FAILURE_MAIL are missing"
# They stand in quotes below, for curl.
case $url$mail$server${FAILURE_MAIL_LOGIN:-} in
*[!!-~]* | *\"* | *\\*) refuse "A value has a space, a quote or a backslash" ;;
esac

# Another machine is spoken to by TLS that is verified; this one may do without.
case $url in
'' | https://* | http://127.0.0.1[:/]* | http://localhost[:/]*) ;;
*) refuse "FAILURE_URL begins with something else than https://" ;;
esac
case $server in
smtps://* | smtp://127.0.0.1 | smtp://127.0.0.1:* | smtp://localhost | smtp://localhost:*) tls='' ;;
smtp://*) tls=ssl-reqd ;;
*) refuse "FAILURE_MAIL_SERVER begins with something else than smtps:// or smtp://" ;;
esac

# What is secret comes by a file that curl reads, since every account sees the words of a command.
call() { curl --disable --silent --show-error --fail --connect-timeout 10 --max-time 30 --config /dev/fd/3 "$@" >/dev/null; }

told=1
if [ -n "$url" ]; then
    printf '%s\n' "$line" | call --data-binary @- --header 'Content-Type: text/plain' 3<<EOF && told=0
url = "$url"
EOF
fi
if [ -n "$mail" ]; then
    printf 'From: Postkamer <%s>\r\nTo: <%s>\r\nDate: %s\r\nSubject: %s\r\n\r\n%s\r\n' \
        "$mail" "$mail" "$(date -R)" "$unit has failed on $(uname -n)" "$line" | call --upload-file - 3<<EOF && told=0
url = "$server"
mail-from = "$mail"
mail-rcpt = "$mail"
$tls
${FAILURE_MAIL_LOGIN:+user = "$FAILURE_MAIL_LOGIN"}
EOF
fi
exit $told
