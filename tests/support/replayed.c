/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/replayed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture/archive/raw.h"
#include "capture/pipeline.h"
#include "capture/run/reader.h"

const char *const replayed_files[] = {"samples/raw/bash.raw", "samples/raw/exec.raw",
				      "samples/raw/openssl.raw", "samples/raw/sendfile.raw", NULL};

void replayed_into(const char *path, const struct encoder_ops *encoder, struct fake_sink *sink)
{
	struct output_config output = fake_output_config(sink);
	struct pipeline_config cfg = {.probe_by_number = probe_by_number, .outputs_n = 1};
	struct pipeline *pipeline;
	struct err err = {""};
	struct source source;
	struct stream *stream;
	struct output *o;
	int r = 0;

	*sink = (struct fake_sink){0};
	output.encoder = encoder;
	output.encoder_cfg = calloc(1, encoder->cfg_size + 1);
	output.block = true;
	assert_non_null(output.encoder_cfg);
	if (encoder->options)
		r = opt_defaults(encoder->options, (void *)output.encoder_cfg, &err);
	if (!r)
		r = stream_open(path, &stream, &err);
	if (!r)
		r = raw_source_open(stream, &source, &err);
	if (!r)
		r = output_new(&output, 0, &o, &err);
	if (r)
		fail_msg("%s: %s", path, err.text);
	cfg.outputs = &o;
	if (pipeline_new(&cfg, &pipeline, &err)) {
		output_free(o); /* delivery uses the sink until then */
		fail_msg("%s", err.text);
	}
	output_begin(o);
	do
		r = reader_turn(&source, pipeline, &err);
	while (r == SOURCE_MORE);
	pipeline_finish(pipeline);
	pipeline_free(pipeline);
	output_free(o);
	source.ops->close(source.ctx);
	free((void *)output.encoder_cfg);
	if (r != SOURCE_END)
		fail_msg("%s: %s", path, err.text);
}
