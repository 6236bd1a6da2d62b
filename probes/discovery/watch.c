/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probes/discovery/watch.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	WATCH_PAGES = 32,             /* of records per CPU, a power of two */
	WATCH_RECORD = PATH_MAX + 128 /* the largest MMAP2 record, with room */
};

struct watch_cpu {
	int fd;
	struct perf_event_mmap_page *head; /* NULL = this CPU is offline */
};

struct discovery_watch {
	int epoll_fd;
	size_t page;
	unsigned n;
	_Alignas(8) char record[WATCH_RECORD]; /* one that wraps around the end, put together */
	struct watch_cpu cpu[];
};

/* PERF_RECORD_MMAP2 without build id, as in linux/perf_event.h. */
struct watch_mmap {
	struct perf_event_header header;
	uint32_t pid, tid;
	uint64_t addr, len, pgoff;
	uint32_t major, minor;
	uint64_t ino, generation;
	uint32_t prot, flags;
	char path[];
};

/* PERF_RECORD_FORK, of processes and threads. */
struct watch_fork {
	struct perf_event_header header;
	uint32_t pid, ppid, tid, ptid;
	uint64_t time;
};

static int cpu_open(int cpu, bool forks)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.mmap = 1, /* executable ones only: mmap_data stays off */
		.mmap2 = 1,
		.task = forks,
		.watermark = 1,
		.wakeup_watermark = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static int cpu_watch(struct discovery_watch *w, int cpu, bool forks, struct err *err)
{
	struct watch_cpu *c = &w->cpu[cpu];
	struct epoll_event event = {.events = EPOLLIN};
	void *p;

	c->fd = cpu_open(cpu, forks);
	if (c->fd < 0 && errno == ENODEV)
		return 0;
	if (c->fd < 0)
		return errf(err, -errno, "cannot watch for new programs (perf event): %s",
			    strerror(errno));
	p = mmap(NULL, (1 + WATCH_PAGES) * w->page, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (p == MAP_FAILED)
		return errf(err, -errno, "cannot map a perf event: %s", strerror(errno));
	c->head = p;
	if (epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, c->fd, &event))
		return errf(err, -errno, "cannot wait for a perf event: %s", strerror(errno));
	return 0;
}

int discovery_watch_new(bool forks, struct discovery_watch **ret, struct err *err)
{
	int cpus = libbpf_num_possible_cpus(), r = 0;
	struct discovery_watch *w;

	if (cpus < 0)
		return errf(err, cpus, "cannot tell the number of CPUs: %s", strerror(-cpus));
	w = calloc(1, sizeof(*w) + (size_t)cpus * sizeof(w->cpu[0]));
	if (!w)
		return errf(err, -ENOMEM, "no memory to watch for new programs");
	w->page = (size_t)sysconf(_SC_PAGESIZE);
	w->n = (unsigned)cpus;
	for (unsigned i = 0; i < w->n; i++)
		w->cpu[i].fd = -1;
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll_fd < 0)
		r = errf(err, -errno, "cannot wait for new programs: %s", strerror(errno));
	for (int i = 0; !r && i < cpus; i++)
		r = cpu_watch(w, i, forks, err);
	if (r < 0) {
		discovery_watch_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void discovery_watch_free(struct discovery_watch *w)
{
	if (!w)
		return;
	for (unsigned i = 0; i < w->n; i++) {
		if (w->cpu[i].head)
			munmap(w->cpu[i].head, (1 + WATCH_PAGES) * w->page);
		if (w->cpu[i].fd >= 0)
			close(w->cpu[i].fd);
	}
	if (w->epoll_fd >= 0)
		close(w->epoll_fd);
	free(w);
}

int discovery_watch_fd(const struct discovery_watch *w)
{
	return w->epoll_fd;
}

/* The record at a position in whole; NULL when it is longer than any we asked for. */
static const struct perf_event_header *record_at(struct discovery_watch *w, const char *data,
						 uint64_t at)
{
	size_t size = WATCH_PAGES * w->page, offset = at & (size - 1);
	const struct perf_event_header *header = (const void *)(data + offset);

	/* Records are 8-byte multiples: the header itself never wraps. */
	if (offset + header->size <= size)
		return header;
	if (header->size > sizeof(w->record))
		return NULL;
	memcpy(w->record, data + offset, size - offset);
	memcpy(w->record + (size - offset), data, header->size - (size - offset));
	return (const void *)w->record;
}

static void mapping_hand_on(const struct watch_mmap *m, target_fn fn, void *arg)
{
	const struct target_mapping mapping = {
		.pid = (pid_t)m->pid,
		.lo = m->addr,
		.hi = m->addr + m->len,
		.major = m->major,
		.minor = m->minor,
		.ino = m->ino,
		.generation = m->generation,
		.path = m->path,
	};

	if (mapping.ino && mapping.path[0] == '/')
		fn(&mapping, arg);
}

static void fork_hand_on(const struct watch_fork *fork, target_fn fn, void *arg)
{
	if (fork->pid != fork->ppid)
		target_scan_process((pid_t)fork->pid, fn, arg);
}

static bool cpu_read(struct discovery_watch *w, struct perf_event_mmap_page *head, target_fn fn,
		     void *arg)
{
	const char *data = (const char *)head + w->page;
	uint64_t end = __atomic_load_n(&head->data_head, __ATOMIC_ACQUIRE);
	uint64_t at = head->data_tail;
	bool lost = false;

	while (at != end) {
		const struct perf_event_header *header = record_at(w, data, at);

		if (!header || !header->size) {
			lost = true;
			at = end;
			break;
		}
		lost |= header->type == PERF_RECORD_LOST;
		if (header->type == PERF_RECORD_MMAP2)
			mapping_hand_on((const void *)header, fn, arg);
		if (header->type == PERF_RECORD_FORK)
			fork_hand_on((const void *)header, fn, arg);
		at += header->size;
	}
	__atomic_store_n(&head->data_tail, at, __ATOMIC_RELEASE);
	return lost;
}

bool discovery_watch_read(struct discovery_watch *w, target_fn fn, void *arg)
{
	bool lost = false;

	for (unsigned i = 0; i < w->n; i++)
		if (w->cpu[i].head)
			lost |= cpu_read(w, w->cpu[i].head, fn, arg);
	return lost;
}
