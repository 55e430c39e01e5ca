#!/usr/bin/env bash
# ./dev test bare: `./dev up` in a Debian 12 with nothing installed. Makes a clean chroot, copies a fresh clone in, starts it,
# runs the printed `mysql` command, starts a second time, and prints the minutes. With WYE_BARE_TEST=1 it runs .ci/run there as well. Needs root. Uses this machine's
# apt sources.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
say() { echo "bare: $*"; }

if [ "$(id -u)" != 0 ]; then exec sudo "$0" "$@"; fi
if [ "${1:-}" != inside ]; then
  command -v mmdebstrap >/dev/null || { echo "bare: mmdebstrap is missing" >&2; exit 1; }
  folder=$(mktemp -d "${TMPDIR:-/var/tmp}/wye-bare.XXXXXX")
  # Its own mounts and processes: whatever is left at the end goes with them.
  code=0
  unshare --mount --pid --fork --kill-child "$0" inside "$folder" || code=$?
  rm -rf --one-file-system "$folder"
  exit $code
fi

folder=$2
root=$folder/root
say "making a clean Debian 12 in $root"
https=$(grep -rhoE 'https://' /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1 || true)
mmdebstrap --quiet --variant=minbase ${https:+--include=ca-certificates} bookworm "$root"
if [ -n "$https" ]; then cp -a /etc/ssl/certs/. "$root/etc/ssl/certs/"; fi

# How this machine reaches its package mirror is this machine's business: copied at run time, never written down.
rm -f "$root/etc/apt/sources.list"
for part in sources.list sources.list.d auth.conf auth.conf.d trusted.gpg.d keyrings; do
  if [ -e "/etc/apt/$part" ]; then cp -a "/etc/apt/$part" "$root/etc/apt/"; fi
done
{ grep -lE '^ *Acquire' /etc/apt/apt.conf.d/* /etc/apt/apt.conf 2>/dev/null || true; } | while read -r file; do cp -a "$file" "$root$file"; done
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"

git clone --quiet --no-hardlinks . "$root/src"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"

inside() {
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} ${no_proxy:+no_proxy="$no_proxy"} \
    chroot "$root" /bin/sh -c "cd /src && $1"
}
minutes() { awk -v s="$1" 'BEGIN {printf "%.1f minutes", s / 60}'; }

for round in first second; do
  started=$SECONDS
  inside "./dev up --detach --port ${WYE_BARE_PORT:-16033}" | tee "$folder/up.log"
  took=$((SECONDS - started))
  say "$round ./dev up: $(minutes $took)"
  [ -e "$root/src/build/sandbox/env" ] || { say "build/sandbox/env is missing"; exit 1; }
  try=$(sed -n 's/^try  *//p' "$folder/up.log")
  say "running: $try"
  inside "$try -t -e 'SELECT CURRENT_USER(), VERSION(), DATABASE()'"
  inside "./dev down"
done
if [ "${WYE_BARE_TEST:-}" = 1 ]; then
  started=$SECONDS
  inside ".ci/run"
  say ".ci/run: $(minutes $((SECONDS - started)))"
fi
say "all is well"
