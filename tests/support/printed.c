/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/printed.h"

/* One of the two descriptors. */
struct printed {
	int fd, saved, file;
	char text[256 * 1024];
};

static struct printed printed[2] = {{.fd = STDOUT_FILENO}, {.fd = STDERR_FILENO}};

void printed_begin(void)
{
	fflush(stdout);
	for (struct printed *p = printed; p < printed + 2; p++) {
		p->file = memfd_create("printed", MFD_CLOEXEC);
		p->saved = dup(p->fd);
		assert_true(p->file >= 0 && p->saved >= 0);
		dup2(p->file, p->fd);
	}
}

void printed_end(void)
{
	fflush(stdout);
	for (struct printed *p = printed; p < printed + 2; p++) {
		dup2(p->saved, p->fd);
		close(p->saved);
	}
	for (struct printed *p = printed; p < printed + 2; p++) {
		ssize_t n = pread(p->file, p->text, sizeof(p->text), 0);

		close(p->file);
		assert_true(n >= 0 && (size_t)n < sizeof(p->text));
		p->text[n] = '\0';
	}
}

const char *printed_out(void)
{
	return printed[0].text;
}

const char *printed_err(void)
{
	return printed[1].text;
}
