#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What samples/ has for collectors: read by the programs that they are for, where those are here, and what they say of protobuf held
# against what penstock writes.
. tests/support/lib.sh
need python3

# the schema that is installed is the one that a recording carries (tests/replay/golden.sh reads every event by that)
"$P" replay samples/raw/openssl.raw -w "$T/all.pb" 2>"$T/log"
samples/descriptor.py "$T/all.pb" >"$T/event.desc"
holds "the schema of a recording is the one that is installed" cmp "$T/event.desc" "${BUILD:-build}/proto/event.desc"
type=$(sed -n 's/^ *message_type: //p' samples/vector/vector.yaml)
check "Telegraf's type is Vector's" "$(sed -n 's/^ *xpath_protobuf_type = "\(.*\)"/\1/p' samples/telegraf/telegraf.conf)" "$type"
check "and it is one of the schema" "$(sed -nE 's/^package (.*);/\1/p; s/^message (Event) .*/\1/p' proto/event.proto | paste -sd .)" "$type"
for name in $(grep -v import_paths samples/telegraf/telegraf.conf | grep -oE '"/?[a-z_]+(/[a-z_]+)*"' | tr -d '"' | tr / ' '); do
	case $name in xpath_* | unix_ns | influx | be | comm) continue ;; esac
	holds "Telegraf's '$name' is a field" grep -qE "^ +(repeated )?[A-Za-z0-9]+ $name = [0-9]+;" proto/event.proto
done

units=0
for unit in samples/systemd/*.service; do # their manual page need not be installed here
	command -v systemd-analyze >/dev/null || break
	sed "s#/usr/local/bin/penstock#$P#; /^Documentation=/d" "$unit" >"$T/${unit##*/}"
	holds "${unit##*/} is a unit" systemd-analyze verify "$T/${unit##*/}"
	units=$((units + 1))
done
[ "$units" -gt 0 ] || echo "skipped: units are not checked: no systemd-analyze on this machine"
if command -v otelcol >/dev/null; then
	holds "the Collector takes its configuration" otelcol validate --config samples/otel/collector.yaml
else
	echo "skipped: otel/collector.yaml is not checked: no otelcol on this machine"
fi
if command -v vector >/dev/null; then
	sed "s#/usr/local/share/penstock#$T#" samples/vector/vector.yaml >"$T/vector.yaml"
	holds "Vector takes its configuration" vector validate --no-environment "$T/vector.yaml"
else
	echo "skipped: vector/vector.yaml is not checked: no vector on this machine"
fi
done_testing
