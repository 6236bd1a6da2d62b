/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A window of OTLP requests: parcels that follow each other go into a request, requests are sent
 * several at once and answered in any order, and parcels are reported as done in theirs. What a
 * collector does not take for now is sent again until it does.
 */
#include "capture/sink.h"
#include "sinks/otlp_http.h"

enum {
	OTLP_REQUESTS_MOST = 16,
	OTLP_REQUESTS_RESOURCE = 128 * 1024, /* most that opening bytes are */
};

struct otlp_part {
	struct bytes bytes;
	uint64_t number;
	uint32_t records;
};

enum otlp_request_state {
	OTLP_REQUEST_OPEN,  /* the last one only: takes more parcels */
	OTLP_REQUEST_READY, /* to be sent when that is allowed */
	OTLP_REQUEST_SENT,
	OTLP_REQUEST_OVER, /* answered for good */
};

struct otlp_request {
	enum otlp_request_state state;
	struct otlp_transfer transfer;
	uint8_t *resource; /* OTLP_REQUESTS_RESOURCE bytes */
	size_t resource_n;
	struct otlp_part parts[OTLP_BODY_PARTS];
	unsigned parts_n;
	unsigned from, to; /* those that the present body has: all, unless that was too large */
	size_t bytes;      /* of all parts */
	bool made, packed; /* there is a body, and it is compressed */
};

struct otlp_requests {
	struct otlp_http *http;
	const struct sink_env *env;
	z_stream z;
	bool packs;
	struct otlp_request
		*v; /* a ring of `size` requests, of which `n` are in use from `first` on */
	unsigned size, first, n;
	uint8_t *resource; /* of the parcels that come now */
	size_t resource_n;
	unsigned failures;            /* in a row */
	int64_t failed_ms, resume_ms; /* since when; nothing is sent before */
	uint64_t seed;                /* of the jitter */
	uint64_t refused;             /* events */
	int trouble; /* the last answer, or what came in its place: 0 = success, -EBADMSG = it
		      * refuses something; the rest is tried again: -EAGAIN = it asks for that */
	char why[ADDRESS_TEXT + 300];    /* the last trouble */
	char notice[ADDRESS_TEXT + 300]; /* what was said beside success; "" = nothing */
};

/* `size` of them at once. env is borrowed, http belongs to it from now on, also on failure. */
int otlp_requests_open(struct otlp_requests *q, struct otlp_http *http, unsigned size, bool packs,
		       const struct sink_env *env, struct err *err);
/* Accepts what was not opened. */
void otlp_requests_close(struct otlp_requests *q);
/* Forgets all of them, sent or not. */
void otlp_requests_reset(struct otlp_requests *q);
/* For the parcels from now on. */
void otlp_requests_resource(struct otlp_requests *q, struct bytes resource);
/* False: there is no room now. */
bool otlp_requests_add(struct otlp_requests *q, const struct parcel *parcel);
/* Nothing more is added to what is there. */
void otlp_requests_seal(struct otlp_requests *q);
/* Sends, receives, and reports to env what is done or refused. */
void otlp_requests_turn(struct otlp_requests *q);
void otlp_requests_wait(const struct otlp_requests *q, int *ret_fd, int *ret_timeout_ms);
