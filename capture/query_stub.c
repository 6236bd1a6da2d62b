/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Until capture/sql_text.c and capture/query_params.c are there. */
#include "capture/query_params.h"
#include "capture/sql_text.h"

__attribute__((weak)) size_t sql_text_fingerprint(struct bytes text, enum sql_dialect dialect,
						  char *dst)
{
	return 0;
}

__attribute__((weak)) unsigned sql_text_places(struct bytes text)
{
	return 0;
}

__attribute__((weak)) int query_params_begin(struct query_params_reader *r,
					     const struct query_params *params, unsigned expected)
{
	return 0;
}

__attribute__((weak)) int query_params_next(struct query_params_reader *r, struct query_value *ret)
{
	return 0;
}

__attribute__((weak)) struct bytes query_params_mysql_types(struct bytes body, unsigned expected)
{
	return (struct bytes){0};
}
