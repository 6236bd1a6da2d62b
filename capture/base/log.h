/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The only channel from core, probes, encoders and sinks to a person: lines handed to whoever owns
 * the terminal (cli/ installs the function). Never a payload, never a secret, never once per
 * record.
 */
enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_DEBUG
};

typedef void (*log_fn)(enum log_level level, const char *line);

/* Installs fn for lines at or below level (more important ones included); NULL silences. Not
 * thread-safe: called once, before threads start. fn itself may be called from any thread. */
void log_to(log_fn fn, enum log_level level);
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
