/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded in front of a test program (LD_PRELOAD): counts allocations, and fails one of them.
 *
 *   ALLOC_FAIL=site:n  the n-th allocation made at that address of the program itself returns NULL
 * (by site: which allocation is the n-th of all depends on time where threads and sockets are).
 * Those that libraries make for it (cmocka, libbpf, libc's stdio) are left alone: whether they bear
 * it is not ours to test. ALLOC_REPORT=f  at exit f gets two numbers, allocations by the program
 * and by anybody, then the site of each of the program's.
 *
 * Overrides the real names, so it keeps a file of its own and includes nothing of penstock's.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);

enum {
	SITES = 1 << 20
};

static uintptr_t base, text_start, text_end; /* of the program */
static uint32_t sites[SITES];
static atomic_ulong own, all, at_site;
static unsigned long fail_at;
static uint32_t fail_site;
static const char *report;

static int find_text(struct dl_phdr_info *info, size_t size, void *arg)
{
	base = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];

		if (h->p_type == PT_LOAD && (h->p_flags & PF_X)) {
			text_start = base + h->p_vaddr;
			text_end = text_start + h->p_memsz;
		}
	}
	return 1; /* the first object is the program */
}

__attribute__((constructor)) static void begin(void)
{
	const char *which = getenv("ALLOC_FAIL");
	char *n = NULL;

	dl_iterate_phdr(find_text, NULL);
	own = all = 0;
	fail_site = which ? (uint32_t)strtoul(which, &n, 16) : 0;
	fail_at = n && *n == ':' ? strtoul(n + 1, NULL, 10) : 0;
	report = getenv("ALLOC_REPORT");
	unsetenv("LD_PRELOAD"); /* what the program starts is left alone */
}

__attribute__((destructor)) static void end(void)
{
	unsigned long counts[2] = {own, all};
	FILE *f = report ? fopen(report, "w") : NULL;

	if (!f)
		return;
	fprintf(f, "%lu %lu\n", counts[0], counts[1]);
	for (unsigned long i = 0; i < counts[0] && i < SITES; i++)
		fprintf(f, "%#x\n", sites[i]);
	fclose(f);
}

static int fails(const void *caller)
{
	unsigned long n;
	uint32_t site;

	all++;
	if ((uintptr_t)caller < text_start || (uintptr_t)caller >= text_end)
		return 0;
	n = ++own;
	site = (uint32_t)((uintptr_t)caller - base - 1); /* in the call, not behind it */
	if (n <= SITES)
		sites[n - 1] = site;
	if (site != fail_site || ++at_site != fail_at)
		return 0;
	errno = ENOMEM;
	return 1;
}

#define FAILS fails(__builtin_return_address(0))

void *malloc(size_t n)
{
	return FAILS ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return FAILS ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return FAILS ? NULL : __libc_realloc(p, n);
}

void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return FAILS ? NULL : __libc_realloc(p, bytes);
}

void *aligned_alloc(size_t align, size_t n)
{
	return FAILS ? NULL : __libc_memalign(align, n);
}

int posix_memalign(void **ret, size_t align, size_t n)
{
	void *p = FAILS ? NULL : __libc_memalign(align, n);

	if (!p)
		return ENOMEM;
	*ret = p;
	return 0;
}

char *strndup(const char *text, size_t n)
{
	size_t len = strnlen(text, n);
	char *copy = FAILS ? NULL : __libc_malloc(len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = FAILS ? NULL : __libc_malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

/* Pools and tables are mapped, not allocated. */
void *mmap(void *where, size_t n, int prot, int flags, int fd, off_t offset)
{
	static void *(*next)(void *, size_t, int, int, int, off_t);

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "mmap");
	if ((flags & MAP_ANONYMOUS) && FAILS)
		return MAP_FAILED;
	return next(where, n, prot, flags, fd, offset);
}
