/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/base/parse.h"
#include "kern/events.h"
#include "probes/core/filter.h"

enum {
	FILTER_PATH = 4096,
	CONTAINER_MIN = 6
};

/* The key of an entry, as its map has it. */
union filter_key {
	uint32_t number;
	uint64_t id;
	char comm[REC_COMM];
};

typedef int (*filter_parse_fn)(const char *text, const char *option, union filter_key *ret,
			       struct err *err);

static int filter_pid(const char *text, const char *option, union filter_key *ret, struct err *err)
{
	char path[32];
	uint32_t pid;

	if (parse_u32(text, &pid) || !pid)
		return errf(err, -EINVAL, "%s: '%s' is no process id", option, text);
	snprintf(path, sizeof(path), "/proc/%u", pid);
	if (access(path, F_OK))
		return errf(err, -EINVAL, "%s: there is no process %u", option, pid);
	ret->number = pid;
	return 0;
}

static int filter_uid(const char *text, const char *option, union filter_key *ret, struct err *err)
{
	const struct passwd *user;

	if (!parse_u32(text, &ret->number))
		return 0;
	user = getpwnam(text);
	if (!user)
		return errf(err, -EINVAL, "%s: '%s' is neither a number nor a user", option, text);
	ret->number = user->pw_uid;
	return 0;
}

static int filter_comm(const char *text, const char *option, union filter_key *ret, struct err *err)
{
	if (!*text || strlen(text) >= REC_COMM)
		return errf(err, -EINVAL, "%s: '%s': a process name has 1 to %d bytes", option,
			    text, REC_COMM - 1);
	strncpy(ret->comm, text, REC_COMM);
	return 0;
}

int core_filter_cgroup_root(char *ret, size_t size)
{
	CLEANUP_FCLOSE FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[FILTER_PATH + 512], point[FILTER_PATH];

	while (f && fgets(line, sizeof(line), f)) {
		if (!strstr(line, " - cgroup2 ") ||
		    sscanf(line, "%*s %*s %*s %*s %4095s", point) != 1 || strlen(point) >= size)
			continue;
		snprintf(ret, size, "%s", point);
		return 0;
	}
	return -ENOENT;
}

/* A path, with or without the mount point before it, or the number that the kernel gives it. */
static int filter_cgroup(const char *text, const char *option, union filter_key *ret,
			 struct err *err)
{
	char root[FILTER_PATH], path[2 * FILTER_PATH + 2];
	struct stat st;
	size_t n;

	if (!parse_u64(text, &ret->id))
		return 0;
	if (core_filter_cgroup_root(root, sizeof(root)))
		return errf(err, -EINVAL, "%s: no cgroup2 hierarchy is mounted here", option);
	n = strlen(root);
	if (!strncmp(text, root, n) && (text[n] == '/' || !text[n]))
		snprintf(path, sizeof(path), "%s", text);
	else
		snprintf(path, sizeof(path), "%s/%s", root, text);
	if (!*text || stat(path, &st) || !S_ISDIR(st.st_mode))
		return errf(err, -EINVAL, "%s: there is no cgroup '%s' below '%s'", option, text,
			    root);
	ret->id = st.st_ino;
	return 0;
}

static const struct filter_row {
	const char *option, *map;
	size_t list; /* offset in struct core_filters */
	enum filter_dim dim;
	filter_parse_fn parse;
} filter_rows[] = {
	{"--pid", "pids", offsetof(struct core_filters, pid), FILTER_PROCESS, filter_pid},
	{"--tree", "tree", offsetof(struct core_filters, tree), FILTER_PROCESS, filter_pid},
	{"--uid", "uids", offsetof(struct core_filters, uid), FILTER_UID, filter_uid},
	{"--comm", "comms", offsetof(struct core_filters, comm), FILTER_COMM, filter_comm},
	{"--cgroup", "cgroups", offsetof(struct core_filters, cgroup), FILTER_CGROUP,
	 filter_cgroup},
};
enum {
	FILTER_ROWS = sizeof(filter_rows) / sizeof(filter_rows[0])
};

