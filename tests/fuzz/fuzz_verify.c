/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a file: verify comes to an end, and what it calls right can be summed up. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/archive/summary.h"
#include "capture/archive/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void take_missing(const struct verify_missing *m, void *arg)
{
	if (!m->n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);
	struct verify_report report;
	struct summary *summary;
	struct verify *v;
	struct err err;
	char path[64];
	int r;

	if (fd < 0 || write(fd, data, n) != (ssize_t)n || verify_new(&v, &err) < 0 ||
	    summary_new(&summary, &err) < 0)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	verify_file(v, path, &report);
	verify_runs(v, take_missing, NULL);
	verify_free(v);
	r = summary_add(summary, path, &err);
	if (report.state == VERIFY_OK && (r < 0 || summary_totals(summary)->unfinished))
		abort();
	if (report.state != VERIFY_OK && !report.why.text[0])
		abort();
	summary_free(summary);
	close(fd);
	return 0;
}
