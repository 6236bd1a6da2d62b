/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/redact/key.h"

#include <ctype.h>
#include <strings.h>

static bool name_ends_with(struct bytes name, struct bytes end)
{
	return name.n >= end.n && !strncasecmp(name.p + name.n - end.n, end.p, end.n);
}

static bool name_ends_with_word(struct bytes name, struct bytes end)
{
	return name_ends_with(name, end) &&
	       (name.n == end.n || !isalnum((unsigned char)name.p[name.n - end.n - 1]));
}

/* The working directory of a shell is called like a password in a form. */
static bool is_folder(struct bytes name)
{
	return bytes_eq(name, BYTES("PWD")) || bytes_eq(name, BYTES("OLDPWD"));
}

bool redact_key_is_secret(struct bytes name)
{
	static const struct bytes ends[] = {
		BYTES("password"),   BYTES("passwd"),     BYTES("passphrase"),
		BYTES("secret"),     BYTES("token"),      BYTES("apikey"),
		BYTES("api_key"),    BYTES("api-key"),    BYTES("accesskey"),
		BYTES("access_key"), BYTES("access-key"), BYTES("secretkey"),
		BYTES("secret_key"), BYTES("secret-key"), BYTES("oauth2-bearer"),
	};
	static const struct bytes words[] = {BYTES("pass"), BYTES("pwd")};

	if (name.n > 3 && !strncasecmp(name.p, "no-", 3)) /* --no-password has no value */
		return false;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (name_ends_with(name, ends[i]))
			return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (name_ends_with_word(name, words[i]))
			return !is_folder(name);
	return false;
}

bool redact_key_is_user(struct bytes name)
{
	return name_ends_with_word(name, BYTES("user"));
}

bool redact_key_is_header(struct bytes name)
{
	return name_ends_with(name, BYTES("authorization")) ||
	       name_ends_with(name, BYTES("cookie"));
}

const struct redact_key_tool *redact_key_tool(struct bytes word)
{
	static const struct redact_key_tool tools[] = {
		{"curl", true, "b", "", "uUE", "AcCdDeFhHKmoPQrtTwxXyYz", true},
		{"mysql", false, "", "p", "", "uhPSDe"},
		{"mariadb", false, "", "p", "", "uhPSDe"},
		{"mycli", true, "p", "", "", "uhPSDe"},
		{"sshpass", true, "p", "", "", "fdP"},
		{"ssh", true, "", "", "", "p"},
		{"mongo", false, "p", "", "", "uhd"},
		{"redis-cli", true, "a", "", "u", "hpn"},
		{"ldap", false, "w", "", "", "DbHshp"},
		{"sqlcmd", true, "P", "", "", "SUdQi"},
		{"zip", true, "P", "", "", ""},
		{"unzip", true, "P", "", "", ""},
		{"7z", false, "", "p", "", "o"},
		{"rar", true, "", "p", "", ""},
		{"unrar", true, "", "p", "", ""},
		{"login", true, "p", "", "", "u"}, /* docker login */
	};
	const char *slash = word.n ? memrchr(word.p, '/', word.n) : NULL;
	size_t n = slash ? word.n - (size_t)(slash + 1 - word.p) : word.n;
	const char *name = slash ? slash + 1 : word.p;

	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		size_t len = strlen(tools[i].name);

		if ((tools[i].whole ? n == len : n >= len) && !memcmp(name, tools[i].name, len))
			return &tools[i];
	}
	return NULL;
}
