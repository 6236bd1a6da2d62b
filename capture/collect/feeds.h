/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* All streams that are received, and the stores that they go to: which belongs to which. */
#include "capture/collect/feed.h"

struct feeds_config {
	const struct opt_list *write; /* texts of -w */
	bool insecure;                /* outputs may send it on unencrypted */
	uint64_t drain_ns;            /* for outputs that are streams, at the end */
	unsigned hosts;               /* stores of one -w at a time, where it has {host} */
	const struct user *user;
	int wake_fd;
};

struct feeds {
	struct feeds_config cfg;
	struct feed *first;
	unsigned n;
	struct depot *depots;
	struct feeds_total { /* of streams that are forgotten */
		uint64_t feeds, events, duplicates, losses, missing;
	} past;
	bool broken; /* a store lost something that was received */
};

/* Opens the stores that all hosts share. feeds_close() is due in any case. */
int feeds_open(struct feeds *fs, const struct feeds_config *cfg, struct err *err);
void feeds_close(struct feeds *fs);
/* The stream that this run's description begins, for a peer of that name; its stores are opened
 * when it is the first of its host. -EACCES: it is somebody else's; -EMFILE: there are too many;
 * others: a store cannot be opened. */
int feeds_take(struct feeds *fs, const struct run *run, const char *owner, struct feed **ret,
	       struct err *err);

/* Now and then: asks for marks, takes notice of answers, writes positions, forgets what nobody
 * sends any more. True = something has become safe. */
bool feeds_turn(struct feeds *fs, int64_t now_ms, bool now);
/* When feeds_turn() is due, in milliseconds; -1 = not before something comes. */
int feeds_wait_ms(const struct feeds *fs);
/* All that was received is safe. */
bool feeds_are_safe(const struct feeds *fs);
/* The end: all stores are written to their ends. False: something of it is lost. */
bool feeds_finish(struct feeds *fs);
/* Each output that has files begins another one. */
void feeds_want_medium(struct feeds *fs);
