/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Plays delivery around the sink otlp, which sends parcels of the encoder to a collector of its own
 * (otlp_server.py): strict, and answering by a script. What goes wrong fails the test.
 */
#include <stdio.h>
#include <sys/types.h>

#include "capture/sink.h"
#include "tests/support/encoding.h"

enum {
	OTLP_RIG_PARCELS = 40,
	OTLP_RIG_EVENTS = 5, /* of each parcel; numbered from 1 on */
};

struct otlp_rig {
	const struct sink_ops *ops;
	void *ctx, *cfg;
	char options[512], target[64], log[256];
	struct sink_env env;
	struct encoding encoding;
	struct parcel parcels[OTLP_RIG_PARCELS];
	uint8_t *bytes[OTLP_RIG_PARCELS];
	uint64_t done, refused; /* the last number, and events */
	FILE *server;
	pid_t pid;
};

/* What the collector has to say in the end: events, and requests. */
struct otlp_rig_sum {
	unsigned accepted, twice, rejected, bad, requests;
};

/* A collector that answers so, as the target. */
void otlp_rig_start(struct otlp_rig *rig, const char *script);
/* Such a collector, the sink with options, and parcels of commands with so much text. */
void otlp_rig_open(struct otlp_rig *rig, const char *script, const char *options, size_t text);
/* As delivery waits for the sink. */
void otlp_rig_await(struct otlp_rig *rig, bool blocked);
void otlp_rig_put(struct otlp_rig *rig, const struct parcel *parcel);
void otlp_rig_put_opening(struct otlp_rig *rig);
/* The opening bytes and all parcels. */
void otlp_rig_put_all(struct otlp_rig *rig);
/* Until everything is done. */
void otlp_rig_sync(struct otlp_rig *rig);
struct otlp_rig_sum otlp_rig_close(struct otlp_rig *rig);
/* All of that. */
struct otlp_rig_sum otlp_rig_run(struct otlp_rig *rig, const char *script, const char *options,
				 size_t text);
/* The same with a copy of what the sink says of itself, and of its last trouble. */
struct otlp_rig_sum otlp_rig_run_and_say(struct otlp_rig *rig, const char *script, char *ret_state,
					 size_t size);
