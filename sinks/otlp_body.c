/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/otlp_body.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "capture/base/chunk.h"
#include "proto/pb_write.h"

/* The version of the semantic conventions that the encoder's names are from. */
#define SCHEMA_URL "https://opentelemetry.io/schemas/1.37.0"

/* Fields of ExportLogsServiceRequest, ResourceLogs, ScopeLogs and InstrumentationScope. */
enum {
	REQUEST_LOGS = 1,
	LOGS_SCOPES = 2,
	LOGS_SCHEMA = 3,
	SCOPES_SCOPE = 1,
	SCOPES_SCHEMA = 3,
	SCOPE_NAME = 1,
	SCOPE_VERSION = 2,
};

/* A jumbo parcel and its resource: what does not become smaller goes as it is. */
enum {
	PACKED_SIZE = CHUNK_JUMBO + CHUNK_SIZE + OTLP_BODY_EDGE
};

int otlp_body_open(struct otlp_body *b, bool pack)
{
	void *p;

	if (!pack)
		return 0;
	p = mmap(NULL, PACKED_SIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -ENOMEM;
	b->packed = p;
	b->packed_size = PACKED_SIZE;
	return 0;
}

void otlp_body_close(struct otlp_body *b)
{
	if (b->packed)
		munmap(b->packed, b->packed_size);
	b->packed = NULL;
}

static void body_add(struct otlp_body *b, const void *p, size_t n)
{
	assert(b->iov_n < sizeof(b->iov) / sizeof(b->iov[0]));
	if (n)
		b->iov[b->iov_n++] = (struct iovec){(void *)p, n};
	b->total += n;
}

/* What stands in ScopeLogs before the records. */
static uint8_t *body_write_scope(uint8_t *p)
{
	struct pb_write_message scope;

	p = pb_write_begin(pb_write_tag(p, SCOPES_SCOPE, PB_WRITE_LENGTH), 20, &scope);
	p = pb_write_item(p, SCOPE_NAME, BYTES("penstock"));
	p = pb_write_item(p, SCOPE_VERSION, BYTES(PENSTOCK_VERSION));
	return pb_write_end(p, &scope);
}

static size_t message_size(size_t n)
{
	return 1 + pb_write_width(n) + n;
}

/* Everything uncompressed, as pieces. */
static void body_assemble(struct otlp_body *b, struct bytes resource, const struct bytes *parts,
			  unsigned parts_n)
{
	uint8_t *p = b->edge, *piece;
	size_t records = 0, scope_n, logs_n;
	struct bytes scope = {(char *)p, (size_t)(body_write_scope(p) - p)}, schema;

	p += scope.n;
	schema = (struct bytes){(char *)p, 0};
	p = pb_write_item(p, SCOPES_SCHEMA, BYTES(SCHEMA_URL)); /* and LOGS_SCHEMA */
	schema.n = (size_t)((char *)p - schema.p);
	for (unsigned i = 0; i < parts_n; i++)
		records += parts[i].n;
	scope_n = scope.n + records + schema.n;
	logs_n = resource.n + message_size(scope_n) + schema.n;
	b->iov_n = 0;
	b->total = 0;
	piece = p;
	p = pb_write_varint(pb_write_tag(p, REQUEST_LOGS, PB_WRITE_LENGTH), logs_n);
	body_add(b, piece, (size_t)(p - piece));
	body_add(b, resource.p, resource.n);
	piece = p;
	p = pb_write_varint(pb_write_tag(p, LOGS_SCOPES, PB_WRITE_LENGTH), scope_n);
	p = pb_write_copy(p, scope.p, scope.n);
	body_add(b, piece, (size_t)(p - piece));
	for (unsigned i = 0; i < parts_n; i++)
		body_add(b, parts[i].p, parts[i].n);
	piece = p;
	p = pb_write_copy(pb_write_copy(p, schema.p, schema.n), schema.p, schema.n);
	body_add(b, piece, (size_t)(p - piece));
	assert(p <= b->edge + sizeof(b->edge));
	assert(b->total == message_size(logs_n));
}

_Static_assert((int)SCOPES_SCHEMA == (int)LOGS_SCHEMA, "one piece serves both");

/* False: it does not become smaller. */
static bool body_pack(struct otlp_body *b, z_stream *z)
{
	int r = deflateReset(z);

	z->next_out = b->packed;
	z->avail_out = b->total < b->packed_size ? (uInt)b->total : (uInt)b->packed_size;
	for (unsigned i = 0; i < b->iov_n && r == Z_OK; i++) {
		z->next_in = b->iov[i].iov_base;
		z->avail_in = (uInt)b->iov[i].iov_len;
		r = deflate(z, i + 1 < b->iov_n ? Z_NO_FLUSH : Z_FINISH);
		if (r == Z_OK && z->avail_in) /* there is no room left */
			return false;
	}
	return r == Z_STREAM_END;
}

bool otlp_body_make(struct otlp_body *b, struct bytes resource, const struct bytes *parts,
		    unsigned parts_n, z_stream *z)
{
	bool packed;

	body_assemble(b, resource, parts, parts_n);
	otlp_body_rewind(b);
	packed = z && b->packed && body_pack(b, z);
	if (packed) {
		b->total = (size_t)(z->next_out - b->packed);
		b->iov[0] = (struct iovec){b->packed, b->total};
		b->iov_n = 1;
	}
	return packed;
}

size_t otlp_body_read(struct otlp_body *b, void *to, size_t n)
{
	size_t done = 0;

	while (done < n && b->at < b->iov_n) {
		const struct iovec *piece = &b->iov[b->at];
		size_t more = piece->iov_len - b->at_done;

		if (more > n - done)
			more = n - done;
		memcpy((char *)to + done, (const char *)piece->iov_base + b->at_done, more);
		done += more;
		b->at_done += more;
		if (b->at_done == piece->iov_len) {
			b->at++;
			b->at_done = 0;
		}
	}
	return done;
}

void otlp_body_rewind(struct otlp_body *b)
{
	b->at = 0;
	b->at_done = 0;
}
