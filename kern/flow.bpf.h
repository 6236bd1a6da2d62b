/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * What is known of a connection's socket, for every CPU to see. Two threads may use one connection,
 * one reading and one writing, and a program on a user-space hook can be preempted anywhere. So
 * nobody may wait for a writer, and tracing programs may take no lock. Instead knowledge only
 * grows: at first there is none, then a socket that is assumed, then the right one. Each of the two
 * has a place of its own, which is written once, by who claims it first, and read only when it is
 * complete.
 */
#include "kern/common.bpf.h"

enum flow_known {
	FLOW_ASSUMED = 1,
	FLOW_EXACT = 2,
	FLOW_SELF = 4 /* times one of those: it is the other end of a socket of penstock's own */
};

/* All zero: nothing is known. */
struct flow_state {
	struct rec_flow flows[2]; /* as assumed, exact */
	__u32 claimed;            /* enum flow_known, bits: has its writer */
	__u32 known;              /* the same: is complete */
};

static __always_inline bool flow_is(const struct flow_state *s, enum flow_known what)
{
	return READ_ONCE(s->known) & what;
}

/* The best that is known; NULL = nothing. */
static __always_inline const struct rec_flow *flow_get(const struct flow_state *s)
{
	__u32 known = READ_ONCE(s->known), n = known / FLOW_EXACT;

	if (!known)
		return NULL;
	BARRIER(n); /* the address comes from what was read: no CPU reads the place before that */
	return &s->flows[n & 1];
}

/* Is the best that is known one of penstock's own? */
static __always_inline bool flow_is_self(const struct flow_state *s)
{
	__u32 known = READ_ONCE(s->known);

	return known & (known & FLOW_EXACT ? FLOW_EXACT * FLOW_SELF : FLOW_ASSUMED * FLOW_SELF);
}

/* Does nothing when somebody else has said it, or is about to. self: that socket is the other end
 * of one of penstock's own. */
static __always_inline void flow_set(struct flow_state *s, const enum flow_known what,
				     const struct rec_flow *flow, bool self)
{
	const __u32 bits = self ? what | what * FLOW_SELF : what;
	__u32 old = __sync_fetch_and_or(&s->claimed, what);

	if (old & what)
		return;
	s->flows[what / FLOW_EXACT] = *flow;
	/* The old value makes it a full barrier: see KEEP(). */
	old = __sync_fetch_and_or(&s->known, bits);
	KEEP(old);
}
