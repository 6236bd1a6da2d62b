/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The machine's clocks, as records: what the pipeline knows of time comes from here. */
#include <stdint.h>

#include "kern/events.h"

/* Nanoseconds of CLOCK_BOOTTIME. */
uint64_t clock_boot_ns(void);
/* A CLOCK record: both clocks, read as close together as it can (best of several tries). */
void clock_read(struct rec_clock *ret);
