/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probes/discovery/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/base/log.h"
#include "capture/base/lru.h"
#include "capture/source/clock.h"
#include "probes/discovery/attach.h"
#include "probes/elf/file.h"

enum {
	SEEN_MAX = 16384
};

/* For that long a mapped file is believed to be what it was, so that not every mapping costs a
 * system call when thousands of processes start. */
#define TRUST_NS 1000000000ull

struct identity {
	uint64_t dev, ino, size;
	int64_t mtime_ns;
};

/* A file with hooks in it, or one process of a file whose processes have hooks of their own. */
struct target {
	struct target *next;
	struct identity id;
	pid_t pid; /* 0 = the file */
	uint8_t build_id[20];
	size_t build_id_len;
	bool overlay;
	bool mapped; /* found in the scan that is going on */
	int fd;
	struct discovery_hooks hooks[]; /* by probe of the configuration */
};

/* A file as mappings name it, or one process of it. */
struct seen {
	struct seen_key {
		uint32_t major, minor;
		uint64_t ino, pid;
	} key;
	uint64_t generation; /* 0 = not known */
	uint64_t checked_ns;
	struct identity id;
	struct target *target; /* NULL = of no interest */
};

struct discovery_files {
	struct discovery_reporter reporter;
	struct lru *seen;
	struct target *targets;
	bool by_process;
	unsigned n;
	struct discovery_slots slots[];
};

/* ---- life --------------------------------------------------------------------------------- */

static int files_make_attacher(struct discovery_files *f, struct err *err)
{
	CLEANUP_FREE struct attach_probe *probes = calloc(f->n + 1, sizeof(*probes));

	if (!probes)
		return errf(err, -ENOMEM, "no memory for attaching");
	for (unsigned i = 0; i < f->n; i++) {
		const struct discovery_probe *p = f->slots[i].probe;

		probes[i] = (struct attach_probe){p->number, p->ops->hooks, p->ops->object(p->ctx)};
	}
	return attach_new(probes, f->n, &f->reporter.attacher, err);
}

int discovery_files_new(const struct discovery_config *cfg, struct discovery_files **ret,
			struct err *err)
{
	struct discovery_files *f = calloc(1, sizeof(*f) + cfg->n * sizeof(f->slots[0]));
	int r = 0;

	if (f)
		f->seen = lru_new(SEEN_MAX, sizeof(struct seen), sizeof(struct seen_key));
	if (!f || !f->seen) {
		free(f);
		return errf(err, -ENOMEM, "no memory for the table of files");
	}
	f->by_process = cfg->by_process;
	f->reporter.fn = cfg->report;
	f->reporter.arg = cfg->arg;
	for (unsigned i = 0; i < cfg->n && !r; i++) {
		f->slots[f->n].probe = &cfg->probes[i];
		r = discovery_slots_init(&f->slots[f->n++], err);
	}
	if (!r)
		r = files_make_attacher(f, err);
	if (r < 0) {
		discovery_files_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

/* Detaches a target and forgets it; whatever named it will be looked at again. */
static void files_drop(struct discovery_files *f, struct target **at)
{
	struct target *t = *at;

	*at = t->next;
	for (struct seen *s = lru_oldest(f->seen); s; s = lru_newer(f->seen, s)) {
		if (s->target != t)
			continue;
		s->target = NULL;
		s->id = (struct identity){0};
		s->checked_ns = 0;
	}
	for (unsigned i = 0; i < f->n; i++)
		discovery_detach(&f->reporter, &f->slots[i], &t->hooks[i]);
	close(t->fd);
	free(t);
}

void discovery_files_free(struct discovery_files *f)
{
	if (!f)
		return;
	/* All at once, before the targets are let go one by one. */
	if (f->reporter.attacher)
		attacher_detach_all(f->reporter.attacher);
	while (f->targets)
		files_drop(f, &f->targets);
	attach_free(f->reporter.attacher);
	for (unsigned i = 0; i < f->n; i++)
		discovery_slots_done(&f->slots[i]);
	lru_free(f->seen);
	free(f);
}

/* ---- identity ----------------------------------------------------------------------------- */

static int identity_read(int fd, struct identity *ret)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	*ret = (struct identity){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
	};
	return 0;
}

static bool identity_on_overlay(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type == OVERLAYFS_SUPER_MAGIC;
}

static bool identity_same(const struct target *t, const struct target *other)
{
	if (t->id.ino != other->id.ino || t->id.size != other->id.size || t->pid != other->pid)
		return false;
	if (t->id.dev == other->id.dev)
		return t->id.mtime_ns == other->id.mtime_ns;
	return (t->overlay || other->overlay) && t->build_id_len &&
	       t->build_id_len == other->build_id_len &&
	       !memcmp(t->build_id, other->build_id, t->build_id_len);
}

static struct target *files_find_same(struct discovery_files *f, const struct target *wanted)
{
	for (struct target *t = f->targets; t; t = t->next)
		if (identity_same(t, wanted))
			return t;
	return NULL;
}

/* A file that was written to since: its hooks may sit in the middle of instructions now. */
static void files_drop_overwritten(struct discovery_files *f, const struct identity *id)
{
	for (struct target **at = &f->targets; *at;) {
		struct target *t = *at;

		if (t->id.dev == id->dev && t->id.ino == id->ino &&
		    (t->id.size != id->size || t->id.mtime_ns != id->mtime_ns))
			files_drop(f, at);
		else
			at = &t->next;
	}
}

/* ---- inspecting --------------------------------------------------------------------------- */

/* Attaches a plan in one process, unless that has a seccomp filter and would not survive it. */
static void files_attach_process(struct discovery_files *f, struct discovery_slots *slots,
				 const struct discovery_place *place, const struct probe_plan *plan,
				 struct discovery_hooks *ret)
{
	int filtered = target_filtered(place->pid);

