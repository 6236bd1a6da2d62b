/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/otlp_answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "capture/base/utf8.h"
#include "proto/pb_wire.h"

enum {
	TEXT_MOST = 160, /* of what others say */
	/* Fields of ExportLogsServiceResponse, of its partial_success, and of google.rpc.Status. */
	RESPONSE_PARTIAL = 1,
	PARTIAL_REJECTED = 1,
	PARTIAL_MESSAGE = 2,
	STATUS_MESSAGE = 2,
};

/* The first line, if a person can read it. */
static struct bytes text_readable(struct bytes text)
{
	const char *end = text.n ? memchr(text.p, '\n', text.n) : NULL;

	if (end)
		text.n = (size_t)(end - text.p);
	if (text.n && text.p[text.n - 1] == '\r')
		text.n--;
	text = utf8_cut(text, TEXT_MOST);
	return utf8_printable(text) ? text : (struct bytes){0};
}

static bool type_is(const char *type, const char *want)
{
	size_t n = strlen(want);

	return type && !strncasecmp(type, want, n) && (!type[n] || strchr("; \t", type[n]));
}

static bool answer_is_page(const struct otlp_answer *answer)
{
	return type_is(answer->type, "text/html") ||
	       type_is(answer->type, "application/xhtml+xml") ||
	       (answer->body.n >= 2 && !memcmp(answer->body.p, "<!", 2)) ||
	       (answer->body.n >= 5 && !strncasecmp(answer->body.p, "<html", 5));
}

/* What has this number and is bytes; -EBADMSG. The last one counts, as everywhere. */
static int message_bytes(struct bytes in, uint32_t number, struct bytes *ret)
{
	struct pb_wire_field field;

	*ret = (struct bytes){0};
	while (in.n) {
		if (pb_wire_next(&in, &field))
			return -EBADMSG;
		if (field.number != number)
			continue;
		if (field.type != PB_WIRE_BYTES)
			return -EBADMSG;
		*ret = field.bytes;
	}
	return 0;
}

/* Partial success; -EBADMSG. */
static int partial_read(struct bytes in, uint64_t *ret_rejected, struct bytes *ret_message)
{
	struct pb_wire_field field;
	struct bytes rest = in;
	int64_t rejected = 0;
	int r = message_bytes(in, PARTIAL_MESSAGE, ret_message);

	while (r == 0 && rest.n) {
		r = pb_wire_next(&rest, &field) ? -EBADMSG : 0;
		if (r == 0 && field.number == PARTIAL_REJECTED) {
			rejected = (int64_t)field.value;
			if (field.type != PB_WIRE_VARINT || rejected < 0)
				r = -EBADMSG;
		}
	}
	*ret_rejected = (uint64_t)rejected;
	return r;
}

static void judge_success(const struct otlp_answer *answer, struct otlp_judgement *ret)
{
	struct bytes partial = {0}, message = {0};
	int r = answer->cut ? -EBADMSG : message_bytes(answer->body, RESPONSE_PARTIAL, &partial);

	ret->verdict = OTLP_ACCEPTED;
	if (r == 0)
		r = partial_read(partial, &ret->rejected, &message);
	message = text_readable(message);
	if (r < 0) {
		ret->rejected = 0;
		ret->odd = true;
		snprintf(ret->text, sizeof(ret->text), "HTTP %ld with an answer that is none",
			 answer->status);
	} else if (ret->rejected) {
		snprintf(ret->text, sizeof(ret->text), "%llu log records rejected%s%.*s",
			 (unsigned long long)ret->rejected, message.n ? ": " : "", (int)message.n,
			 message.n ? message.p : "");
	} else if (message.n) {
		ret->odd = true;
		snprintf(ret->text, sizeof(ret->text), "%.*s", (int)message.n, message.p);
	}
}

/* What an error says of itself: a google.rpc.Status, or text. */
static struct bytes error_message(const struct otlp_answer *answer)
{
	struct bytes message = {0};

	if (type_is(answer->type, "application/x-protobuf")) {
		if (answer->cut || message_bytes(answer->body, STATUS_MESSAGE, &message))
			return (struct bytes){0};
		return text_readable(message);
	}
	return answer_is_page(answer) ? message : text_readable(answer->body);
}

static enum otlp_verdict verdict_of(long status)
{
	if (status == 413)
		return OTLP_TOO_LARGE;
	if (status == 429 || status == 502 || status == 503 || status == 504 || status < 400 ||
	    status > 599)
		return OTLP_RETRY;
	return OTLP_REFUSED;
}

void otlp_answer_judge(const struct otlp_answer *answer, struct otlp_judgement *ret)
{
	bool success = answer->status >= 200 && answer->status < 300;
	bool redirect = answer->status >= 300 && answer->status < 400;
	struct bytes message;

	*ret = (struct otlp_judgement){.verdict = OTLP_RETRY};
	if (success && answer_is_page(answer)) {
		snprintf(ret->text, sizeof(ret->text),
			 "HTTP %ld with a page for browsers: that is no collector", answer->status);
		return;
	}
	if (success) {
		judge_success(answer, ret);
		return;
	}
	ret->verdict = verdict_of(answer->status);
	message = redirect ? text_readable(bytes_of(answer->location)) : error_message(answer);
	snprintf(ret->text, sizeof(ret->text), "HTTP %ld%s%.*s", answer->status,
		 !message.n ? ""
		 : redirect ? ", redirected to "
			    : ": ",
		 (int)message.n, message.n ? message.p : "");
}
