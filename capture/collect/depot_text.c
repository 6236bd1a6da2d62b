/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what -w says to the text of one output. */
#include "capture/collect/depot_inside.h"
#include "capture/collect/folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

static const char holder[] = "{host}";

/* Where the target ends in such a text, and keys begin. */
static size_t target_length(const char *text)
{
	const char *at = text;

	while (*at && *at != ',')
		at += at[0] == '\\' && at[1] ? 2 : 1;
	return (size_t)(at - text);
}

bool depot_has_host(const char *text)
{
	return memmem(text, target_length(text), holder, strlen(holder));
}

void depot_host(struct bytes name, char ret[DEPOT_HOST])
{
	size_t n = 0;

	for (; n < name.n && n < DEPOT_HOST - 1; n++)
		ret[n] = name.p[n] && strchr(HOST_LETTERS, name.p[n]) ? name.p[n] : '_';
	if (!n)
		ret[n++] = '_';
	ret[n] = '\0';
	if (ret[0] == '.')
		ret[0] = '_';
}

static bool is_file(const char *text)
{
	return !strstr(text, "://") && strcmp(text, "-") != 0 && strncmp(text, "-,", 2) != 0;
}

/* Where the part of the target begins that is named after a host. */
size_t depot_static(const char *text)
{
	const char *first = strstr(text, holder);

	return first ? (size_t)(first - text) : 0;
}

/* With the host in place of each {host} of the target. What is acknowledged is to be on the disk:
 * unless the user says otherwise, behind that. */
int depot_text(const char *text, const char *host, char **ret, struct err *err)
{
	size_t n = target_length(text), size = 0;
	FILE *f = open_memstream(ret, &size);
	bool ok;

	if (!f)
		return errf(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n;) {
		if (host && n - i >= strlen(holder) && !memcmp(text + i, holder, strlen(holder))) {
			fputs(host, f);
			i += strlen(holder);
		} else {
			fputc(text[i++], f);
		}
	}
	if (is_file(text))
		fputs(",sync=data", f);
	fputs(text + n, f);
	ok = !ferror(f);
	return fclose(f) == 0 && ok ? 0 : errf(err, -ENOMEM, "out of memory");
}

/* For words about it: no host has that name. */
static int check_outputs(const struct outputs *o, struct err *err)
{
	for (unsigned i = 0; i < o->n; i++)
		if (o->specs[i].encoder->flags & ENCODER_TAP)
			return errf(err, -EINVAL,
				    "-w %s: a raw recording can be made of raw records only, and "
				    "senders send events",
				    o->specs[i].label);
	return 0;
}

int depot_check(const struct opt_list *texts, bool insecure, struct err *err)
{
	char *made[OUTPUT_MAX] = {NULL};
	struct outputs outputs = {.insecure = insecure};
	struct opt_list list = {.v = (const char **)made};
	int r = 0;

	if (texts->n > OUTPUT_MAX)
		return errf(err, -EINVAL, "-w: more than %d outputs", OUTPUT_MAX);
	for (; list.n < texts->n && r == 0; list.n++)
		r = depot_text(texts->v[list.n], "HOST", &made[list.n], err);
	if (r == 0)
		r = outputs_parse(&list, &outputs, err);
	if (r == 0)
		r = check_outputs(&outputs, err);
	/* Else the first sender would be sent away for it. */
	for (unsigned i = 0; i < texts->n && r == 0; i++)
		if (depot_has_host(texts->v[i]) && !output_spec_has_files(&outputs.specs[i]))
			r = errf(err, -EINVAL, "-w %s: {host} is for files",
				 outputs.specs[i].label);
		else if (depot_has_host(texts->v[i]))
			r = folder_check(texts->v[i], depot_static(texts->v[i]), err);
	outputs_done(&outputs);
	for (unsigned i = 0; i < list.n; i++)
		free(made[i]);
	return r;
}
