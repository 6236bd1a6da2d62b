/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Events as systemd journal export blocks: what Wireshark shows as rows with time, text and typed
 * fields, without a plugin. MESSAGE is the readable line, _PID and its kin are the process, the
 * rest is PENSTOCK_*. Texts longer than the limits are cut (PENSTOCK_ROW_CUT=1): Wireshark dissects
 * no row above 256 KiB.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/event.h"

enum {
	PCAPNG_JOURNAL_TEXT = 64 * 1024, /* commands and arguments */
	PCAPNG_JOURNAL_NAME = 4 * 1024,  /* everything else */
	PCAPNG_JOURNAL_STATS = 512,      /* counters in one row */
};

/* The fields that all rows of a run share. */
struct pcapng_journal {
	uint8_t common[1024];
	size_t n;
};

void pcapng_journal_init(struct pcapng_journal *j, const struct run *run);
/* What the row of ev takes at most; *ret_cut tells whether some text will be cut. */
size_t pcapng_journal_room(const struct pcapng_journal *j, const struct event *ev, bool *ret_cut);
/* Appends the row at p, where pcapng_journal_room() bytes are free, and returns its end. */
uint8_t *pcapng_journal_row(const struct pcapng_journal *j, const struct event *ev, bool cut,
			    uint8_t *p);
