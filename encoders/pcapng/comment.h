/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The comments of packets: what of a connection does not show in made-up headers. */
#include "capture/event.h"

enum {
	PCAPNG_COMMENT_MAX = 512
};

struct pcapng_comment {
	bool client;    /* the process is the one that connected */
	bool made_up;   /* addresses in the packets are not the real ones */
	bool continued; /* the connection was written before, in another file */
};

/* Of a SYN: who, and its real ends. Writes to `to`, which has PCAPNG_COMMENT_MAX bytes; returns how
 * many. */
size_t pcapng_comment_syn(char *to, const struct event *ev, const struct pcapng_comment *about);

/* Of the first packet that has a head only. */
extern const struct bytes pcapng_comment_unseen;
