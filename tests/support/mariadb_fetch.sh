#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The MariaDB or the MySQL server of another Debian, unpacked in a folder of its own in the cache, with the libraries of that Debian.
# Usage: mariadb_fetch.sh SUITE [mysql]; prints the folder: usr/sbin/mariadbd or usr/sbin/mysqld is in it, to be run by a chroot. The
# machine's own apt is not touched: what it is configured with says only where packages come from.
. "$(dirname "$0")/strict.sh"
. "$(dirname "$0")/apt.sh"
suite=$1 kind=${2:-mariadb}
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/penstock-$kind/$suite
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
skip() { echo "SKIP: $*"; exit 77; } >&2

case $kind in
mysql) program=mysqld ;;
*) program=mariadbd ;;
esac
[ ! -x "$CACHE/root/usr/sbin/$program" ] || { echo "$CACHE/root"; exit; }
uri=$(apt_uri "$suite")
uri=${uri:-$(apt_uri bookworm)} # of the same archive
[ -n "$uri" ] || skip "apt has no source for Debian"
mkdir -p "$CACHE"/apt/{sources,lists/partial,cache/archives/partial} "$CACHE/debs"
: >"$CACHE/apt/status"
printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: amd64\nSigned-By: %s\n' "$uri" "$suite" "$KEYRING" \
	>"$CACHE/apt/sources/$suite.sources"
cat >"$CACHE/apt/apt.conf" <<-END
	Dir::Etc::SourceList "/dev/null";
	Dir::Etc::SourceParts "$CACHE/apt/sources";
	Dir::State::Lists "$CACHE/apt/lists";
	Dir::State::status "$CACHE/apt/status";
	Dir::Cache "$CACHE/apt/cache";
	Acquire::Languages "none";
	APT::Sandbox::User "root";
	APT::Architecture "amd64";
	APT::Install-Recommends "false";
END
export APT_CONFIG=$CACHE/apt/apt.conf
apt-get -qq update >&2 || skip "the lists of packages of $suite cannot be had"
# all that the server needs, down to libc; Perl and what only installing needs are left out
apt-get -qq --print-uris install "$kind-server-core" "$kind-client-core" dash coreutils sed grep hostname 2>/dev/null | sed -nE "s/^'[^']*' ([^_]+)_.*/\1/p" |
	grep -vE '^(perl|libperl|debconf|systemd|init|sysvinit|python|galera)' >"$CACHE/packages"
(cd "$CACHE/debs" && xargs apt-get -qq download <"$CACHE/packages" >&2) || skip "the packages of $suite cannot be had"
rm -rf "$CACHE/new"
mkdir -p "$CACHE/new/usr/"{bin,lib,sbin,lib64} "$CACHE/new/"{dev,etc,mnt,tmp,proc}
for folder in bin lib sbin lib64; do ln -s "usr/$folder" "$CACHE/new/$folder"; done
for package in "$CACHE"/debs/*.deb; do dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$CACHE/new"; done
getent passwd mysql >"$CACHE/new/etc/passwd" || skip "no user mysql on this machine"
getent group mysql >"$CACHE/new/etc/group"
echo "127.0.0.1 localhost" >"$CACHE/new/etc/hosts"
rm -rf "$CACHE/debs"
mv "$CACHE/new" "$CACHE/root"
echo "$CACHE/root"
