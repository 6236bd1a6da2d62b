/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * OpenTelemetry's logs, as pieces that the sink otlp makes requests of. The opening bytes are what
 * stands in a ResourceLogs before its records: its field `resource`, which tells of the run. Every
 * event is an entry of ScopeLogs.log_records. So any number of chunks behind each other are the
 * contents of one ScopeLogs, and nothing has to be parsed or copied to make them that.
 */
#include <assert.h>
#include <errno.h>

#include "capture/base/utf8.h"
#include "capture/encoder.h"
#include "encoders/otlp/record.h"

enum {
	/* Fields of ResourceLogs and Resource. */
	LOGS_RESOURCE = 1,
	RESOURCE_ATTRIBUTES = 1,
	/* What of a text goes into the resource, which comes with every request. */
	RESOURCE_TEXT = 2048,
};

struct otlp {
	struct about_times times;
};

static int otlp_open(void *ctx, const void *cfg, const struct encoder_env *env, struct err *err)
{
	struct otlp *x = ctx;

	x->times.second = UINT64_MAX;
	return 0;
}

static void otlp_close(void *ctx)
{
}

static void resource_text(struct attributes *a, struct bytes key, struct bytes text)
{
	attribute_text(a, key, utf8_cut(text, RESOURCE_TEXT));
}

/* The convention has names of its own for the common ones. */
static struct bytes arch_name(struct bytes arch)
{
	if (bytes_eq(arch, BYTES("x86_64")))
		return BYTES("amd64");
	return bytes_eq(arch, BYTES("aarch64")) ? BYTES("arm64") : arch;
}

/* What a penstock of that run says of itself is under penstock.*: process.* is for those that the
 * records are about. */
static void resource_attributes(struct attributes *a, const struct run *run)
{
	uint64_t run_id = htobe64(run->run_id);

	attribute_own(a, BYTES("service.name"), BYTES("penstock"));
	resource_text(a, BYTES("service.version"), run->version);
	resource_text(a, BYTES("host.name"), run->host);
	attribute_hex(a, BYTES("host.id"), run->host_id, sizeof(run->host_id));
	resource_text(a, BYTES("host.arch"), arch_name(run->arch));
	attribute_own(a, BYTES("os.type"), BYTES("linux"));
	resource_text(a, BYTES("os.description"), run->os);
	resource_text(a, BYTES("os.version"), run->kernel);
	attribute_hex(a, BYTES("penstock.boot_id"), run->boot_id, sizeof(run->boot_id));
	attribute_hex(a, BYTES("penstock.run_id"), &run_id, sizeof(run_id));
	attribute_int(a, BYTES("penstock.pid"), run->pid);
	resource_text(a, BYTES("penstock.command_line"), run->cmdline);
	resource_text(a, BYTES("penstock.probes"), bytes_of(run->probes));
	attribute_count(a, BYTES("penstock.start_boot_ns"), run->start_boot_ns);
	attribute_count(a, BYTES("penstock.start_unix_nano"), run->start_unix_ns);
}

static int otlp_preamble(void *ctx, const struct run *run, struct out *out)
{
	struct attributes a = {.field = RESOURCE_ATTRIBUTES};
	struct chunk *c = out->tail;
	struct pb_write_message resource;
	uint8_t *p = pb_write_tag(c->p + c->len, LOGS_RESOURCE, PB_WRITE_LENGTH);

	assert(chunk_room(c) >= CHUNK_SIZE / 4); /* eight texts, and the rest is small */
	a.p = pb_write_begin(p, 600, &resource);
	resource_attributes(&a, run);
	c->len = (size_t)(pb_write_end(a.p, &resource) - c->p);
	return 0;
}

static int otlp_encode(void *ctx, const struct event *ev, struct out *out)
{
	struct chunk *c = out->tail;
	struct record_size size;
	struct otlp *x = ctx;
	uint8_t *end;

	if (ev->kind == EVENT_META) /* the resource says it, in every request */
		return -EOPNOTSUPP;
	size = record_size(ev);
	if (size.most > chunk_room(c))
		return put_no_room(ev, c);
	end = record_put(c->p + c->len, ev, &size, &x->times);
	assert(end <= c->p + c->len + size.most);
	c->len = (size_t)(end - c->p);
	return 0;
}

const struct encoder_ops encoder_otlp = {
	.name = "otlp",
	.content_type = "application/x-protobuf",
	.summary = "log records of OpenTelemetry: what otlp:// sends",
	.flags = ENCODER_BINARY,
	.ctx_size = sizeof(struct otlp),
	.open = otlp_open,
	.preamble = otlp_preamble,
	.encode = otlp_encode,
	.close = otlp_close,
};