	if (filtered > 0)
		discovery_attach_spared(&f->reporter, slots->probe, place);
	else if (!filtered)
		discovery_attach(&f->reporter, slots, place, plan, ret);
}

/* Asks one probe and attaches what it wants, be it in every process or process by process. */
static void files_inspect(struct discovery_files *f, unsigned index, const struct elf_file *elf,
			  const struct discovery_place *place, struct discovery_hooks *ret)
{
	struct discovery_slots *slots = &f->slots[index];
	const struct discovery_probe *probe = slots->probe;
	struct probe_plan plan;
	struct err err = {""};
	bool returns = false;
	int r;

	memset(&plan, 0, sizeof(plan));
	r = probe->ops->inspect(probe->cfg, elf, &plan, &err);
	for (unsigned i = 0; i < plan.n; i++)
		returns |= probe->ops->hooks[plan.v[i].hook].ret;
	if (place->only && returns && !r)
		files_attach_process(f, slots, place, &plan, ret);
	else if (place->only)
		return; /* has been seen to for the whole file */
	else if (r < 0)
		discovery_attach_refused(&f->reporter, slots, place, r, &err);
	else if (f->by_process && returns)
		ret->by_process = true;
	else if (plan.n)
		discovery_attach(&f->reporter, slots, place, &plan, ret);
}

/* Every probe's word on a file that is open in place->fd, which is taken over. *ret: NULL = nobody
 * wants it. */
static int files_look_at(struct discovery_files *f, const struct discovery_place *place,
			 const struct identity *id, struct target **ret, struct err *err)
{
	struct target *t = calloc(1, sizeof(*t) + f->n * sizeof(t->hooks[0])), *known = NULL;
	struct elf_file *elf = NULL;
	bool wanted = place->only; /* a process is remembered also when it is refused */

	if (!t) {
		close(place->fd);
		return errf(err, -ENOMEM, "no memory for '%s'", place->path);
	}
	t->id = *id;
	t->pid = place->only ? place->pid : 0;
	t->fd = place->fd;
	t->mapped = true;
	if (!elf_file_open(place->fd, place->path, &elf, err)) {
		t->overlay = identity_on_overlay(place->fd);
		t->build_id_len = elf_file_build_id(elf, t->build_id);
		known = files_find_same(f, t);
		for (unsigned i = 0; !known && i < f->n; i++) {
			files_inspect(f, i, elf, place, &t->hooks[i]);
			wanted |= t->hooks[i].n || t->hooks[i].by_process;
		}
		elf_file_close(elf);
	}
	if (wanted && !known) {
		t->next = f->targets;
		f->targets = *ret = t;
		return 0;
	}
	close(place->fd);
	free(t);
	*ret = known;
	return 0;
}

/* ---- mappings ----------------------------------------------------------------------------- */

static bool seen_is_trusted(const struct seen *s, const struct target_mapping *m, uint64_t now)
{
	return s->checked_ns && now - s->checked_ns < TRUST_NS &&
	       (!m->generation || m->generation == s->generation);
}

/* Opens what is mapped and finds out whether it is what it was; looks at it if not. */
static bool files_check(struct discovery_files *f, struct seen *s, const struct target_mapping *m)
{
	struct discovery_place place = {.path = m->path, .pid = m->pid, .only = s->key.pid};
	struct target *known = f->targets;
	struct identity id;
	struct err err;

	place.fd = target_open(m, &err);
	if (place.fd < 0) {
		log_line(LOG_LEVEL_DEBUG, "%s", err.text);
		return false;
	}
	if (identity_read(place.fd, &id) || !memcmp(&id, &s->id, sizeof(id))) {
		close(place.fd);
	} else {
		files_drop_overwritten(f, &id);
		known = f->targets;
		s->target = NULL;
		if (!files_look_at(f, &place, &id, &s->target, NULL)) /* else again the next time */
			s->id = id;
	}
	s->generation = m->generation;
	return f->targets != known;
}

/* A file, or one process of it; true when there is a new target. */
static bool files_see(struct discovery_files *f, const struct target_mapping *m, pid_t pid,
		      const struct target **ret)
{
	const struct seen_key key = {m->major, m->minor, m->ino, (uint64_t)pid};
	struct seen *s = lru_put(f->seen, &key, NULL);
	uint64_t now = clock_boot_ns();
	bool attached = false;

	if (!seen_is_trusted(s, m, now)) {
		attached = files_check(f, s, m);
		s->checked_ns = s->id.ino ? now : 0;
	}
	if (s->target)
		s->target->mapped = true;
	*ret = s->target;
	return attached;
}

static bool target_by_process(const struct discovery_files *f, const struct target *t)
{
	bool any = false;

	for (unsigned i = 0; t && i < f->n; i++)
		any |= t->hooks[i].by_process;
	return any;
}

bool discovery_files_mapped(struct discovery_files *f, const struct target_mapping *m)
{
	const struct target *t;
	bool attached = files_see(f, m, 0, &t);

	if (target_by_process(f, t))
		attached |= files_see(f, m, m->pid, &t);
	return attached;
}

static int files_mark_mapped(const struct target_mapping *mapping, void *arg)
{
	discovery_files_mapped(arg, mapping);
	return 0;
}

int discovery_files_scan(struct discovery_files *f, struct err *err)
{
	struct stat st;
	int r;

	for (struct target *t = f->targets; t; t = t->next)
		t->mapped = false;
	r = target_scan(files_mark_mapped, f);
	if (r < 0)
		return errf(err, r, "cannot read /proc: %s", strerror(-r));
	for (struct target **at = &f->targets; *at;) {
		struct target *t = *at;

		if (!t->mapped && (t->pid || (!fstat(t->fd, &st) && !st.st_nlink)))
			files_drop(f, at);
		else
			at = &t->next;
	}
	return 0;
}

/* ---- named files and the verdict ---------------------------------------------------------- */

int discovery_files_named(struct discovery_files *f, unsigned index, const char *path,
			  struct err *err)
{
	struct discovery_slots *slots = &f->slots[index];
	const struct probe_ops *ops = slots->probe->ops;
	unsigned failed = slots->found - slots->attached;
	struct err why = {""};
	struct identity id;
	struct target *t = NULL;
	struct discovery_place place = {open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), path};

	if (place.fd < 0 || identity_read(place.fd, &id)) {
		int code = -errno;

		if (place.fd >= 0)
			close(place.fd);
		return errf(err, code, "%s: cannot open '%s': %s", ops->name, path,
			    strerror(-code));
	}
	if (files_look_at(f, &place, &id, &t, &why))
		return errf(err, -ENOMEM, "%s: %s", ops->name, why.text);
	if (t && (t->hooks[index].n || t->hooks[index].by_process))
		return 0;
	if (slots->found - slots->attached > failed)
		return errf(err, slots->code, "%s", slots->err.text);
	if (why.text[0])
		return errf(err, -ENOEXEC, "%s: %s", ops->name, why.text);
	return errf(err, -ENOEXEC, "%s: '%s' is no target (needs %s)", ops->name, path, ops->needs);
}

int discovery_files_verdict(const struct discovery_files *f, struct err *err)
{
	for (unsigned i = 0; i < f->n; i++) {
		const struct discovery_slots *slots = &f->slots[i];

		if (slots->found && !slots->attached)
			return errf(err, slots->code, "%s", slots->err.text);
	}
	return 0;
}
