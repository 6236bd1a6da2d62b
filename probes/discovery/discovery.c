/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probes/discovery/discovery.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/base/log.h"
#include "probes/discovery/files.h"
#include "probes/discovery/libraries.h"
#include "probes/discovery/watch.h"
#include "probes/elf/file.h"
#include "probes/seccomp_check.h"

/* The first mapping is seen at once. Then mappings are collected for that long, so that a thousand
 * programs that start do not wake us a thousand times. */
enum {
	BATCH_MS = 2
};

struct discovery {
	struct discovery_config cfg;
	struct discovery_probe *probes; /* those with hooks: cfg's are these */
	struct discovery_files *files;
	struct discovery_watch *watch;
	int stop_fd;
	pthread_t thread;
	bool running;
	bool attached; /* by the batch in hand */
	sem_t started; /* the first look is over: code and err are set */
	int code;
	struct err err;
};

static int discovery_look_at_named(struct discovery *d, struct err *err)
{
	int r = 0;

	for (unsigned i = 0; !r && i < d->cfg.n; i++) {
		const struct discovery_probe *p = &d->cfg.probes[i];
		const struct opt_list *paths = p->ops->paths ? p->ops->paths(p->cfg) : NULL;

		for (unsigned k = 0; !r && paths && k < paths->n; k++)
			r = discovery_files_named(d->files, i, paths->v[k], err);
	}
	return r;
}

struct usual {
	struct discovery *d;
	unsigned index;
};

/* Looks at a library that the loader knows, or a program at a usual place. That one is no target is
 * no warning: nobody named it. */
static int discovery_look_at_usual(const char *path, void *arg)
{
	const struct usual *usual = arg;
	struct err err;

	if (discovery_files_named(usual->d->files, usual->index, path, &err))
		log_line(LOG_LEVEL_DEBUG, "%s", err.text);
	return 0;
}

static void discovery_look_at_libraries(struct discovery *d)
{
	for (unsigned i = 0; i < d->cfg.n; i++)
		if (d->cfg.probes[i].ops->library)
			libraries_find(LIBRARIES_CACHE, d->cfg.probes[i].ops->library,
				       discovery_look_at_usual, &(struct usual){d, i});
}

static void discovery_look_at_programs(struct discovery *d)
{
	for (unsigned i = 0; i < d->cfg.n; i++) {
		const char *const *pattern = d->cfg.probes[i].ops->programs;
		struct usual usual = {d, i};
		glob_t found;

		for (; pattern && *pattern; pattern++) {
			if (glob(*pattern, 0, NULL, &found) == 0)
				for (size_t k = 0; k < found.gl_pathc; k++)
					discovery_look_at_usual(found.gl_pathv[k], &usual);
			globfree(&found);
		}
	}
}

static int discovery_first_look(struct discovery *d, struct err *err)
{
	int r = discovery_look_at_named(d, err);

	discovery_look_at_libraries(d);
	discovery_look_at_programs(d);
	if (!r)
		r = discovery_files_scan(d->files, err);
	return r ? r : discovery_files_verdict(d->files, err);
}

static int discovery_see_mapping(const struct target_mapping *mapping, void *arg)
{
	struct discovery *d = arg;

	d->attached |= discovery_files_mapped(d->files, mapping);
	return 0;
}

/* Looks at what was mapped since the last time. In two cases everything is looked at then: when
 * records were lost, among which a target may have been, and when there is a new target, which may
 * have taken the place of one that can be let go. */
static void discovery_follow(struct discovery *d)
{
	struct err err;

	d->attached = false;
	if (!discovery_watch_read(d->watch, discovery_see_mapping, d) && !d->attached)
		return;
	if (discovery_files_scan(d->files, &err))
		log_line(LOG_LEVEL_WARNING, "%s", err.text);
}

static bool discovery_is_stopped(const struct discovery *d, int timeout_ms)
{
	struct pollfd fd = {d->stop_fd, POLLIN, 0};

	return poll(&fd, 1, timeout_ms) > 0;
}

