#!/bin/sh
# Start Asterisk in the foreground with its own configuration below a run folder:
#
#   asterisk/run.sh RUN_FOLDER [--write-only]
#
# Ends with the signal that you send to this process; there is no other process. Everything is on
# loopback. Settings (environment, default):
#   CALLCENTER_ASTERISK   /opt/callcenter-asterisk   the chroot that install.sh made
#   ASTERISK_SIP_PORT     5060          SIP over UDP
#   ASTERISK_HTTP_PORT    8088          ARI, and SIP over WebSocket at /ws
#   ASTERISK_AMI_PORT     5038          the manager, for the application's watch
#   ASTERISK_AMI_BIND     127.0.0.1     where it listens, and ...
#   ASTERISK_AMI_PERMIT   127.0.0.1     ... addresses and nets that may sign in there
#   ASTERISK_RTP_START, ASTERISK_RTP_END  10000, 19999
#   ASTERISK_BIND         127.0.0.1     where SIP and HTTP listen
#   ASTERISK_TRUNK_PEER   127.0.0.1:5070   host:port that calls to telephones are sent to
#   ASTERISK_TRUNK_QUALIFY_S 0          seconds between two looks whether it answers; 0: none
#   ASTERISK_TRUNK_MATCH  127.0.0.1     address (or net) whose calls are citizens' calls
#   ASTERISK_TRUNK_NUMBER 1500630       our number as those whom we call see it
#   ASTERISK_ARI_APP      callcenter    name of the application in ARI
#   ASTERISK_GUARD_S      30            seconds after which a caller is taken from a hung application
#   ASTERISK_RETRY_S      1             seconds between the apology and the next try
#   ASTERISK_RTP_TIMEOUT_S 60           seconds without RTP after which a phone is gone
#   ASTERISK_NET_SOUNDS   /usr/share/callcenter  what sounds.sh made: prompts and hold music
#   ASTERISK_EXTRA        RUN_FOLDER/extra   pjsip.conf, extensions.conf, modules.conf to add
# Below RUN_FOLDER: etc, log, spool/recording, sounds (the application's), ari-password, ami-password
# and env, a file of settings for the application.
set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
DIR=${CALLCENTER_ASTERISK:-/opt/callcenter-asterisk}

fail() {
    echo "asterisk/run.sh: $*" >&2
    exit 1
}

[ $# -ge 1 ] || fail "name a run folder"
[ -x "$DIR/usr/sbin/asterisk" ] || fail "no Asterisk in $DIR: run asterisk/install.sh as root"
[ "$(id -u)" = 0 ] || fail "run me as root: Asterisk lives in the chroot $DIR"
mkdir -p "$1"
RUN=$(cd "$1" && pwd -P)
# The run folder is seen at the same path in the chroot, on an empty folder laid over its first part.
TOP=/$(echo "$RUN" | cut -d/ -f2)
case $TOP in
/bin | /dev | /etc | /lib* | /proc | /sbin | /sys | /usr) fail "the run folder cannot be below $TOP" ;;
esac

mkdir -p "$RUN/etc" "$RUN/lib/keys" "$RUN/run" "$RUN/log" "$RUN/sounds" \
    "$RUN/spool/recording" "$RUN/spool/tmp" "$RUN/spool/monitor" "$RUN/spool/outgoing"
