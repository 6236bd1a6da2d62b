/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/encoding.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/events.h"
#include "tests/support/temp.h"

void encoding_open(struct encoding *e, const struct encoder_ops *ops, const char *options,
		   const struct encoder_env *env)
{
	static const struct encoder_env none;
	struct err err = {""};
	int r = 0;

	*e = (struct encoding){.ops = ops};
	e->ctx = calloc(1, ops->ctx_size + 1);
	e->cfg = calloc(1, ops->cfg_size + 1);
	e->small = chunk_map_new(1, CHUNK_SIZE);
	e->jumbo = chunk_map_new(1, CHUNK_JUMBO);
	assert_true(e->ctx && e->cfg && e->small && e->jumbo);
	e->out.tail = e->small;
	if (ops->options) {
		char *text = strdup(options ? options : "");

		assert_non_null(text);
		r = opt_defaults(ops->options, e->cfg, &err);
		if (!r && options)
			r = opt_set_pairs(ops->options, e->cfg, text, ops->name, &err);
		free(text);
	}
	if (!r)
		r = ops->open(e->ctx, e->cfg, env ? env : &none, &err);
	if (r)
		fail_msg("%s: %s", ops->name, err.text);
}

void encoding_ship(struct encoding *e)
{
	struct chunk *c = e->out.tail;

	if (e->ops->seal)
		e->ops->seal(e->ctx, &e->out);
	assert_true(c->len <= c->cap);
	e->p = realloc(e->p, e->n + c->len + 1);
	assert_non_null(e->p);
	memcpy(e->p + e->n, c->p, c->len);
	e->n += c->len;
	e->p[e->n] = 0;
	chunk_reset(c);
	e->out.tail = e->small;
}

void encoding_begin(struct encoding *e)
{
	if (e->ops->preamble)
		assert_int_equal(e->ops->preamble(e->ctx, &events_run, &e->out), 0);
}

int encoding_add(struct encoding *e, const struct event *ev)
{
	int r = e->ops->encode(e->ctx, ev, &e->out);

	if (r == -ENOBUFS) {
		encoding_ship(e);
		r = e->ops->encode(e->ctx, ev, &e->out);
	}
	if (r == -ENOBUFS) {
		encoding_ship(e);
		e->out.tail = e->jumbo;
		r = e->ops->encode(e->ctx, ev, &e->out);
		encoding_ship(e);
	}
	return r;
}

void encoding_end(struct encoding *e)
{
	int r;

	if (chunk_room(e->out.tail) < CHUNK_SIZE / 4)
		encoding_ship(e);
	while (e->ops->epilogue && (r = e->ops->epilogue(e->ctx, &e->out))) {
		assert_int_equal(r, -ENOBUFS);
		assert_true(e->out.tail->len > 0);
		encoding_ship(e);
	}
	encoding_ship(e);
}

void encoding_close(struct encoding *e)
{
	e->ops->close(e->ctx);
	chunk_map_free(e->small, 1);
	chunk_map_free(e->jumbo, 1);
	free(e->ctx);
	free(e->cfg);
	free(e->p);
}

const char *encoding_file(const void *p, size_t n)
{
	return temp_file("input", p, n);
}

bool encoding_has(const char *program)
{
	int status;

	free(encoding_run(&status, "command -v %s", program));
	if (status)
		print_message("skipped: no %s on this machine\n", program);
	return status == 0;
}

char *encoding_run(int *ret_status, const char *fmt, ...)
{
	char command[4096], output[PATH_MAX], whole[sizeof(command) + sizeof(output) + 16], *text;
	va_list args;
	size_t n;
	FILE *f;
	int status;

	va_start(args, fmt);
	assert_true((size_t)vsnprintf(command, sizeof(command), fmt, args) < sizeof(command));
	va_end(args);
	temp_path(output, "output");
	snprintf(whole, sizeof(whole), "{ %s\n} >'%s'", command, output);
	status = system(whole);
	if (ret_status)
		*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	f = fopen(output, "r");
	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	n = ftell(f);
	rewind(f);
	text = malloc(n + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, n, f), n);
	text[n] = 0;
	fclose(f);
	return text;
}
