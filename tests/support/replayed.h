/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A raw recording through the pipeline into one encoder. Asserts that it works. */
#include "tests/support/fakes.h"

/* The recordings of samples/raw, NULL-terminated. */
extern const char *const replayed_files[];
/* What the encoder with its defaults made of the recording is in *sink, which
 * fake_sink_done() frees. */
void replayed_into(const char *path, const struct encoder_ops *encoder, struct fake_sink *sink);
