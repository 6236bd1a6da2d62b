/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Discovery for real: copies of bash in a folder of the test, a probe that wants their readline(),
 * and lines typed into them. Needs root and eBPF.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <pthread.h>

#include "probes/discovery/discovery.h"
#include "tests/probes/discovery_test.h"
#include "tests/probes/discovery_test.skel.h"
#include "tests/support/shell.h"

enum {
	FIXTURE_REPORTS = 64,
	FIXTURE_PATIENCE_S = 20
};

extern const struct probe_ops fixture_probe; /* one hook: "uretprobe readline" */

struct fixture_report {
	char hook[64], target[PATH_MAX], note[96];
	uint64_t time_ns;
	uint32_t pid;
	int status;
};

/* What discovery_start() is given, and what has been reported since. */
extern struct fixture {
	struct discovery_test *bpf;
	struct fixture_cfg {
		const char *tag; /* only files whose path has this are targets */
		uint64_t shift;  /* added to the offset, so that attaching fails */
		struct opt_list paths;
	} cfg;
	struct discovery_probe probe;
	bool by_process;
	pthread_mutex_t lock; /* of the rest */
	pthread_cond_t more;
	struct fixture_report reports[FIXTURE_REPORTS];
	unsigned n;
} fixture;

/* Runs the tests and cleans up; what main() returns. */
int fixture_run(const char *name, const struct CMUnitTest *tests, size_t n);

int fixture_try(struct discovery **ret, struct err *err);
struct discovery *fixture_start(void);

/* Waits for the report on a target; on a target in that process. */
struct fixture_report fixture_report_of(const char *target);
struct fixture_report fixture_report_in(const char *target, pid_t pid);
unsigned fixture_reports(void);
/* Of the hook, so far. */
uint64_t fixture_all_calls(void);

void fixture_path(char *ret, const char *name); /* in its folder, up to PATH_MAX */
void fixture_copy_bash(const char *path);
struct shell fixture_copy_and_start(const char *name);
/* A line typed into s is seen by the hook. */
void fixture_assert_hooked(const struct shell *s);
