#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: core
# --container: by the beginning of the id in the cgroup's name, one that is there and one that starts later, whatever the runtime calls it.
. tests/support/lib.sh
need_root
need jq

top=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
[ -n "$top" ] || skip "no unified cgroups here"
base=$top/penstock-$NONCE
mkdir "$base" || skip "no cgroup can be made here"
cp /bin/echo "$T/alpha"
id() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
groups=()
remove() { for group in ${groups[@]+"${groups[@]}"} "$base"; do rmdir "$group" 2>/dev/null; done; }
trap 'remove; quit' EXIT

# container NAME; in_container NAME MARK: starts a program with that mark in it
container() { mkdir "$base/$1" && groups+=("$base/$1"); }
in_container() { sh -c 'echo $$ >"$1/cgroup.procs"; exec "$2/alpha" "$3"' sh "$base/$1" "$T" "$NONCE-$2"; } >/dev/null
recorded() { json "$T/a.jsonl" 'select(.type == "exec" and (.exec.path | endswith("/alpha"))) | .exec.argv[1] | ltrimstr($n + "-")' | tr '\n' ' '; }

here=$(id) later=$(id) cri=$(id) plain=$(id) other=$(id)
container "docker-$here.scope"
start record -p exec --container "$here" --container "${later:0:12}" --container "${cri:0:20}" --container "$plain" -w "$T/a.jsonl"
container "docker-$later.scope"
container "cri-containerd-$cri.scope"
container "$plain"
container "docker-$other.scope"
container "docker-${later:0:30}.scope" # no id
in_container "docker-$here.scope" here
in_container "docker-$later.scope" later
in_container "cri-containerd-$cri.scope" cri
in_container "$plain" plain
in_container "docker-$other.scope" other
in_container "docker-${later:0:30}.scope" short
stop
check "exit status" "$STATUS" 0
check "those that were asked for" "$(recorded)" "here later cri plain "

start record -p exec --container "!${here:0:12}" --tree $$ -w "$T/a.jsonl"
in_container "docker-$here.scope" here
in_container "docker-$other.scope" other
stop
check "all but one" "$(recorded)" "other "
done_testing
