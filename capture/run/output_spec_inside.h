/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The inside of capture/run/output_spec.h: output_spec.c splits the text and sets keys,
 * output_spec_find.c knows what names stand for, output_spec_check.c what makes no sense. */
#include "capture/run/output_spec.h"

int output_spec_find_sink(struct output_spec *spec, struct err *err);
/* format NULL: as the sink or the name of the target has it. */
int output_spec_find_encoder(struct output_spec *spec, const char *format, struct err *err);
bool output_spec_on_stdout(const struct output_spec *spec);
/* Refuses keys that make no sense together, and fills in what depends on the sink. */
int output_spec_check(struct output_spec *spec, struct err *err);
