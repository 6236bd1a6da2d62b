/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a recording of events (protobuf, pcapng, JSON, compressed or not), read and handed
 * to every encoder: nothing crashes and the ledgers balance. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/archive/recording.h"
#include "capture/ledger.h"
#include "capture/playback.h"
#include "tests/support/fakes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
	OUTPUTS = 8,
	TURNS_MOST = 64 /* of a bomb */
};

static unsigned open_outputs(struct output **outputs, struct fake_sink *sinks, void **cfgs)
{
	unsigned n = 0;

	for (const struct encoder_ops *const *e = encoder_registry; *e; e++) {
		struct output_config cfg = fake_output_config(&sinks[n]);
		struct err err;

		if ((*e)->flags & ENCODER_TAP)
			continue;
		cfgs[n] = calloc(1, (*e)->cfg_size + 1);
		if (!cfgs[n] || n == OUTPUTS)
			abort();
		if ((*e)->options && opt_defaults((*e)->options, cfgs[n], &err))
			abort();
		cfg.encoder = *e;
		cfg.encoder_cfg = cfgs[n];
		cfg.block = true;
		if (output_new(&cfg, n, &outputs[n], &err))
			abort();
		output_begin(outputs[n]);
		n++;
	}
	return n;
}

static void play(struct recording *r)
{
	struct output *outputs[OUTPUTS];
	struct fake_sink sinks[OUTPUTS] = {{0}};
	void *cfgs[OUTPUTS] = {0};
	unsigned n = open_outputs(outputs, sinks, cfgs);
	struct playback *p = playback_new(outputs, n);
	int more = SOURCE_MORE;
	struct err err;

	if (!p)
		abort();
	for (unsigned i = 0; i < TURNS_MOST && more == SOURCE_MORE; i++)
		more = recording_read(r, 4096, playback_event, p, &err);
	playback_finish(p);
	for (unsigned i = 0; i < n; i++) {
		if (!ledger_output_balanced(outputs[i], true))
			abort();
		output_free(outputs[i]);
		fake_sink_done(&sinks[i]);
		free(cfgs[i]);
	}
	playback_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);
	struct stream *stream;
	struct recording r;
	struct err err;

	if (fd < 0 || write(fd, data, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	if (stream_open_fd(fd, "fuzz", &stream, &err) || recording_open_stream(&r, stream, &err))
		return 0;
	if (r.decoder->decode)
		play(&r);
	recording_close(&r);
	return 0;
}
