/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which files of certificates and keys are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "capture/net/tls.h"
#include "tests/support/certs.h"
#include "tests/support/temp.h"

static int make_certificates(void **state)
{
	certs_make("server", &(struct cert_plan){.cn = "localhost"});
	certs_make("other", &(struct cert_plan){.cn = "other.test"});
	return 0;
}

static void refuse(bool server, struct tls_cfg cfg, int code, const char *option, const char *file,
		   const char *text)
{
	struct err err = {.text = ""};
	struct tls *t = NULL;
	char line[2 * PATH_MAX];

	assert_int_equal(server ? tls_server_new(&cfg, &t, &err) : tls_client_new(&cfg, &t, &err),
			 code);
	snprintf(line, sizeof(line), option ? "%s=%s: %s" : "%.0s%.0s%s", option ? option : "",
		 file ? file : "", text);
	assert_string_equal(err.text, line);
	assert_null(t);
}

static void files_that_are_none_are_named(void **state)
{
	char good[PATH_MAX], key[PATH_MAX], other[PATH_MAX], junk[PATH_MAX], locked[PATH_MAX];

	temp_path(good, "server.pem");
	temp_path(key, "server.key");
	temp_path(other, "other.key");
	temp_path(junk, "junk");
	temp_write(junk, "no certificate\n");
	snprintf(locked, sizeof(locked), "%s", certs_join("server", "secret"));
	refuse(true, (struct tls_cfg){.ca = good}, -EINVAL, NULL, NULL,
	       "a server needs a certificate: cert=");
	refuse(false, (struct tls_cfg){.key = key}, -EINVAL, NULL, NULL, "key= without cert=");
	refuse(false, (struct tls_cfg){.ca = "/nonexistent"}, -ENOENT, "ca", "/nonexistent",
	       "No such file or directory");
	refuse(false, (struct tls_cfg){.ca = junk}, -EINVAL, "ca", junk,
	       "holds no certificate in PEM");
	refuse(false, (struct tls_cfg){.ca = key}, -EINVAL, "ca", key,
	       "holds no certificate in PEM");
	refuse(true, (struct tls_cfg){.cert = "/nonexistent"}, -ENOENT, "cert", "/nonexistent",
	       "No such file or directory");
	refuse(true, (struct tls_cfg){.cert = junk}, -EINVAL, "cert", junk,
	       "holds no certificate in PEM");
	refuse(true, (struct tls_cfg){.cert = good}, -EINVAL, "key", good,
	       "holds no private key in PEM");
	refuse(true, (struct tls_cfg){.cert = good, .key = "/nonexistent"}, -ENOENT, "key",
	       "/nonexistent", "No such file or directory");
	refuse(true, (struct tls_cfg){.cert = good, .key = other}, -EINVAL, "key", other,
	       "is not the key of the certificate");
	refuse(true, (struct tls_cfg){.cert = locked}, -EINVAL, "key", locked,
	       "is locked with a passphrase, and nobody is asked for it");
}

static void a_key_may_lie_beside_its_certificate(void **state)
{
	char both[PATH_MAX];
	struct tls_cfg cfg = {.cert = both};
	struct tls *t = NULL;

	snprintf(both, sizeof(both), "%s", certs_join("server", NULL));
	assert_int_equal(tls_server_new(&cfg, &t, NULL), 0);
	tls_free(t);
	tls_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_that_are_none_are_named),
		cmocka_unit_test(a_key_may_lie_beside_its_certificate),
	};

	return cmocka_run_group_tests(tests, make_certificates, NULL);
}
