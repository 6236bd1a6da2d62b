/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One output into which streams are collected: what `-w` says, for one host where it has a
 * placeholder {host}. Several streams share it; each has a link to it, which knows how far it is.
 * What lies there of earlier times is never overwritten, and tells where to go on.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "capture/collect/position.h"
#include "capture/playback.h"
#include "capture/run/outputs.h"

enum {
	DEPOT_MARKS = 16,           /* outstanding at a time */
	DEPOT_MARK_BYTES = 1 << 20, /* received, after which one is due */
	DEPOT_HOST = 64,            /* most bytes of a host's name in names of files */
};

struct depot;

/* One stream in one store. */
struct depot_link {
	struct depot *depot;
	struct depot_link *next;   /* of the store's */
	struct playback *playback; /* NULL = nothing came since it was last wanted */
	struct run run;            /* its ids; no texts */
	uint64_t received;         /* the store has everything up to that event */
	uint64_t durable;          /* and up to that one it is safe */
	uint64_t noted;            /* what the store's positions say */
	struct depot_mark {
		uint64_t number, seq;
	} marks[DEPOT_MARKS +
		1]; /* the last one at the end; asked for and not answered, oldest first */
	unsigned marks_n;
	bool dirty; /* something was received since the last mark */
};

struct depot_config {
	const char *text; /* as the user wrote it */
	const char *host; /* in place of {host}, as depot_host() makes it; NULL = there is none */
	const struct user *user;
	bool insecure; /* as in struct outputs, both */
	uint64_t drain_ns;
	int wake_fd; /* an eventfd that is written when marks were answered */
};

struct depot {
	struct depot *next;
	char *text;             /* of -w, for this host */
	char host[DEPOT_HOST];  /* "" = for all */
	unsigned index;         /* of the -w that it is of */
	struct outputs outputs; /* just one */
	struct outputs_relay relay;
	const struct user *user;
	int wake_fd;
	int folder;               /* where its files lie; -1 = it has none that stay */
	char state[NAME_MAX + 1]; /* name of the file of positions */
	struct positions positions;
	bool changed; /* the file says less than that */
	int64_t saved_ms;
	struct depot_link *links;
	struct depot_link *current; /* whose run the output is in */
	uint64_t mark;              /* the last one that was asked for */
	uint64_t settled;           /* and that was taken notice of */
	uint64_t bytes;             /* received since */
	int64_t marked_ms;
	bool dirty;
	_Atomic uint64_t answered; /* by the delivery thread */
	atomic_bool broken;        /* something that was received is lost */
};

/* Does the text depend on the host? */
bool depot_has_host(const char *text);
/* The name of a host as a part of names of files: never empty, no slash, no leading dot. */
void depot_host(struct bytes name, char ret[DEPOT_HOST]);
/* Is that text right, and the folder there in which those of hosts are to be made, as far as can be
 * told without opening anything? -EINVAL with text; others of that folder. */
int depot_check(const struct opt_list *texts, bool insecure, struct err *err);
/* Opens it, makes its folders where {host} names them, reads what is there. */
int depot_open(const struct depot_config *cfg, struct depot **ret, struct err *err);
/* Everything that was received is written, and its positions. */
void depot_finish(struct depot *s);
void depot_free(struct depot *s);

/* The stream's link, made at first; run: with the ids of the stream. NULL: no memory. */
struct depot_link *depot_link(struct depot *s, const struct run *run);
/* Nothing of that stream will come for now; what is known of it is kept in the positions. */
void depot_link_free(struct depot_link *l);
/* Is there room for some more events without waiting? */
bool depot_has_room(const struct depot *s);
/* Takes an event of that stream, which came as so many bytes, unless the store has it: *ret_taken.
 * Negative as playback_event(). */
int depot_event(struct depot_link *l, const struct event *ev, size_t bytes, bool *ret_taken);

/* What was received is to become safe: asks for word of that if it is time, or `now`. */
void depot_mark(struct depot *s, int64_t now_ms, bool now);
/* Takes notice of what has become safe: did something? */
bool depot_settle(struct depot *s);
/* All that was received is safe. */
bool depot_is_safe(const struct depot *s);
/* Writes the positions, where that is due. */
void depot_save(struct depot *s, int64_t now_ms, bool now);