static void *discovery_thread(void *arg)
{
	struct discovery *d = arg;
	struct pollfd fds[] = {{discovery_watch_fd(d->watch), POLLIN, 0}, {d->stop_fd, POLLIN, 0}};

	d->code = discovery_first_look(d, &d->err);
	sem_post(&d->started);
	if (d->code)
		return NULL;
	while (poll(fds, 2, -1) < 0 || !fds[1].revents) {
		discovery_follow(d);
		if (discovery_is_stopped(d, BATCH_MS))
			break;
	}
	return NULL;
}

/* Keeps the probes that have hooks in user space. The programs of the others are attached
 * elsewhere.
 */
static int discovery_keep_hooked(struct discovery *d, const struct discovery_config *cfg,
				 struct err *err)
{
	d->probes = calloc(cfg->n + 1, sizeof(*d->probes));
	if (!d->probes)
		return errf(err, -ENOMEM, "no memory for discovery");
	d->cfg = *cfg;
	d->cfg.probes = d->probes;
	d->cfg.n = 0;
	for (unsigned i = 0; i < cfg->n; i++)
		if (cfg->probes[i].ops->hooks)
			d->probes[d->cfg.n++] = cfg->probes[i];
	return 0;
}

static int discovery_run(struct discovery *d, struct err *err)
{
	int r = discovery_files_new(&d->cfg, &d->files, err);

	/* The watch comes before the first look, so that nothing falls in between. */
	if (!r)
		r = discovery_watch_new(d->cfg.by_process, &d->watch, err);
	if (r)
		return r;
	d->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (d->stop_fd < 0)
		return errf(err, -errno, "cannot start discovery: %s", strerror(errno));
	r = pthread_create(&d->thread, NULL, discovery_thread, d);
	if (r)
		return errf(err, -r, "cannot start discovery: %s", strerror(r));
	d->running = true;
	while (sem_wait(&d->started) && errno == EINTR)
		;
	return d->code ? errf(err, d->code, "%s", d->err.text) : 0;
}

bool discovery_by_process(const struct discovery_probe *probes, unsigned n)
{
	bool returns = false;
	struct err err = {""};
	int verdict;

	for (unsigned i = 0; i < n; i++)
		for (const struct probe_hook *h = probes[i].ops->hooks; h && h->symbol; h++)
			returns |= h->ret;
	verdict = returns ? seccomp_check(&err) : 0;
	if (verdict)
		log_line(LOG_LEVEL_WARNING,
			 "return probes are %s under seccomp on this kernel%s%s%s: each process is "
			 "attached by itself, and those with a filter are left out",
			 verdict > 0 ? "not safe" : "perhaps not safe", err.text[0] ? " (" : "",
			 err.text, err.text[0] ? ")" : "");
	return verdict;
}

/* Each hook of each process takes a descriptor. */
static void descriptors_raise_limit(void)
{
	struct rlimit files;

	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

int discovery_start(const struct discovery_config *cfg, struct discovery **ret, struct err *err)
{
	struct discovery *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return errf(err, -ENOMEM, "no memory for discovery");
	d->stop_fd = -1;
	sem_init(&d->started, 0, 0);
	if (cfg->by_process)
		descriptors_raise_limit();
	r = discovery_keep_hooked(d, cfg, err);
	if (!r && d->cfg.n)
		r = discovery_run(d, err);
	if (r) {
		discovery_stop(d);
		return r;
	}
	*ret = d;
	return 0;
}

void discovery_stop(struct discovery *d)
{
	uint64_t one = 1;

	if (!d)
		return;
	if (d->running) {
		while (write(d->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
		pthread_join(d->thread, NULL);
	}
	discovery_files_free(d->files);
	discovery_watch_free(d->watch);
	if (d->stop_fd >= 0)
		close(d->stop_fd);
	sem_destroy(&d->started);
	free(d->probes);
	free(d);
}

int discovery_inspect(const struct probe_ops *ops, const void *cfg, const char *path,
		      struct probe_plan *ret, struct err *err)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct probe_plan plan;
	struct elf_file *elf;
	int r;

	if (fd < 0)
		return errf(err, -errno, "cannot open '%s': %s", path, strerror(errno));
	r = elf_file_open(fd, path, &elf, err);
	if (r < 0)
		return r;
	memset(&plan, 0, sizeof(plan));
	r = ops->inspect(cfg, elf, &plan, err);
	elf_file_close(elf);
	if (r < 0)
		return r;
	*ret = plan;
	return 0;
}
