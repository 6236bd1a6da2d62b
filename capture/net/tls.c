/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/net/tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/base/cleanup.h"
#include "capture/net/tls_inside.h"

/* It hangs on its SSL_CTX, which connections hold, too: it lives until the last of them has ended.
 */
struct tls {
	SSL_CTX *ctx;
	bool server;
	char *servername; /* NULL = the host that is dialled */
	char *allow;      /* NULL = any */
	bool locked;      /* its key wants a passphrase */
};

enum {
	READ_AHEAD = 64 * 1024, /* bytes that one system call may read: several records */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int ctx_index = -1; /* of the struct tls in its SSL_CTX */

static void tls_destroy(struct tls *t)
{
	if (!t)
		return;
	free(t->servername);
	free(t->allow);
	free(t);
}

static void ctx_data_free(void *ctx, void *p, CRYPTO_EX_DATA *ad, int idx, long l, void *arg)
{
	tls_destroy(p);
}

static void tls_make_index(void)
{
	ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, ctx_data_free);
}

/* Is the name in a list that `+` and `:` separate? */
static bool is_allowed(const char *list, const char *name)
{
	size_t n;

	for (; *list; list += n + (list[n] != 0)) {
		n = strcspn(list, "+:");
		if (n && n == strlen(name) && !strncasecmp(list, name, n))
			return true;
	}
	return false;
}

/* Text of a certificate. What is no plain text is no name: nobody can have written it into a list,
 * and it goes into messages and paths. */
static bool name_take(const ASN1_STRING *s, char ret[TLS_NAME])
{
	const unsigned char *p = s ? ASN1_STRING_get0_data(s) : NULL;
	int n = s ? ASN1_STRING_length(s) : 0;

	*ret = 0;
	if (n <= 0 || n >= TLS_NAME)
		return false;
	for (int i = 0; i < n; i++)
		if (p[i] <= ' ' || p[i] >= 0x7f)
			return false;
	memcpy(ret, p, (size_t)n);
	ret[n] = 0;
	return true;
}

static bool name_take_common(X509 *cert, char ret[TLS_NAME])
{
	X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	*ret = 0;
	return at >= 0 &&
	       name_take(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), ret);
}

/* Finds the peer's name, and whether one of its names is in the list (NULL = all are). */
static bool peer_name_is_allowed(X509 *cert, const char *list, struct tls_peer *peer)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool any = false, allowed = !list;
	char name[TLS_NAME];

	*peer->name = 0;
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

		if (g->type != GEN_DNS)
			continue;
		any = true;
		if (!name_take(g->d.dNSName, name))
			continue;
		if (!*peer->name)
			memcpy(peer->name, name, sizeof(name));
		allowed = allowed || is_allowed(list, name);
	}
	GENERAL_NAMES_free(names);
	if (!any && name_take_common(cert, peer->name))
		allowed = allowed || is_allowed(list, peer->name);
	return allowed;
}

/* OpenSSL asks for each certificate of the chain, and for each fault of it, the peer's own last. */
static int tls_verify(int fine, X509_STORE_CTX *x)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	const struct tls *t = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_index);
	struct tls_peer *peer = SSL_get_app_data(ssl);
	int depth = X509_STORE_CTX_get_error_depth(x);
	bool allowed = true;

	if (depth == 0)
		allowed = peer_name_is_allowed(X509_STORE_CTX_get0_cert(x), t->allow, peer);
	if (fine && allowed)
		return 1;
	if (fine)
		X509_STORE_CTX_set_error(x, X509_V_ERR_CERT_REJECTED);
	peer->error = X509_STORE_CTX_get_error(x);
	peer->depth = depth;
	return 0;
}

/* A server asks for our certificate, and there is none. */
static int tls_note_asked(SSL *ssl, X509 **cert, EVP_PKEY **key)
{
	((struct tls_peer *)SSL_get_app_data(ssl))->asks = true;
	return 0;
}

/* A key with a passphrase: nobody is asked for it. */
static int tls_refuse_passphrase(char *buffer, int size, int writing, void *arg)
{
	*(bool *)arg = true;
	return 0;
}

