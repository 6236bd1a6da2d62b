/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/base/opt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/base/near.h"
#include "capture/base/parse.h"

const struct opt *opt_find(const struct opt *rows, const char *name)
{
	for (; rows && rows->name; rows++)
		if (!strcmp(rows->name, name))
			return rows;
	return NULL;
}

const struct opt *opt_find_letter(const struct opt *rows, char letter)
{
	for (; rows && rows->name; rows++)
		if (letter && rows->letter == letter)
			return rows;
	return NULL;
}

const struct opt *opt_group_find(const struct opt_group *groups, const char *name, void **ret_cfg)
{
	for (; groups->rows; groups++) {
		const struct opt *row = opt_find(groups->rows, name);

		if (row) {
			*ret_cfg = groups->cfg;
			return row;
		}
	}
	return NULL;
}

/* What the setters are told, in one piece. */
struct setting {
	const struct opt *row;
	void *field;
	const char *value;
	const char *label;
	struct err *err;
};

static int setting_set_flag(const struct setting *s)
{
	static const char *const words[] = {"no", "yes", "off", "on", "false", "true"};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(s->value, words[i]))
			continue;
		*(bool *)s->field = i % 2;
		return 0;
	}
	return errf(s->err, -EINVAL, "%s: '%s' is neither yes nor no", s->label, s->value);
}

static const char *number_show(uint64_t value, char ret[PARSE_SHOW])
{
	snprintf(ret, PARSE_SHOW, "%llu", (unsigned long long)value);
	return ret;
}

/* r: of the parser; what: "a number", for the message. */
static int setting_check_number(const struct setting *s, int r, uint64_t value, const char *what,
				const char *(*show)(uint64_t value, char ret[PARSE_SHOW]))
{
	char min[PARSE_SHOW], max[PARSE_SHOW];
	const struct opt *row = s->row;

	if (r == -EINVAL)
		return errf(s->err, r, "%s: '%s' is not %s", s->label, s->value, what);
	if (r == -ERANGE || (row->max && value > row->max))
		return errf(s->err, -EINVAL, "%s: '%s' is too large (at most %s)", s->label,
			    s->value,
			    show(row->max               ? row->max
				 : row->type == OPT_U32 ? UINT32_MAX
							: UINT64_MAX,
				 max));
	if (value < row->min)
		return errf(s->err, -EINVAL, "%s: '%s' is too small (at least %s)", s->label,
			    s->value, show(row->min, min));
	return 0;
}

static int setting_set_u32(const struct setting *s)
{
	uint32_t value = 0;
	int r = parse_u32(s->value, &value);

	r = setting_check_number(s, r, value, "a number", number_show);
	if (r == 0)
		*(uint32_t *)s->field = value;
	return r;
}

static int setting_set_size(const struct setting *s)
{
	uint64_t value = 0;
	int r = parse_size(s->value, &value);

	r = setting_check_number(s, r, value, "a size like 64K, 16M or 1G", parse_show_size);
	if (r == 0)
		*(uint64_t *)s->field = value;
	return r;
}

static int setting_set_duration(const struct setting *s)
{
	uint64_t value = 0;
	int r = parse_duration(s->value, &value);

	r = setting_check_number(s, r, value, "a time like 500ms, 10s or 1h", parse_show_duration);
	if (r == 0)
		*(uint64_t *)s->field = value;
	return r;
}

static int setting_set_string(const struct setting *s)
{
	*(const char **)s->field = s->value;
	return 0;
}

static int setting_set_choice(const struct setting *s)
{
	char known[256] = "";
	size_t n = 0;

	for (int i = 0; s->row->choices[i]; i++) {
		if (!strcmp(s->row->choices[i], s->value)) {
			*(int *)s->field = i;
			return 0;
		}
		if (n < sizeof(known))
			n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "",
					      s->row->choices[i]);
	}
	return errf(s->err, -EINVAL, "%s: '%s' is none of %s", s->label, s->value, known);
}

static int setting_set_list(const struct setting *s)
{
	struct opt_list *list = s->field;
	const char **v = realloc(list->v, (list->n + 1) * sizeof(*v));

	if (!v)
		return errf(s->err, -ENOMEM, "%s: no memory", s->label);
	v[list->n++] = s->value;
	list->v = v;
	return 0;
}

int opt_set(const struct opt *row, void *cfg, const char *value, const char *label, struct err *err)
{
	static int (*const setters[])(const struct setting *) = {
		[OPT_FLAG] = setting_set_flag,     [OPT_U32] = setting_set_u32,
		[OPT_SIZE] = setting_set_size,     [OPT_DURATION] = setting_set_duration,
		[OPT_STRING] = setting_set_string, [OPT_CHOICE] = setting_set_choice,
		[OPT_LIST] = setting_set_list,
	};
	struct setting s = {row, (char *)cfg + row->offset, value, label, err};

	if (!value) {
		if (row->type != OPT_FLAG)
			return errf(err, -EINVAL, "%s needs a value (%s)", label,
				    row->arg ? row->arg : "VALUE");
		s.value = "yes";
	}
	return setters[row->type](&s);
}

int opt_defaults(const struct opt *rows, void *cfg, struct err *err)
{
	for (; rows && rows->name; rows++) {
		int r = rows->def ? opt_set(rows, cfg, rows->def, rows->name, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

void opt_done(const struct opt *rows, void *cfg)
{
	for (; rows && rows->name; rows++) {
		struct opt_list *list = (struct opt_list *)((char *)cfg + rows->offset);

		if (rows->type != OPT_LIST)
			continue;
		free(list->v);
		*list = (struct opt_list){0};
	}
}

void opt_pair(char **text, char **ret_key, char **ret_value)
{
	char *in = *text, *out = *text;

	*ret_key = in;
	*ret_value = NULL;
	for (; *in && *in != ','; in++) {
		if (*in == '=' && !*ret_value) {
			*out++ = '\0';
			*ret_value = out;
			continue;
		}
		if (in[0] == '\\' && in[1] == ',')
			in++;
		*out++ = *in;
	}
	*text = *in ? in + 1 : NULL;
	*out = '\0';
}

int opt_group_set(const struct opt_group *groups, const char *name, const char *value,
		  const char *label, struct err *err)
{
	char full[160], hint[NEAR_HINT];
	struct near near = NEAR(name);
	const struct opt *row;
	void *cfg;

	row = opt_group_find(groups, name, &cfg);
	if (row) {
		snprintf(full, sizeof(full), "%s: %s", label, name);
		return opt_set(row, cfg, value, full, err);
	}
	for (; groups->rows; groups++)
		for (row = groups->rows; row->name; row++)
			near_try(&near, row->name);
	return errf(err, -EINVAL, "%s: unknown option '%s'%s", label, name,
		    near_hint(&near, "", hint));
}

int opt_set_pairs(const struct opt *rows, void *cfg, char *text, const char *label, struct err *err)
{
	struct opt_group groups[] = {{rows, cfg}, {0}};

	while (text && *text) {
		char *key, *value;
		int r;

		opt_pair(&text, &key, &value);
		r = opt_group_set(groups, key, value, label, err);
		if (r < 0)
			return r;
	}
	return 0;
}
