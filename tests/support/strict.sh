# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Sourced by scripts that end where something fails: they say where, as the program that failed need not have said a word.
set -Eeuo pipefail

strict_say() { # STATUS LINE COMMAND; what is skipped (77) says so itself, and what a subshell meets is its parent's to judge
	[ "$BASH_SUBSHELL" != 0 ] || [ "$1" = 77 ] || echo "${BASH_SOURCE[1]##*/}, line $2: status $1: $3" >&2
}
trap 'strict_say $? "$LINENO" "$BASH_COMMAND"' ERR
