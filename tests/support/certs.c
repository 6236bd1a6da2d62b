/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/certs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/temp.h"

static FILE *certs_file(const char *name, const char *extension, const char *mode)
{
	char file[64];
	FILE *f;

	snprintf(file, sizeof(file), "%s.%s", name, extension);
	f = fopen(temp_name(file), mode);
	assert_non_null(f);
	return f;
}

static X509 *certs_load(const char *name, EVP_PKEY **ret_key)
{
	FILE *f = certs_file(name, "pem", "r");
	X509 *x = PEM_read_X509(f, NULL, NULL, NULL);

	fclose(f);
	f = certs_file(name, "key", "r");
	*ret_key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	assert_non_null(x);
	assert_non_null(*ret_key);
	return x;
}

static void certs_extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

void certs_make(const char *name, const struct cert_plan *plan)
{
	static long serial;
	bool usual = !plan->from && !plan->to;
	EVP_PKEY *key = EVP_EC_gen("P-256"), *issuer_key = key;
	X509 *x = X509_new(), *issuer = x;
	FILE *f;

	assert_true(key && x);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(x), usual ? -3600 : plan->from);
	X509_gmtime_adj(X509_getm_notAfter(x), usual ? 3600 : plan->to);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
				   (const unsigned char *)plan->cn, -1, -1, 0);
	X509_set_pubkey(x, key);
	if (plan->issuer)
		issuer = certs_load(plan->issuer, &issuer_key);
	X509_set_issuer_name(x, X509_get_subject_name(issuer));
	if (plan->authority)
		certs_extend(x, issuer, NID_basic_constraints, "critical,CA:TRUE");
	if (plan->san)
		certs_extend(x, issuer, NID_subject_alt_name, plan->san);
	assert_true(X509_sign(x, issuer_key, EVP_sha256()) > 0);
	f = certs_file(name, "pem", "w");
	assert_int_equal(PEM_write_X509(f, x), 1);
	fclose(f);
	f = certs_file(name, "key", "w");
	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
	if (issuer != x) {
		X509_free(issuer);
		EVP_PKEY_free(issuer_key);
	}
	X509_free(x);
	EVP_PKEY_free(key);
}

const char *certs_join(const char *name, const char *passphrase)
{
	EVP_PKEY *key;
	X509 *x = certs_load(name, &key);
	FILE *f = certs_file(name, "both", "w");
	char file[64];

	assert_int_equal(PEM_write_X509(f, x), 1);
	assert_int_equal(PEM_write_PrivateKey(f, key, passphrase ? EVP_aes_128_cbc() : NULL,
					      (const unsigned char *)passphrase,
					      passphrase ? (int)strlen(passphrase) : 0, NULL, NULL),
			 1);
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(key);
	snprintf(file, sizeof(file), "%s.both", name);
	return temp_name(file);
}