static int tls_make(const struct tls_cfg *cfg, bool server, struct tls **ret)
{
	struct tls *t;

	pthread_once(&once, tls_make_index);
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->server = server;
	t->servername = cfg->servername ? strdup(cfg->servername) : NULL;
	t->allow = cfg->allow ? strdup(cfg->allow) : NULL;
	t->ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	if (!t->ctx || (cfg->servername && !t->servername) || (cfg->allow && !t->allow) ||
	    !SSL_CTX_set_ex_data(t->ctx, ctx_index, t)) {
		SSL_CTX_free(t->ctx);
		tls_destroy(t);
		return -ENOMEM;
	}
	SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
	/* Each connection stands for itself: nothing is resumed, and a server, whose client may
	 * never read, sends nothing of its own. */
	SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(t->ctx, 0);
	SSL_CTX_set_options(t->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
	SSL_CTX_set_mode(t->ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(t->ctx, 1);
	SSL_CTX_set_default_read_buffer_len(t->ctx, READ_AHEAD);
	SSL_CTX_set_default_passwd_cb(t->ctx, tls_refuse_passphrase);
	SSL_CTX_set_default_passwd_cb_userdata(t->ctx, &t->locked);
	/* Whoever is named in ca= is trusted, authority of others or not. */
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(t->ctx), X509_V_FLAG_PARTIAL_CHAIN);
	*ret = t;
	return 0;
}

/* Why OpenSSL did not take a file: the first of its errors knows best. */
static int tls_file_error(const char *option, const char *file, struct err *err)
{
	unsigned long e = ERR_peek_error();
	int lib = ERR_GET_LIB(e), reason = ERR_GET_REASON(e);
	const char *text = ERR_reason_error_string(e);

	ERR_clear_error();
	if (ERR_SYSTEM_ERROR(e))
		return errf(err, -reason, "%s=%s: %s", option, file, strerror(reason));
	if (lib == ERR_LIB_X509 && reason == X509_R_KEY_VALUES_MISMATCH)
		text = "is not the key of the certificate";
	else if (!strcmp(option, "key"))
		text = "holds no private key in PEM";
	else if (lib != ERR_LIB_SSL || !text) /* which has other faults: a key that is too short */
		text = "holds no certificate in PEM";
	return errf(err, -EINVAL, "%s=%s: %s", option, file, text);
}

/* The certificates that are trusted. */
static int tls_load_trust(SSL_CTX *ctx, const char *ca, struct err *err)
{
	if (!ca)
		return SSL_CTX_set_default_verify_paths(ctx) == 1
			       ? 0
			       : errf(err, -EINVAL, "this system's trusted certificates: %s",
				      ERR_reason_error_string(ERR_peek_error()));
	return SSL_CTX_load_verify_file(ctx, ca) == 1 ? 0 : tls_file_error("ca", ca, err);
}

/* Our own certificate and its key. */
static int tls_load_own(struct tls *t, const struct tls_cfg *cfg, struct err *err)
{
	const char *key = cfg->key ? cfg->key : cfg->cert;

	if (!cfg->cert)
		return cfg->key ? errf(err, -EINVAL, "key= without cert=") : 0;
	if (SSL_CTX_use_certificate_chain_file(t->ctx, cfg->cert) != 1)
		return tls_file_error("cert", cfg->cert, err);
	if (SSL_CTX_use_PrivateKey_file(t->ctx, key, SSL_FILETYPE_PEM) == 1)
		return 0;
	if (t->locked)
		return errf(err, -EINVAL,
			    "key=%s: is locked with a passphrase, and nobody is asked for it", key);
	return tls_file_error("key", key, err);
}

int tls_client_new(const struct tls_cfg *cfg, struct tls **ret, struct err *err)
{
	struct tls *t;
	int r = tls_make(cfg, false, &t);

	ERR_clear_error();
	if (r < 0)
		return errf(err, r, "no memory for TLS");
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, tls_verify);
	r = tls_load_trust(t->ctx, cfg->ca, err);
	if (r == 0)
		r = tls_load_own(t, cfg, err);
	if (r < 0) {
		tls_free(t);
		return r;
	}
	if (!cfg->cert)
		SSL_CTX_set_client_cert_cb(t->ctx, tls_note_asked);
	*ret = t;
	return 0;
}

int tls_server_new(const struct tls_cfg *cfg, struct tls **ret, struct err *err)
{
	struct tls *t;
	int r;

	if (!cfg->cert)
		return errf(err, -EINVAL, "a server needs a certificate: cert=");
	r = tls_make(cfg, true, &t);
	ERR_clear_error();
	if (r < 0)
		return errf(err, r, "no memory for TLS");
	r = tls_load_own(t, cfg, err);
	if (r == 0 && (cfg->ca || cfg->allow)) {
		SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
				   tls_verify);
		r = tls_load_trust(t->ctx, cfg->ca, err);
		/* Clients choose their certificate by the names of these. */
		if (r == 0 && cfg->ca)
			SSL_CTX_set_client_CA_list(t->ctx, SSL_load_client_CA_file(cfg->ca));
	}
	if (r < 0) {
		tls_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

void tls_free(struct tls *t)
{
	if (t)
		SSL_CTX_free(t->ctx);
}

/* The server is told which name is meant, unless that is a number, and its certificate must have
 * it. */
static bool tls_expect_name(SSL *ssl, const char *name, struct tls_peer *peer)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	struct in6_addr any;
	size_t n = strlen(name);

	if (n > 1 && name[n - 1] == '.')
		n--; /* the root's */
	if (n >= sizeof(peer->expected))
		return false;
	snprintf(peer->expected, sizeof(peer->expected), "%.*s", (int)n, name);
	if (inet_pton(AF_INET, peer->expected, &any) == 1 ||
	    inet_pton(AF_INET6, peer->expected, &any) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(param, peer->expected) == 1;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, peer->expected) == 1 &&
	       SSL_set1_host(ssl, peer->expected) == 1;
}

SSL *tls_begin(struct tls *t, const char *host, struct tls_peer *peer)
{
	SSL *ssl = SSL_new(t->ctx);

	assert(t->server || host || t->servername);
	if (!ssl)
		return NULL;
	SSL_set_app_data(ssl, peer);
	if (t->server) {
		SSL_set_accept_state(ssl);
		return ssl;
	}
	SSL_set_connect_state(ssl);
	if (tls_expect_name(ssl, t->servername ? t->servername : host, peer))
		return ssl;
	SSL_free(ssl);
	return NULL;
}
