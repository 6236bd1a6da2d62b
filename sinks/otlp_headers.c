/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/otlp_headers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "capture/base/utf8.h"

enum {
	LINE_MOST = 16384,
	LINES_MOST = 100
};

static int headers_add(struct curl_slist **list, const char *text, struct err *err)
{
	struct curl_slist *more = curl_slist_append(*list, text);

	if (!more)
		return errf(err, -ENOMEM, "out of memory");
	*list = more;
	return 0;
}

/* The name is one, nothing can end the line, and what makes the request OTLP stays as it is. */
static int header_check(const char *text, const char *where, struct err *err)
{
	static const char *const ours[] = {"content-type", "content-encoding", "content-length",
					   "transfer-encoding", "expect"};
	static const char name_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789!#$%&'*+-.^_`|~";
	size_t n = strspn(text, name_chars);

	if (n == 0 || text[n] != ':' || n > 100)
		return errf(err, -EINVAL, "%s: a header is 'Name: value'", where);
	if (!utf8_printable((struct bytes){text, strlen(text)}))
		return errf(err, -EINVAL, "%s: '%.*s' has characters that no header can have",
			    where, (int)n, text);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strlen(ours[i]) == n && !strncasecmp(ours[i], text, n))
			return errf(err, -EINVAL, "%s: '%.*s' is not for you to set", where, (int)n,
				    text);
	return 0;
}

static int headers_read(FILE *f, const char *path, struct curl_slist **list, struct err *err)
{
	char line[LINE_MOST];
	int r = 0;

	for (unsigned i = 0; r == 0 && fgets(line, sizeof(line), f); i++) {
		size_t n = strcspn(line, "\r\n");

		if (!line[n] && !feof(f))
			return errf(err, -EINVAL, "headers-file: '%s' has a line that is too long",
				    path);
		if (i == LINES_MOST)
			return errf(err, -EINVAL, "headers-file: '%s' has too many lines", path);
		line[n] = '\0';
		if (!*line || *line == '#')
			continue;
		r = header_check(line, "headers-file", err);
		if (r == 0)
			r = headers_add(list, line, err);
	}
	return r;
}

static int headers_read_file(const char *path, struct curl_slist **list, struct err *err)
{
	FILE *f = fopen(path, "re");
	int r = f ? 0 : errf(err, -errno, "headers-file: '%s': %s", path, strerror(errno));

	if (r == 0)
		r = headers_read(f, path, list, err);
	if (f)
		fclose(f);
	return r;
}

int otlp_headers_make(const struct otlp_http_cfg *cfg, bool packed, struct curl_slist **ret,
		      struct err *err)
{
	/* We send all of a request at once, whether or not the collector wants it. */
	int r = headers_add(ret, "Expect:", err);

	if (r == 0)
		r = headers_add(ret, "Content-Type: application/x-protobuf", err);
	if (r == 0 && packed)
		r = headers_add(ret, "Content-Encoding: gzip", err);
	for (unsigned i = 0; r == 0 && i < cfg->headers.n; i++) {
		r = header_check(cfg->headers.v[i], "header", err);
		if (r == 0)
			r = headers_add(ret, cfg->headers.v[i], err);
	}
	if (r == 0 && cfg->headers_file)
		r = headers_read_file(cfg->headers_file, ret, err);
	return r;
}
