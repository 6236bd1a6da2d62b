/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Names of options, variables and fields whose values are secret, and what programs call them. */
#include <stdbool.h>

#include "capture/base/bytes.h"

/* "password", "PGPASSWORD", "db-password", "access_token" …: by how it ends, upper or lower case.
 */
bool redact_key_is_secret(struct bytes name);
/* "user", "proxy-user": what is behind the colon of its value is a password. */
bool redact_key_is_user(struct bytes name);
/* Does it end like the name of a header that holds a secret? "-HAuthorization" does. */
bool redact_key_is_header(struct bytes name);

/* What single letters mean to a program: as sets of letters. */
struct redact_key_tool {
	const char *name;     /* what the program's name begins with */
	bool whole;           /* and that is all of it */
	const char *secret;   /* their value is secret, be it attached or the next word */
	const char *attached; /* the same, if it is attached */
	const char *user;     /* their value has a password behind its colon */
	const char *takes;    /* they have another value */
	bool urls;            /* its words may be URLs that have no scheme */
};

/* NULL when the word, which may be a path, is none of the programs known. */
const struct redact_key_tool *redact_key_tool(struct bytes word);
