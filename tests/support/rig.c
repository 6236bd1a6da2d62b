/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <time.h>

#include "capture/ledger.h"
#include "tests/support/rig.h"

static const struct run rig_run = {.start_boot_ns = 1000};

struct event rig_line(struct bytes text, uint64_t time_ns)
{
	return (struct event){.kind = EVENT_LINE, .time_boot_ns = time_ns, .line = {.text = text}};
}

void rig_run_begins(struct output *o, const struct run *run)
{
	int r = output_run(o, run);

	if (!r)
		return;
	output_free(o); /* delivery uses the sink until then */
	fail_msg("output_run: %d", r);
}

struct output *rig_start(struct output_config cfg)
{
	struct output *o;
	struct err err = {""};

	assert_int_equal(output_new(&cfg, 0, &o, &err), 0);
	output_begin(o);
	rig_run_begins(o, &rig_run);
	return o;
}

void rig_finish(struct output *o)
{
	output_finish(o);
	assert_true(ledger_output_balanced(o, true));
}

void rig_send(struct output *o, const char *text)
{
	struct event ev = rig_line(bytes_of(text), 2000);

	output_event(o, &ev);
}

void rig_report(struct output *o, enum output_stat reason)
{
	struct event ev = {.kind = EVENT_LOSS, .time_boot_ns = 3000};

	assert_true(output_loss_due(o, reason, &ev.loss));
	output_report(o, reason, &ev);
}

uint64_t rig_stat(struct output *o, enum output_stat stat)
{
	uint64_t stats[OSTAT_MAX];

	output_stats(o, stats);
	return stats[stat];
}

void rig_await(struct output *o, enum output_stat stat, uint64_t least)
{
	for (int i = 0; i < 5000 && rig_stat(o, stat) < least; i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	assert_true(rig_stat(o, stat) >= least);
}

/* Until what is written arrives again. */
void rig_await_good(struct output *o)
{
	char text[256];

	for (int i = 0; i < 5000 && output_error(o, text, sizeof(text)); i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	assert_int_equal(output_error(o, text, sizeof(text)), 0);
}
