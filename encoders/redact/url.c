/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/redact/url.h"

enum {
	TOKEN_LEAST = 16 /* a "user" of that length without a password is one: Git hosts do that */
};

static bool authority_ends(char c)
{
	return (unsigned char)c <= ' ' || memchr("/?#\\\"'<>`", c, 9);
}

void redact_url_authority(struct bytes text, bool in_password, struct redact_url *ret)
{
	size_t colon = in_password ? 0 : SIZE_MAX, at = SIZE_MAX, n = 0;

	while (n < text.n && !authority_ends(text.p[n])) {
		if (text.p[n] == ':' && colon == SIZE_MAX && at == SIZE_MAX)
			colon = n + 1;
		if (text.p[n] == '@')
			at = n;
		n++;
	}
	*ret = (struct redact_url){.end = n, .whole = n < text.n || at != SIZE_MAX};
	if (at != SIZE_MAX && colon != SIZE_MAX && colon < at) {
		ret->from = colon;
		ret->to = at;
	} else if (at != SIZE_MAX) {
		ret->to = at >= TOKEN_LEAST && !in_password ? at : 0;
	}
	if (ret->whole || colon == SIZE_MAX)
		return;
	ret->from = colon;
	ret->to = n;
	ret->in_password = true;
}
