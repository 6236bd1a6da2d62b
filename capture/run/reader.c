/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/run/reader.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "capture/base/thread.h"

enum {
	READER_BUDGET = 4096
};

int reader_turn(const struct source *source, struct pipeline *pipeline, struct err *err)
{
	int r;

	err->text[0] = '\0';
	r = source->ops->read(source->ctx, READER_BUDGET, pipeline_record, pipeline, err);
	if (r < 0 && !err->text[0])
		errf(err, r, "%s", pipeline_error(pipeline));
	return r;
}

static int reader_discard(const struct rec *rec, void *arg)
{
	return 0;
}

static void *reader_main(void *arg)
{
	struct reader *r = arg;
	uint64_t one = 1;
	struct err err;
	ssize_t n;

	thread_hurry();
	do {
		r->status = reader_turn(&r->source, r->pipeline, &r->err);
		if (r->answer && atomic_exchange(&r->asked, false))
			r->answer(r->answer_arg);
	} while (r->status == SOURCE_MORE);
	n = write(r->done_fd, &one, sizeof(one));
	(void)n;
	/* Threads that insert records must not wait for room for ever: everything is taken out
	 * until the source has ended. */
	if (r->status < 0) {
		int more;

		r->source.ops->stop(r->source.ctx);
		do
			more = r->source.ops->read(r->source.ctx, READER_BUDGET, reader_discard,
						   NULL, &err);
		while (more == SOURCE_MORE);
	}
	return NULL;
}

int reader_start(struct reader *r, struct err *err)
{
	int code;

	r->done_fd = eventfd(0, EFD_CLOEXEC);
	if (r->done_fd < 0)
		return errf(err, -errno, "eventfd: %s", strerror(errno));
	code = pthread_create(&r->thread, NULL, reader_main, r);
	if (code) {
		close(r->done_fd);
		return errf(err, -code, "cannot start a thread: %s", strerror(code));
	}
	pthread_setname_np(r->thread, "reader");
	r->started = true;
	return 0;
}

void reader_ask(struct reader *r)
{
	atomic_store(&r->asked, true);
}

void reader_join(struct reader *r)
{
	if (!r->started)
		return;
	pthread_join(r->thread, NULL);
	close(r->done_fd);
	r->started = false;
}
