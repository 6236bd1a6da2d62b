#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The live tests inside Debian's kernels, each booted in QEMU (software emulation) on this machine's own files, read-only.
# Usage: run.sh [SERIES…], as in "6.1 7.3"; TESTS chooses the tests.
cd "$(dirname "$0")/../.."
. tests/support/strict.sh
P=${PENSTOCK:-build/penstock}
HERE=tests/kernels
SECONDS_MAX=3000 # for one kernel
work=$(mktemp -d "${TMPDIR:-/tmp}/penstock-kernels.XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0

skip() { echo "SKIP: $*"; exit 77; }

# initrd FOLDER TEST…: busybox, those of the kernel's modules that the root file system and the tests need, penstock, the list of tests
initrd() {
	local kernel module tree=$work/tree
	kernel=$(basename "$1"/lib/modules/*)

	rm -rf "$tree"
	mkdir -p "$tree"/{bin,dev,proc,sys,root,modules}
	cp "$(command -v busybox)" "$tree/bin/busybox"
	cp "$HERE/init" "$tree/init"
	install -m 755 "$P" "$tree/penstock"
	printf '%s\n' "${@:2}" >"$tree/tests"
	{
		modprobe -d "$1" -S "$kernel" -a --show-depends virtio_pci virtio_rng 9p 9pnet_virtio
		modprobe -d "$1" -S "$kernel" -a --show-depends aesni_intel tls 2>/dev/null || true # kTLS: not in 5.10
	} | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' >"$work/modules"
	while read -r module; do
		cp "$module" "$tree/modules/"
		case $module in *.xz) xz -d "$tree/modules/$(basename "$module")" ;; esac
		basename "$module" .xz
	done <"$work/modules" >"$tree/modules/order"
	(cd "$tree" && find . | cpio -o -H newc --quiet) >"$work/initrd"
}

boot() { # FOLDER
	timeout "$SECONDS_MAX" qemu-system-x86_64 -accel tcg,thread=multi,tb-size=256 -cpu max,la57=off -M q35 -smp 1 -m 2048 \
		-nodefaults -display none -no-reboot -kernel "$1/vmlinuz" -initrd "$work/initrd" \
		-chardev stdio,id=c,signal=off -serial chardev:c -device virtio-rng-pci \
		-virtfs local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap \
		-virtfs local,path=.,mount_tag=source,security_model=none,readonly=on,multidevs=remap \
		-append "console=ttyS0 quiet panic=-1 oops=panic mitigations=off random.trust_cpu=on no_timer_check tsc=reliable" \
		</dev/null 2>&1 | sed -u 's/\r//g' || true # how it went is what the console says
}

# shellcheck disable=SC2086 # patterns
tests_for() { # SERIES
	case $1 in
	5.10) echo tests/kernels/below_floor.sh ;;
	*) echo ${TESTS:-tests/live/*.sh} ;;
	esac
}

[ "$(uname -m)" = x86_64 ] || skip "boots kernels for x86_64 only"
[ "$(id -u)" = 0 ] || skip "needs root"
samples/install-packages.sh kernels
"$HERE/fetch.sh" "$@" >"$work/kernels"
while read -r series version folder; do
	echo "-- Linux $series (Debian $version)"
	# shellcheck disable=SC2046 # a list
	initrd "$folder" $(tests_for "$series")
	boot "$folder" | tee "$work/console" | sed -u -n '/^##UP/,/^##RC/ { /^##/!p }'
	cat "$work/console" >>"$work/all"
	case $(sed -n 's/^##RC=//p' "$work/console" | tail -n 1) in
	0) ;;
	1) failed=1 ;;
	*) failed=1 && echo "FAIL: it did not come to its end; the console's last lines:" && tail -n 15 "$work/console" ;;
	esac
done <"$work/kernels"
count() { grep -c "^$1 " "$work/all"; }
echo "-- $(count ok) passed, $(count FAIL) failed, $(count SKIP) skipped"
exit "$failed"
