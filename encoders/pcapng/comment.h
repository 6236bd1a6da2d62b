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

/* The comment of the SYN with which the conversation of ev begins: the process, and the real ends
 * of the connection. Writes to `to`, which has PCAPNG_COMMENT_MAX bytes; returns how many. */
size_t pcapng_comment_syn(char *to, const struct event *ev, const struct pcapng_comment *about);

/* The comment of the first packet for bytes that nobody saw. */
extern const struct bytes pcapng_comment_unseen;
