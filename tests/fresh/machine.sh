#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In a mount namespace of its own: bootstraps a Debian in FOLDER/root, puts a clone into it and goes over to it; the rest is
# newcomer.sh. Packages come from where this machine's apt gets its own.
# Usage: machine.sh SUITE FOLDER CACHE      how the bootstrap went is in FOLDER/results
. tests/support/strict.sh
. tests/support/apt.sh
suite=$1 root=$2/root cache=$3
result() { printf '%-4s bootstrap, %s s%s\n' "$1" "$SECONDS" "${2:+: $2}" >"$root/../results"; }

mkdir -p "$root" "$cache"
mirror=$(apt_uri "$suite") || true # apt says what is wrong
[ -n "$mirror" ] || { result SKIP "apt has no source for $suite"; exit 77; }
packages=() # for a start, besides the smallest set
[[ $mirror != https:* ]] || packages=(--include=ca-certificates)
debootstrap --variant=minbase --cache-dir="$cache" "${packages[@]}" "$suite" "$root" "$mirror" >"$2/log" 2>&1 ||
	{ result SKIP "$(grep '^[EW]:' "$2/log" | tail -n 1)"; exit 77; }
for name in "$suite" "$suite-updates" "$suite-security"; do
	echo "deb $(apt_uri "$name") $name main"
done >"$root/etc/apt/sources.list"
apt-config dump | grep -i '^Acquire::[^ ]*proxy' >"$root/etc/apt/apt.conf.d/proxy" || true # most have none
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
# a service that a package starts would be one of this machine
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
git clone -q --no-local "file://$PWD" "$root/root/penstock"

mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
for tree in sys dev; do mount --rbind "/$tree" "$root/$tree"; done
mount --bind "$cache" "$root/var/cache/apt/archives"
result ok
cd "$root"
pivot_root . mnt
umount -l mnt
proxies=()
for name in http_proxy https_proxy no_proxy; do [ -z "${!name:-}" ] || proxies+=("$name=${!name}"); done
exec chroot . /usr/bin/env -i HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	"${proxies[@]}" /root/penstock/tests/fresh/newcomer.sh
