/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/view/http1_head.h"

#include "encoders/view/field.h"

enum {
	METHOD_MAX = 32,
	LENGTH_DIGITS = 18, /* more would not fit 64 bits */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static struct bytes take_line(struct bytes *text)
{
	const char *end = text->n ? memchr(text->p, '\n', text->n) : NULL;
	struct bytes line = {text->p, end ? (size_t)(end - text->p) : text->n};
	size_t n = line.n + (end != NULL);

	*text = (struct bytes){text->p + n, text->n - n};
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

/* "HTTP/1." and a digit. */
static bool is_version(struct bytes text)
{
	return text.n == 8 && memcmp(text.p, "HTTP/1.", 7) == 0 && is_digit(text.p[7]);
}

/* Tokens of registered methods are capital letters and dashes; so are those of others in use. */
static size_t method_length(struct bytes line)
{
	size_t n = 0;

	while (n < line.n && n < METHOD_MAX &&
	       ((line.p[n] >= 'A' && line.p[n] <= 'Z') || line.p[n] == '-' || line.p[n] == '_'))
		n++;
	return n && n < line.n && line.p[n] == ' ' ? n : 0;
}

static bool parse_response(struct bytes line, unsigned *ret)
{
	const char *p = line.p + 9;

	if (line.n < 12 || !is_version((struct bytes){line.p, 8}) || line.p[8] != ' ')
		return false;
	if (!is_digit(p[0]) || !is_digit(p[1]) || !is_digit(p[2]) || (line.n > 12 && p[3] != ' '))
		return false;
	*ret = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
	return *ret >= 100;
}

static bool parse_request(struct bytes line, struct bytes *ret)
{
	size_t n = method_length(line);

	if (!n || line.n < n + 11 || line.p[line.n - 9] != ' ' ||
	    !is_version((struct bytes){line.p + line.n - 8, 8}))
		return false;
	*ret = (struct bytes){line.p, n};
	return true;
}

bool http1_head_starts(struct bytes data)
{
	bool whole = data.n && memchr(data.p, '\n', data.n);
	struct bytes line = take_line(&data), method;
	unsigned status;

	if (whole)
		return parse_response(line, &status) || parse_request(line, &method);
	if (line.n < 12)
		return false;
	return parse_response((struct bytes){line.p, 12}, &status) || method_length(line);
}

size_t http1_head_length(struct bytes data, size_t from)
{
	const char *p = data.p + from, *end = data.p + data.n;

	while (p < end && (p = memchr(p, '\n', end - p))) {
		p++;
		if (p < end && *p == '\n')
			return p + 1 - data.p;
		if (p + 1 < end && p[0] == '\r' && p[1] == '\n')
			return p + 2 - data.p;
	}
	return 0;
}

static bool parse_length(struct bytes value, uint64_t *ret)
{
	uint64_t v = 0;

	if (!value.n || value.n > LENGTH_DIGITS)
		return false;
	for (size_t i = 0; i < value.n; i++) {
		if (!is_digit(value.p[i]))
			return false;
		v = v * 10 + (value.p[i] - '0');
	}
	*ret = v;
	return true;
}

static bool ends_with(struct bytes text, const char *word)
{
	size_t n = strlen(word);

	return text.n >= n && field_is((struct bytes){text.p + text.n - n, n}, word);
}

static void head_learn(struct http1_head *h, struct bytes name, struct bytes value)
{
	if (field_is(name, "transfer-encoding") && ends_with(value, "chunked"))
		h->framing = HTTP1_CHUNKED;
	else if (field_is(name, "content-length") && h->framing != HTTP1_CHUNKED &&
		 parse_length(value, &h->length))
		h->framing = HTTP1_LENGTH;
	else if (field_is(name, "upgrade") && field_is(value, "websocket"))
		h->websocket = true;
}

bool http1_head_parse(struct bytes head, struct http1_head *ret)
{
	struct http1_head h = {.line = take_line(&head)};
	struct bytes fields, name, value;

	if (!parse_response(h.line, &h.status) && !parse_request(h.line, &h.method))
		return false;
	h.framing = h.status ? HTTP1_UNTIL_CLOSE : HTTP1_NO_BODY;
	h.fields = fields = head;
	while (http1_head_field(&fields, &name, &value))
		head_learn(&h, name, value);
	if (h.framing == HTTP1_LENGTH && !h.length)
		h.framing = HTTP1_NO_BODY;
	*ret = h;
	return true;
}

bool http1_head_field(struct bytes *fields, struct bytes *ret_name, struct bytes *ret_value)
{
	struct bytes line = take_line(fields);
	const char *colon;

	if (!line.n)
		return false;
	colon = memchr(line.p, ':', line.n);
	*ret_name = (struct bytes){line.p, colon ? (size_t)(colon - line.p) : line.n};
	*ret_value = colon ? field_trim((struct bytes){colon + 1, line.p + line.n - colon - 1})
			   : (struct bytes){line.p + line.n, 0};
	return true;
}
