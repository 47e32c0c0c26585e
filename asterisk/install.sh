#!/bin/sh
# Put a real Asterisk 22 into a chroot on a Debian machine, for development and tests.
#
#   asterisk/install.sh            install when absent (about a minute), else return at once
#   asterisk/install.sh --where    print the folder; exit 1 when Asterisk is not in it
#
# Debian 12 and 13 carry no asterisk package, Debian sid does. It goes into a chroot of its own,
# so nothing of this machine changes but the folder ${CALLCENTER_ASTERISK:-/opt/callcenter-asterisk}.
# What runs in the chroot, and how, is decided by run.sh.
set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
DIR=${CALLCENTER_ASTERISK:-/opt/callcenter-asterisk}
# Raise it when something new goes into the chroot: older ones are then made anew.
RECIPE=2
TEXTS=$HERE/prompts.txt
STAMP=$DIR/callcenter-recipe

fail() {
    echo "asterisk/install.sh: $*" >&2
    exit 1
}

want() {
    echo "$RECIPE $(cksum <"$TEXTS")"
}

have() {
    [ -x "$DIR/usr/sbin/asterisk" ] && cat "$STAMP" 2>/dev/null || echo none
}

if [ "${1:-}" = "--where" ]; then
    [ "$(have)" = "$(want)" ] || exit 1
    echo "$DIR"
    exit 0
fi
[ "$(have)" != "$(want)" ] || exit 0

[ -r /etc/debian_version ] || fail "this is no Debian: install Asterisk 22 yourself (docs/asterisk.md)"
[ "$(id -u)" = 0 ] || fail "run me as root once: Asterisk goes into a chroot in $DIR"

# One at a time: two test runs may start together.
mkdir -p "$(dirname "$DIR")"
exec 9>"$DIR.lock"
flock 9
[ "$(have)" != "$(want)" ] || exit 0

make_chroot() {
    new=$DIR.new
    rm -rf "$new"
    if ! command -v debootstrap >/dev/null; then
        apt-get -qq update || fail "apt-get update failed"
        DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends debootstrap \
            >/dev/null || fail "debootstrap cannot be installed"
    fi
    # The mirror that this machine already uses; without one debootstrap takes its own default.
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 2>/dev/null |
        grep -v security | head -n 1 || true)
    echo "asterisk/install.sh: making a Debian sid chroot in $DIR (log: $DIR.log)" >&2
    # shellcheck disable=SC2086  # an absent mirror must be no argument at all
    debootstrap --variant=minbase sid "$new" $mirror >"$DIR.log" 2>&1 ||
        fail "debootstrap failed, see $DIR.log"

    # A mirror that is seldom refreshed has an expired Release file.
    echo 'Acquire::Check-Valid-Until "false";' >"$new/etc/apt/apt.conf.d/80callcenter"
    apt-config dump 2>/dev/null | grep -i '^Acquire::https\?::Proxy' \
        >>"$new/etc/apt/apt.conf.d/80callcenter" || true
    # No daemon starts while it is being installed.
    printf '#!/bin/sh\nexit 101\n' >"$new/usr/sbin/policy-rc.d"
    chmod 755 "$new/usr/sbin/policy-rc.d"
    cp /etc/resolv.conf "$new/etc/resolv.conf"
    DEBIAN_FRONTEND=noninteractive chroot "$new" sh -ec '
        apt-get -qq update
        apt-get -qq install -y --no-install-recommends \
            asterisk asterisk-moh-opsound-gsm espeak-ng sox
        rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/*' >>"$DIR.log" 2>&1 ||
        fail "apt-get failed in the chroot, see $DIR.log"

    # A look-up of a name that nobody answers stalls every call for seconds: files only, no DNS.
    sed -i 's/^hosts:.*/hosts: files/' "$new/etc/nsswitch.conf"
    : >"$new/etc/resolv.conf"
    echo "127.0.0.1 localhost" >"$new/etc/hosts"
    rm -rf "$DIR"
    mv "$new" "$DIR"
}

[ -x "$DIR/usr/sbin/asterisk" ] && [ "$(have | cut -d' ' -f1)" = "$RECIPE" ] || make_chroot

# The net under the application speaks too: its sounds are made here, once.
rm -rf "$DIR/tmp/callcenter"
mkdir -p "$DIR/tmp/callcenter"
cp "$HERE/sounds.sh" "$TEXTS" "$DIR/tmp/callcenter/"
chroot "$DIR" sh /tmp/callcenter/sounds.sh /usr/share/callcenter /usr/share/asterisk/moh \
    >>"$DIR.log" 2>&1 || fail "the prompts could not be made, see $DIR.log"
rm -rf "$DIR/tmp/callcenter"

want >"$STAMP"
echo "asterisk/install.sh: $(chroot "$DIR" /usr/sbin/asterisk -V) is in $DIR" >&2