static const struct opt_list *filter_list(const struct filter_row *row,
					  const struct core_filters *filters)
{
	return (const struct opt_list *)((const char *)filters + row->list);
}

static uint32_t filter_bit(const char **text)
{
	if (**text != '!')
		return FILTER_INCLUDE;
	++*text;
	return FILTER_EXCLUDE;
}

/* The beginning of a container id into ret, lower case. */
static int filter_container(const char *text, char ret[FILTER_CONTAINER_ID], uint32_t *ret_len,
			    struct err *err)
{
	size_t n = strlen(text);

	if (n < CONTAINER_MIN || n > FILTER_CONTAINER_ID ||
	    strspn(text, "0123456789abcdefABCDEF") != n)
		return errf(err, -EINVAL,
			    "--container: '%s' is no container id (%d to %d hex digits)", text,
			    CONTAINER_MIN, FILTER_CONTAINER_ID);
	for (size_t i = 0; i < n; i++)
		ret[i] = tolower((unsigned char)text[i]);
	*ret_len = n;
	return 0;
}

/* Fills what the kernel matches new cgroups with. */
static int filter_containers(const struct opt_list *list, struct ctl *ctl, struct err *err)
{
	if (list->n > FILTER_CONTAINER_MAX)
		return errf(err, -EINVAL, "--container: at most %d at a time",
			    FILTER_CONTAINER_MAX);
	for (unsigned i = 0; i < list->n; i++) {
		const char *text = list->v[i];
		uint32_t bit = filter_bit(&text);
		int ret = filter_container(text, ctl->container[i].id, &ctl->container[i].len, err);

		if (ret)
			return ret;
		ctl->container[i].bits = bit;
		ctl->filter[FILTER_CGROUP] |= bit;
	}
	ctl->containers = list->n;
	return 0;
}

static int filter_put(int map, const void *key, uint32_t bits, struct err *err)
{
	uint32_t old = 0;
	int ret;

	if (!bpf_map_lookup_elem(map, key, &old))
		bits |= old;
	ret = bpf_map_update_elem(map, key, &bits, BPF_ANY);
	return ret ? errf(err, ret, "filters: cannot add one more: %s", strerror(-ret)) : 0;
}

/* Every value of every list; core NULL: only looks whether they make sense. */
static int filter_walk(const struct core_filters *filters, const struct bpf_object *core,
		       struct ctl *ctl, struct err *err)
{
	for (unsigned r = 0; r < FILTER_ROWS; r++) {
		const struct filter_row *row = &filter_rows[r];
		const struct opt_list *list = filter_list(row, filters);

		for (unsigned i = 0; i < list->n; i++) {
			const char *text = list->v[i];
			uint32_t bit = filter_bit(&text);
			union filter_key key = {0};
			int ret = row->parse(text, row->option, &key, err);

			if (!ret && core)
				ret = filter_put(bpf_object__find_map_fd_by_name(core, row->map),
						 &key, bit, err);
			if (ret)
				return ret;
			ctl->filter[row->dim] |= bit;
		}
	}
	return filter_containers(&filters->container, ctl, err);
}

int core_filter_check(const struct core_filters *filters, struct err *err)
{
	struct ctl ctl = {0};

	return filter_walk(filters, NULL, &ctl, err);
}

int core_filter_apply(const struct core_filters *filters, const struct bpf_object *core,
		      struct err *err)
{
	const uint32_t zero = 0, command = filters->command;
	struct ctl ctl = {0};
	int ret = filter_walk(filters, core, &ctl, err);

