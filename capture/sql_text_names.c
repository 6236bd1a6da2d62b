/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of statements that tell where a password is. */
#include <strings.h>

#include "capture/sql_text_inside.h"

static bool ends_with_one_of(struct bytes name, const struct bytes *ends, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (name.n >= ends[i].n &&
		    !strncasecmp(name.p + name.n - ends[i].n, ends[i].p, ends[i].n))
			return true;
	return false;
}

static bool is_one_of(struct bytes word, const struct bytes *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (sql_token_is(word, words[i]))
			return true;
	return false;
}

#define ONE_OF(word, words) is_one_of(word, words, sizeof(words) / sizeof((words)[0]))

bool sql_text_is_secret(struct bytes name)
{
	static const struct bytes ends[] = {
		BYTES("password"),    BYTES("passwd"),        BYTES("passphrase"),
		BYTES("secret"),      BYTES("secret_key"),    BYTES("secret_access_key"),
		BYTES("passwd_hash"), BYTES("password_hash"), BYTES("authentication_string"),
	};

	return ends_with_one_of(name, ends, sizeof(ends) / sizeof(ends[0]));
}

bool sql_text_is_identified_word(struct bytes word)
{
	static const struct bytes words[] = {BYTES("by"), BYTES("as"), BYTES("using"),
					     BYTES("replace")};

	return ONE_OF(word, words);
}

bool sql_text_is_carrier(struct bytes word)
{
	static const struct bytes words[] = {BYTES("in"),     BYTES("like"), BYTES("ilike"),
					     BYTES("to"),     BYTES("is"),   BYTES("not"),
					     BYTES("binary"), BYTES("text"), BYTES("default")};

	return *word.p == '_' || ONE_OF(word, words);
}

uint8_t sql_text_key_argument(struct bytes name)
{
	static const struct bytes second[] = {
		BYTES("pgp_sym_encrypt"),       BYTES("pgp_sym_decrypt"),
		BYTES("pgp_sym_encrypt_bytea"), BYTES("pgp_sym_decrypt_bytea"),
		BYTES("aes_encrypt"),           BYTES("aes_decrypt"),
		BYTES("des_encrypt"),           BYTES("des_decrypt"),
	};
	static const struct bytes third[] = {BYTES("pgp_pub_decrypt"),
					     BYTES("pgp_pub_decrypt_bytea")};

	if (sql_token_is(name, BYTES("crypt")))
		return 1;
	if (ONE_OF(name, second))
		return 2;
	return ONE_OF(name, third) ? 3 : 0;
}
