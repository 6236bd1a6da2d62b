/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The probes of one run: selected by name, then taken through their life cycle together. */
#include <stdint.h>

#include "capture/probe.h"
#include "probes/core/core.h"
#include "probes/discovery/discovery.h"

enum {
	RECORD_PROBES_MAX = 64
};

struct record_config;

struct record_probes {
	unsigned n;
	struct record_probe {
		const struct probe_ops *ops;
		uint16_t number;
		const void *cfg; /* own_cfg, or the configuration's */
		void *own_cfg, *ctx;
		char *text; /* what cfg borrows from */
		struct probe_env env;
		bool started;
	} v[RECORD_PROBES_MAX];
	struct discovery_probe hooked[RECORD_PROBES_MAX]; /* those with user-space hooks */
	unsigned hooked_n;
};

/* The configuration's own probe, then those of -p NAME[,key=value...]. -EINVAL with one line, also
 * when there is none. record_probes_done() is due anyhow. */
int record_probes_select(const struct record_config *cfg, struct record_probes *ret,
			 struct err *err);
const struct record_probe *record_probes_find(const struct record_probes *p, const char *name);
/* Bit n: number n is among them. */
void record_probes_bits(const struct record_probes *p, uint64_t ret[4]);
int record_probes_initialize(struct record_probes *p, struct core *core, uint32_t max_payload,
			     struct err *err);
int record_probes_start(struct record_probes *p, struct err *err);
void record_probes_stop(struct record_probes *p);
void record_probes_done(struct record_probes *p);
