#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Repeats JSON lines of recordings over a longer time, so that an archive of them has many frames.
Usage: make_lines.py TIMES STEP_MS FILE... >LINES    (the run is that of the first FILE)"""
import json
import sys

times, step = int(sys.argv[1]), int(sys.argv[2]) * 10**6
files = [[json.loads(line) for line in open(name, encoding="utf-8")] for name in sys.argv[3:]]
meta = files[0][0]
begin_unix, begin_boot = int(meta["time_unix_nano"]), int(meta["time_boot_ns"])
print(json.dumps(meta, separators=(",", ":")))
seq = 1
for n in range(times):
    events = [e for e in files[n % len(files)] if e["type"] not in ("meta", "stats", "attach")]
    for i, event in enumerate(events):
        event = json.loads(json.dumps(event))
        passed = (n + 1) * step + i * 1000
        seq += 1
        event["seq"] = seq
        event["time_unix_nano"] = str(begin_unix + passed)
        event["time_boot_ns"] = str(begin_boot + passed)
        event.pop("time", None)
        if "process" in event:
            process = event["process"]
            process.pop("cgroup", None) # not every sample has the name of the same one
            process["pid"] = process["tid"] = process["ns_pid"] = process["pid"] + n % 50 * 100
            process["start_boot_ns"] = str(begin_boot + passed - 1)
            process["start_unix_nano"] = str(begin_unix + passed - 1)
            process["uid"] = n % 7
            if n % 11 == 0:
                process["comm"] = f"worker{n}"
                process["exe"] = f"/opt/w{n}/bin/worker{n}"
            if n % 13 == 0:
                process["container_id"] = f"{n:064x}"
        if "conn" in event:
            conn = event["conn"]
            conn["id"] = f"{int(conn['id'], 16) + (n << 40):016x}"
            conn["remote_port"] = 20000 + n
            conn["remote_addr"] = f"2001:db8::{n % 32:x}" if n % 8 == 6 else f"10.{n % 16}.0.{n % 200}"
            conn["local_addr"] = "2001:db8:1::1" if n % 8 == 6 else "127.0.0.1"
        print(json.dumps(event, separators=(",", ":")))