for name in ari-password ami-password; do
    [ -s "$RUN/$name" ] || (umask 077 && od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$RUN/$name")
done

APP=${ASTERISK_ARI_APP:-callcenter}
HTTP_PORT=${ASTERISK_HTTP_PORT:-8088}
BIND=${ASTERISK_BIND:-127.0.0.1}
AMI_BIND=${ASTERISK_AMI_BIND:-127.0.0.1}
AMI_PORT=${ASTERISK_AMI_PORT:-5038}
(
    umask 077
    for file in "$HERE"/etc/*.conf; do
        sed -e "s|@RUN@|$RUN|g" -e "s|@EXTRA@|${ASTERISK_EXTRA:-$RUN/extra}|g" \
            -e "s|@MODULES@|$(cd "$DIR" && echo usr/lib/*/asterisk/modules | sed 's|^|/|')|g" \
            -e "s|@SOUNDS@|${ASTERISK_NET_SOUNDS:-/usr/share/callcenter}|g" \
            -e "s|@SIP_BIND@|$BIND|g" -e "s|@SIP_PORT@|${ASTERISK_SIP_PORT:-5060}|g" \
            -e "s|@HTTP_BIND@|$BIND|g" -e "s|@HTTP_PORT@|$HTTP_PORT|g" \
            -e "s|@AMI_BIND@|$AMI_BIND|g" -e "s|@AMI_PORT@|$AMI_PORT|g" \
            -e "s|@AMI_PERMIT@|${ASTERISK_AMI_PERMIT:-127.0.0.1}|g" \
            -e "s|@AMI_PASSWORD@|$(cat "$RUN/ami-password")|g" \
            -e "s|@RTP_START@|${ASTERISK_RTP_START:-10000}|g" \
            -e "s|@RTP_END@|${ASTERISK_RTP_END:-19999}|g" \
            -e "s|@TRUNK_PEER@|${ASTERISK_TRUNK_PEER:-127.0.0.1:5070}|g" \
            -e "s|@TRUNK_QUALIFY_S@|${ASTERISK_TRUNK_QUALIFY_S:-0}|g" \
            -e "s|@TRUNK_MATCH@|${ASTERISK_TRUNK_MATCH:-127.0.0.1}|g" \
            -e "s|@TRUNK_NUMBER@|${ASTERISK_TRUNK_NUMBER:-1500630}|g" \
            -e "s|@RTP_TIMEOUT_S@|${ASTERISK_RTP_TIMEOUT_S:-60}|g" \
            -e "s|@APP@|$APP|g" -e "s|@GUARD_S@|${ASTERISK_GUARD_S:-30}|g" \
            -e "s|@RETRY_S@|${ASTERISK_RETRY_S:-1}|g" \
            -e "s|@ARI_USER@|callcenter|g" -e "s|@ARI_PASSWORD@|$(cat "$RUN/ari-password")|g" \
            "$file" >"$RUN/etc/$(basename "$file")"
    done
    # Read by the core, needed by nothing of ours: an absent file is an error in the log.
    for name in acl features pjproject stasis udptl websocket_client; do
        [ -e "$RUN/etc/$name.conf" ] || echo "; nothing" >"$RUN/etc/$name.conf"
    done
    cat >"$RUN/env" <<END
ASTERISK_ARI_URL=http://$BIND:$HTTP_PORT
ASTERISK_ARI_USER=callcenter
ASTERISK_ARI_PASSWORD=$(cat "$RUN/ari-password")
ASTERISK_ARI_APP=$APP
ASTERISK_AMI_URL=tcp://$AMI_BIND:$AMI_PORT
ASTERISK_AMI_PASSWORD=$(cat "$RUN/ami-password")
ASTERISK_WS_URL=ws://$BIND:$HTTP_PORT/ws
ASTERISK_SOUNDS=$RUN/sounds
ASTERISK_TRUNK=PJSIP/trunk
END
)
[ "${2:-}" != "--write-only" ] || exit 0

# Asterisk runs as a user that nobody else is (the chroot's own ids mean other users out here)
# and owns what it writes; sounds are ours.
OWNER=64321:64321
chown -R "$OWNER" "$RUN/etc" "$RUN/lib" "$RUN/run" "$RUN/log" "$RUN/spool"
chmod 755 "$RUN" "$RUN/sounds"
# Its own host name must be answered by a file: a look-up that nobody answers stalls every call.
printf '127.0.0.1 localhost %s\n' "$(hostname)" >"$RUN/etc/hosts"
chmod 644 "$RUN/etc/hosts"

export RUN DIR TOP OWNER
exec unshare --mount sh -euc '
    mount --bind "$RUN/etc/hosts" "$DIR/etc/hosts"
    mkdir -p "$DIR$TOP"
    mount -t tmpfs -o size=64k,mode=755 none "$DIR$TOP"
    mkdir -p "$DIR$RUN"
    mount --bind "$RUN" "$DIR$RUN"
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TZ="${TZ:-UTC}" LANG=C.UTF-8 \
        chroot --userspec="$OWNER" --groups="" "$DIR" \
        /usr/sbin/asterisk -f -C "$RUN/etc/asterisk.conf"'
