/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/collect/gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct opt gate_options[] = {
	{.name = "cert",
	 .type = OPT_STRING,
	 .offset = offsetof(struct tls_cfg, cert),
	 .arg = "FILE",
	 .help = "our certificate, and what leads to its authority (PEM)"},
	{.name = "key",
	 .type = OPT_STRING,
	 .offset = offsetof(struct tls_cfg, key),
	 .arg = "FILE",
	 .help = "its private key, where cert= does not hold it"},
	{.name = "ca",
	 .type = OPT_STRING,
	 .offset = offsetof(struct tls_cfg, ca),
	 .arg = "FILE",
	 .help = "only senders with a certificate of the authorities in FILE"},
	{.name = "allow",
	 .type = OPT_STRING,
	 .offset = offsetof(struct tls_cfg, allow),
	 .arg = "NAME[+NAME]",
	 .help = "only senders whose certificate has one of these names"},
	OPT_END,
};

/* Schemes; the first has none. */
static const struct gate_scheme {
	const char *name;
	bool secure, path;
} schemes[] = {
	{"tcp", false, false},   {"fstrm", false, false}, {"tcps", true, false},
	{"fstrms", true, false}, {"unix", false, true},
};

static int gate_scheme(const char *url, const struct gate_scheme **ret, const char **ret_rest,
		       struct err *err)
{
	const char *colon = strstr(url, "://");

	*ret = &schemes[0];
	*ret_rest = colon ? colon + 3 : url;
	if (!colon)
		return 0;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		*ret = &schemes[i];
		if (strlen((*ret)->name) == (size_t)(colon - url) &&
		    !strncmp((*ret)->name, url, (size_t)(colon - url)))
			return 0;
	}
	return errf(err, -EINVAL,
		    "--listen %s: there are tcp://, tcps://, fstrm://, fstrms:// and unix://", url);
}

static int gate_check(const struct gate *g, bool insecure, struct err *err)
{
	const struct tls_cfg *cfg = &g->cfg;
	bool keys = cfg->cert || cfg->key || cfg->ca || cfg->allow;

	if (g->secure && !cfg->cert)
		return errf(err, -EINVAL, "--listen %s: cert= is missing: our certificate",
			    g->label);
	if (!g->secure && keys)
		return errf(err, -EINVAL, "--listen %s: certificates are for tcps:// and fstrms://",
			    g->label);
	if (g->addresses.n > 1)
		return errf(err, -EINVAL, "--listen %s: one address each", g->label);
	if (!g->secure && !insecure && !address_is_local(&g->addresses.v[0]))
		return errf(err, -EINVAL,
			    "--listen %s: what comes from other machines could be read and forged "
			    "on its way: use tcps:// or fstrms://, or --insecure-plaintext",
			    g->label);
	return 0;
}

int gate_parse(const char *text, bool insecure, struct gate *ret, struct err *err)
{
	const struct gate_scheme *scheme;
	char label[256], *rest, *key, *value;
	const char *where;
	struct err why;
	int r;

	*ret = (struct gate){.text = strdup(text)};
	rest = ret->text;
	if (!rest)
		return errf(err, -ENOMEM, "out of memory");
	opt_pair(&rest, &key, &value);
	if (value)
		value[-1] = '=';
	ret->label = key;
	r = gate_scheme(ret->label, &scheme, &where, err);
	if (r < 0)
		return r;
	ret->secure = scheme->secure;
	r = scheme->path ? address_parse_path(where, &ret->addresses, &why)
			 : address_parse(where, NULL, &ret->addresses, &why);
	if (r < 0)
		return errf(err, -EINVAL, "--listen %s: %s", ret->label, why.text);
	snprintf(label, sizeof(label), "--listen %s", ret->label);
	if (rest)
		r = opt_set_pairs(gate_options, &ret->cfg, rest, label, err);
	return r < 0 ? r : gate_check(ret, insecure, err);
}

int gate_open(struct gate *g, const struct user *user, struct err *err)
{
	int r = g->secure ? tls_server_new(&g->cfg, &g->tls, err) : 0;

	if (r < 0)
		return r;
	return listener_open(&g->addresses.v[0], user->set ? user->uid : (uid_t)-1,
			     user->set ? user->gid : (gid_t)-1, &g->listener, err);
}

void gate_close(struct gate *g)
{
	listener_close(&g->listener);
	tls_free(g->tls);
	free(g->text);
	*g = (struct gate){0};
}
