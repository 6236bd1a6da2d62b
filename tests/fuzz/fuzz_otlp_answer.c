/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any answer of a collector: its status, then the type of the body and whether that was cut, then
 * the body. Whatever it is, it comes to one verdict, and to one line that can be shown. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "capture/base/utf8.h"
#include "sinks/otlp_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_verdict(const struct otlp_answer *answer, const struct otlp_judgement *j)
{
	bool success = answer->status >= 200 && answer->status < 300;

	if (j->verdict == OTLP_ACCEPTED ? !success : j->rejected || j->odd)
		abort();
	if (success && (j->verdict == OTLP_REFUSED || j->verdict == OTLP_TOO_LARGE))
		abort();
	if (j->rejected > INT64_MAX || (j->rejected && j->odd))
		abort();
	if ((j->rejected || j->odd || j->verdict != OTLP_ACCEPTED) && !*j->text)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const types[] = {NULL,
					    "application/x-protobuf",
					    "text/html",
					    "application/x-protobuf; charset=x",
					    "text/plain",
					    "application/json",
					    ""};
	struct otlp_answer answer = {.status = 0};
	struct otlp_judgement judgement;
	size_t length;

	if (n < 3)
		return 0;
	answer.status = data[0] | data[1] << 8;
	answer.type = types[(data[2] & 0x3f) % (sizeof(types) / sizeof(types[0]))];
	answer.cut = data[2] & 0x40;
	answer.body = (struct bytes){(const char *)data + 3, n - 3};
	if (data[2] & 0x80) { /* the rest is where a redirect goes */
		char *location = calloc(1, n);

		if (!location)
			abort();
		memcpy(location, data + 3, n - 3);
		answer.location = location;
		otlp_answer_judge(&answer, &judgement);
		free(location);
	} else {
		otlp_answer_judge(&answer, &judgement);
	}
	length = strnlen(judgement.text, sizeof(judgement.text));
	if (length == sizeof(judgement.text) ||
	    !utf8_printable((struct bytes){judgement.text, length}))
		abort();
	check_verdict(&answer, &judgement);
	return 0;
}
