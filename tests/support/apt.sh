# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Where this machine's apt gets Debian from: what else is fetched comes from the same place. Sourced.

# apt_uri SUITE: of the archive that has it; nothing, if apt is not told of one. Security updates have an archive of their own.
apt_uri() {
	local security=0

	[[ $1 != *-security ]] || security=1
	# shellcheck disable=SC2016 # apt's variables
	apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(CODENAME)' 'Created-By: Packages' |
		awk -v want="$security" '$2 == "Debian" && ($3 ~ /-security$/) == want && $3 !~ /-(updates|backports)$/ && !n++ { print $1 }'
}
