#!/bin/sh
# Make what Asterisk plays by itself: sounds.sh OUT MUSIC
# OUT/net/*.alaw from prompts.txt with a beep, OUT/moh/*.alaw from the hold music in MUSIC. A-law,
# because the trunk speaks it: nothing is transcoded while callers wait. Needs espeak-ng and sox.
set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
OUT=$1
MUSIC=$2
mkdir -p "$OUT/net" "$OUT/moh"
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT

as_alaw() { # IN OUT
    sox "$1" -t al -r 8000 -c 1 "$TMP/out" gain -3 rate -v 8000
    mv "$TMP/out" "$2"
}

grep -v '^#' "$HERE/prompts.txt" | while read -r name text; do
    espeak-ng -v id+f2 -s 140 -w "$TMP/say.wav" "$text"
    as_alaw "$TMP/say.wav" "$OUT/net/$name.alaw"
done
sox -n -r 8000 -c 1 "$TMP/beep.wav" synth 0.4 sine 1000 fade 0.02 0.4 0.02 gain -9
as_alaw "$TMP/beep.wav" "$OUT/net/beep.alaw"
for file in "$MUSIC"/*.gsm; do
    as_alaw "$file" "$OUT/moh/$(basename "$file" .gsm).alaw"
done
chmod -R a+rX "$OUT"
