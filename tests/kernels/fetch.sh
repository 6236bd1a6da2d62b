#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's own kernels, each unpacked in a folder of its own in the cache.
# Usage: fetch.sh [SERIES…], as in "6.1 7.3"; prints a line `SERIES VERSION FOLDER` for each: FOLDER has vmlinuz and lib/modules.
# The machine's own apt is not touched: what it is configured with says only where packages come from.
. "$(dirname "$0")/../support/strict.sh"
. "$(dirname "$0")/../support/apt.sh"
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/penstock-kernels
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
SUITES=(bullseye-security bookworm-security trixie-security trixie-backports)

skip() { echo "SKIP: $*"; exit 77; } >&2
die() { echo "fetch.sh: $*" >&2; exit 1; }

private_apt() {
	local suite uri

	mkdir -p "$CACHE"/apt/{sources,lists/partial,cache/archives/partial}
	: >"$CACHE/apt/status"
	for suite in "${SUITES[@]}"; do
		uri=$(apt_uri "$suite")
		[ -n "$uri" ] || skip "apt has no source for $suite"
		printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: amd64\nSigned-By: %s\n' \
			"$uri" "$suite" "$KEYRING" >"$CACHE/apt/sources/$suite.sources"
	done
	cat >"$CACHE/apt/apt.conf" <<-END
	Dir::Etc::SourceList "/dev/null";
	Dir::Etc::SourceParts "$CACHE/apt/sources";
	Dir::State::Lists "$CACHE/apt/lists";
	Dir::State::status "$CACHE/apt/status";
	Dir::Cache "$CACHE/apt/cache";
	Acquire::Languages "none";
	APT::Sandbox::User "root";
	APT::Architecture "amd64";
	END
	export APT_CONFIG=$CACHE/apt/apt.conf
	apt-get -qq update >&2 || skip "the lists of packages cannot be had"
}

# The packages that linux-image-amd64 of that version stands for: names change with each update.
packages_of() { # PACKAGE VERSION
	local depends name

	depends=$(apt-cache show "$1=$2" | sed -n 's/^Depends: //p')
	for name in $(grep -oE 'linux-(image|binary|modules|base)-[0-9][^ ,|]*-amd64' <<<"$depends"); do
		echo "$name"
		packages_of "$name" "$2"
	done
}

unpack() { # FOLDER VERSION
	local tmp="$1.new" kernel package

	rm -rf "$tmp"
	mkdir -p "$tmp/root/usr/lib"
	ln -s usr/lib "$tmp/root/lib"
	for package in $(packages_of linux-image-amd64 "$2" | sort -u); do
		(cd "$tmp" && apt-get -qq download "$package=$2" >&2)
	done
	for package in "$tmp"/*.deb; do
		dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$tmp/root"
		rm "$package"
	done
	kernel=$(basename "$tmp"/root/lib/modules/*)
	cp "$(ls "$tmp/root/boot/vmlinuz-$kernel" "$tmp/root/lib/modules/$kernel/vmlinuz" 2>/dev/null | head -n 1)" \
		"$tmp/vmlinuz"
	# most of it is drivers for hardware that the guest has not
	find "$tmp/root/lib/modules/$kernel/kernel/drivers" -mindepth 1 -maxdepth 1 ! -name virtio ! -name char \
		! -name block ! -name net -exec rm -r {} +
	rm -rf "$tmp/root/lib/modules/$kernel/kernel/"{sound,drivers/net/{ethernet,wireless}}
	depmod -b "$tmp/root" "$kernel"
	mv "$tmp/root/usr/lib" "$tmp/lib"
	rm -rf "$tmp/root"
	mv "$tmp" "$1"
}

mkdir -p "$CACHE"
exec 9>"$CACHE/lock"
flock 9
private_apt
available=$(apt-cache madison linux-image-amd64 | awk '{ print $3 }')
[ $# -gt 0 ] || mapfile -t all < <(sed -E 's/^([0-9]+\.[0-9]+).*/\1/' <<<"$available" | sort -V)
for series in "${@:-${all[@]}}"; do
	version=$(grep -m 1 "^${series//./\\.}[.-]" <<<"$available") || die "no kernel $series here, only: ${available//$'\n'/ }"
	[ -d "$CACHE/$version" ] || unpack "$CACHE/$version" "$version"
	echo "$series $version $CACHE/$version"
done
