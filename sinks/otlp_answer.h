/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What a collector's answer to an OTLP request means. Every byte of it is foreign. */
#include <stdbool.h>
#include <stdint.h>

#include "capture/base/bytes.h"

enum otlp_verdict {
	OTLP_ACCEPTED,  /* but for `rejected` records */
	OTLP_REFUSED,   /* all of it, for good */
	OTLP_TOO_LARGE, /* the same, and less of it might have been taken */
	OTLP_RETRY,     /* the same again later: nobody has taken it */
};

struct otlp_answer {
	long status;          /* of HTTP */
	const char *type;     /* Content-Type, NULL = none */
	const char *location; /* where a redirect goes, NULL = nowhere */
	struct bytes body;
	bool cut; /* there was more of it */
};

struct otlp_judgement {
	enum otlp_verdict verdict;
	uint64_t rejected;
	bool odd;       /* accepted, but there is something to be said about it */
	char text[256]; /* one printable line: what was answered; "" = nothing worth a word */
};

/* By OTLP 1.x: 2xx is success, 429, 502, 503 and 504 are tried again, other errors are final.
 * Where the specification is silent: success with an answer that cannot be read is success all the
 * same, since trying again would give the collector everything twice; but a redirect, or a page for
 * a browser, is no answer of a collector, so that it counts as if nobody had been there. */
void otlp_answer_judge(const struct otlp_answer *answer, struct otlp_judgement *ret);
