/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The reader thread: source → pipeline, until the source ends. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "capture/pipeline.h"
#include "capture/source.h"

struct reader {
	struct source source;
	struct pipeline *pipeline;
	pthread_t thread;
	bool started;
	int done_fd; /* readable when the thread has ended */
	int status;  /* after reader_join(): SOURCE_END, or negative with text in err */
	struct err err;
	atomic_bool asked;         /* `answer` is to be called */
	void (*answer)(void *arg); /* in the reader thread, between two turns */
	void *answer_arg;
};

/* source and pipeline are set, and answer where there is one. */
int reader_start(struct reader *r, struct err *err);
/* Waits for the end of the thread; the source was told to stop, or ends by itself. */
void reader_join(struct reader *r);
/* Has `answer` called soon; from any thread. */
void reader_ask(struct reader *r);
/* One turn, in the calling thread: enum source_end, or negative with text. */
int reader_turn(const struct source *source, struct pipeline *pipeline, struct err *err);