	if (!ret && command) {
		ret = filter_put(bpf_object__find_map_fd_by_name(core, "tree"), &command,
				 FILTER_INCLUDE, err);
		ctl.filter[FILTER_PROCESS] |= FILTER_INCLUDE;
	}
	if (ret)
		return ret;
	ret = bpf_map_update_elem(bpf_object__find_map_fd_by_name(core, "ctl"), &zero, &ctl,
				  BPF_ANY);
	return ret ? errf(err, ret, "filters: %s", strerror(-ret)) : 0;
}

/* ---- what was there before us ------------------------------------------------------------- */

static int filter_parent(const char *pid, uint32_t *ret)
{
	char path[300], text[512];
	const char *end;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	CLEANUP_FCLOSE FILE *f = fopen(path, "re");
	if (!f)
		return -ESRCH;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	end = strrchr(text, ')'); /* a process name may contain anything */
	return end && sscanf(end + 1, " %*c %u", ret) == 1 ? 0 : -ESRCH;
}

/* One pass over /proc: children of members become members. Returns how many were new. */
static int filter_tree_pass(int tree, struct err *err)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int added = 0;

	if (!proc)
		return errf(err, -errno, "--tree: cannot read /proc: %s", strerror(errno));
	while (added >= 0 && (entry = readdir(proc))) {
		uint32_t pid, parent, bits = 0, own = 0;

		if (parse_u32(entry->d_name, &pid) || filter_parent(entry->d_name, &parent) ||
		    bpf_map_lookup_elem(tree, &parent, &bits))
			continue;
		bpf_map_lookup_elem(tree, &pid, &own);
		if ((own | bits) == own)
			continue;
		added = filter_put(tree, &pid, bits, err) ? -ENOSPC : added + 1;
	}
	closedir(proc);
	return added;
}

/* "docker-<64 digits>.scope", "cri-containerd-…", or the digits alone. */
static bool filter_names_container(const char *name, const char *id, size_t len)
{
	const char *dash = strrchr(name, '-'), *digits = dash ? dash + 1 : name;
	size_t n = strspn(digits, "0123456789abcdef");

	return n == FILTER_CONTAINER_ID && (!digits[n] || digits[n] == '.') &&
	       !strncmp(digits, id, len);
}

static int filter_cgroup_entry(const FTSENT *entry, const struct ctl *ctl, int cgroups,
			       struct err *err)
{
	uint64_t id = entry->fts_statp->st_ino;

	for (uint32_t i = 0; i < ctl->containers; i++) {
		int ret;

		if (!filter_names_container(entry->fts_name, ctl->container[i].id,
					    ctl->container[i].len))
			continue;
		ret = filter_put(cgroups, &id, ctl->container[i].bits, err);
		if (ret)
			return ret;
	}
	return 0;
}

static int filter_running_containers(const struct core_filters *filters, int cgroups,
				     struct err *err)
{
	struct ctl ctl = {0};
	char root[FILTER_PATH], *const paths[] = {root, NULL};
	int ret = filter_containers(&filters->container, &ctl, err);
	FTSENT *entry;
	FTS *fts;

	if (ret)
		return ret;
	if (core_filter_cgroup_root(root, sizeof(root)))
		return errf(err, -EOPNOTSUPP, "--container: no cgroup2 hierarchy is mounted here");
	fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (!fts)
		return errf(err, -errno, "--container: '%s': %s", root, strerror(errno));
	while (!ret && (entry = fts_read(fts)))
		if (entry->fts_info == FTS_D)
			ret = filter_cgroup_entry(entry, &ctl, cgroups, err);
	fts_close(fts);
	return ret;
}

int core_filter_complete(const struct core_filters *filters, const struct bpf_object *core,
			 struct err *err)
{
	int ret = filters->tree.n || filters->command;

	while (ret > 0)
		ret = filter_tree_pass(bpf_object__find_map_fd_by_name(core, "tree"), err);
	if (!ret && filters->container.n)
		ret = filter_running_containers(
			filters, bpf_object__find_map_fd_by_name(core, "cgroups"), err);
	return ret;
}
