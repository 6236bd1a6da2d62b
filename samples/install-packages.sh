#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs what is missing of the Debian packages that penstock needs (Debian 12 or newer).
# Usage: install-packages.sh build|view|test|kernels|fresh…    build it, look at recordings, run its tests, those of
# tests/run.sh --kernels, of --fresh
set -eu

build="gcc libc6-dev make cmake ninja-build pkg-config clang llvm bpftool libbpf-dev libelf-dev
  libprotobuf-c-dev protobuf-c-compiler protobuf-compiler libcap-ng-dev
  libnghttp2-dev zlib1g-dev libbrotli-dev libzstd-dev libyajl-dev
  libssl-dev libcurl4-openssl-dev librdkafka-dev ca-certificates"
view="tshark jq python3 util-linux curl nginx-light openssl"
test="$view libcmocka-dev clang-format clang-tidy shellcheck tcpdump wireshark-common procps bpftool
  libclang-rt-dev strace fstrm-bin kcat android-libboringssl-dev wrk brotli zstd python3-websockets python3-protobuf git
  zsh mariadb-server mariadb-client postgresql postgresql-contrib pgbouncer libpq-dev libmariadb-dev python3-psycopg2
  python3-pymysql"
kernels="qemu-system-x86 busybox-static kmod cpio xz-utils"
fresh="debootstrap git"

wanted=
for set in "$@"; do
	case $set in
	build) wanted="$wanted $build" ;;
	view) wanted="$wanted $view" ;;
	test) wanted="$wanted $test" ;;
	kernels) wanted="$wanted $kernels" ;;
	fresh) wanted="$wanted $fresh" ;;
	*) echo "usage: $0 build|view|test|kernels|fresh…" >&2; exit 2 ;;
	esac
done

missing=
for package in $wanted; do
	dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
		missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "missing packages, and only root can install them:$missing" >&2
	exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086 # a list
apt-get install -qy --no-install-recommends $missing
