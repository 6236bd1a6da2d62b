/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A line of our JSON, taken apart: where each key belongs, and what its value is. The bodies stand
 * side by side, as the type may come after them.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/event.h"

enum {
	JSONL_COUNTERS = 4096, /* most of a line that are kept */
};

/* What an object or an array is about. */
enum jsonl_place {
	JSONL_OUTSIDE,
	JSONL_EVENT,
	JSONL_PROCESS,
	JSONL_EXEC,
	JSONL_EXIT,
	JSONL_SHELL,
	JSONL_SQL,
	JSONL_CONN,
	JSONL_DATA,
	JSONL_ATTACH,
	JSONL_LOSS,
	JSONL_STATS,
	JSONL_STREAM,
	JSONL_CLOCK,
	JSONL_PARENTS,
	JSONL_PARENT,
	JSONL_COUNTER_LIST,
	JSONL_COUNTER,
	JSONL_ARGV,
	JSONL_PARAMS,
	JSONL_FLAGS,
	JSONL_UNKNOWN,
	JSONL_PLACES
};

/* What a value becomes. */
enum jsonl_value {
	JSONL_NUMBER, /* unsigned, of the row's size; digits in quotes are a number too */
	JSONL_STATUS, /* int32_t */
	JSONL_BOOL,
	JSONL_BYTES,   /* struct bytes; base64 where the key says so */
	JSONL_NAME,    /* const char * */
	JSONL_HEX,     /* uint64_t */
	JSONL_ID,      /* 16 bytes in hex digits */
	JSONL_ADDRESS, /* 16 bytes and a family */
	JSONL_KIND,
	JSONL_DIRECTION,
	JSONL_ROLE,
	JSONL_PROTOCOL,
	JSONL_INSIDE, /* an object or an array that is a place of its own */
};

struct jsonl_row {
	struct bytes name;
	uint8_t value; /* enum jsonl_value */
	uint8_t size;
	uint8_t place; /* JSONL_INSIDE: which one */
	uint32_t offset;
	uint32_t has; /* of the bool that says that it was there; 0 = none does */
};

struct jsonl_line {
	uint32_t present; /* 1 << enum jsonl_place: what was there */
	struct event ev;
	bool has_kind;
	struct proc proc;
	struct flow flow;
	struct run run;
	struct event_exec exec;
	struct event_exit exit;
	struct event_line line;
	struct event_query query;
	struct event_data data;
	struct event_attach attach;
	struct event_loss loss;
	struct event_stats stats;
	struct proc parents[PROC_ANCESTORS];
	unsigned parents_n;
	struct event_counter counters[JSONL_COUNTERS];
};

/* The row of a key in that place; NULL = none of ours. *at is where in the place's rows the last
 * one was found: keys come in their order as a rule. *ret_base64: the key said so. */
const struct jsonl_row *jsonl_row_find(enum jsonl_place place, struct bytes key, unsigned *at,
				       bool *ret_base64);
