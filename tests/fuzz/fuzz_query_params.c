/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as the values of a statement: format, how many are expected, how many bytes of types,
 * types, values. Each value lies in them or is one that was written out, and there is an end. */
#include <stdlib.h>

#include "capture/query_params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool good)
{
	if (!good)
		abort();
}

static bool is_within(struct bytes text, const char *p, size_t n)
{
	return (uintptr_t)text.p >= (uintptr_t)p && (uintptr_t)text.p + text.n <= (uintptr_t)p + n;
}

static void read_all(const struct query_params *params, unsigned expected)
{
	struct query_params_reader r;
	struct query_value v;
	unsigned count = 0;

	if (query_params_begin(&r, params, expected))
		return;
	while (query_params_next(&r, &v) == 1) {
		must(++count <= QUERY_PARAMS_VALUES);
		must(!v.null || !v.text.n);
		must(!v.text.n || is_within(v.text, params->raw.p, params->raw.n) ||
		     is_within(v.text, r.scratch, sizeof(r.scratch)));
	}
	must(query_params_next(&r, &v) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct query_params params = {0};
	struct bytes types;
	size_t types_n;
	char *copy;

	if (n < 3)
		return 0;
	params.format = data[0] % 6;
	types_n = data[2] < n - 3 ? data[2] : n - 3;
	copy = malloc(n); /* a sanitizer sees each byte too many */
	must(copy);
	memcpy(copy, data, n);
	params.types = (struct bytes){copy + 3, types_n};
	params.raw = (struct bytes){copy + 3 + types_n, n - 3 - types_n};
	read_all(&params, data[1]);
	types = query_params_mysql_types(&params, data[1]);
	must(!types.n || (types.n >= 2u * data[1] && is_within(types, copy, n)));
	free(copy);
	return 0;
}
