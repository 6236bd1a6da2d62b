/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Records that say what this run is: who records where and with what (RUN), and each hook that was
 * attached or could not be (ATTACH). */
#include <stdint.h>

#include "capture/event.h"
#include "capture/source.h"

/* What a machine is called in recordings: a fixed text encrypted with the 128-bit machine id as the
 * key (Speck128/128). Equal on every run, and leads back to the machine id only by breaking the
 * cipher or by guessing the id. A machine without an id is all zeroes. */
void context_host_id(const uint8_t machine_id[16], uint8_t ret[16]);

/* Hands one RUN record to fn. probes: bit n = probe number n; argv: the command line of this run.
 */
int context_run(const uint64_t probes[4], char *const argv[], source_fn fn, void *arg);
/* Hands one ATTACH record to fn; texts longer than 4 KiB are cut. */
int context_attach(uint16_t probe, const struct event_attach *report, source_fn fn, void *arg);
