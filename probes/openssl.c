/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes through OpenSSL and the libraries that come from it (BoringSSL, AWS-LC, LibreSSL), of
 * any version, shared or linked in: whatever has SSL_read and SSL_write as symbols.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/base/log.h"
#include "capture/layout.h"
#include "kern/openssl.h"
#include "kern/openssl.skel.h"
#include "probes/core/filter.h"
#include "probes/elf/file.h"
#include "probes/elf/place.h"
#include "probes/load.h"

enum {
	OPENSSL_LINKS = 4
};

struct openssl_cfg {
	struct opt_list path;
};

struct openssl_ctx {
	struct bpf_object *obj;
	struct bpf_link *links[OPENSSL_LINKS];
	unsigned links_n;
};

static const struct opt openssl_options[] = {
	{.name = "path",
	 .type = OPT_LIST,
	 .offset = offsetof(struct openssl_cfg, path),
	 .arg = "FILE",
	 .help = "a library or program that need not be running yet; others are still found by "
		 "themselves"},
	OPT_END,
};

static const char *const openssl_aliases[] = {"tls", NULL};

/* In the order in which they are attached: what sees the beginning of a connection comes last, so
 * that nothing of a connection whose beginning was seen is missing. */
static const struct probe_hook openssl_hooks[] = {
#define CALL(symbol, program)                                                                      \
	{symbol, "openssl_return", .ret = true},                                                   \
	{                                                                                          \
		symbol, program                                                                    \
	}
	CALL("ssl_read_internal", "openssl_read_ex"),
	CALL("ssl_write_internal", "openssl_write_ex"),
	CALL("ssl_write_internal2", "openssl_write_ex2"),
	CALL("SSL_read", "openssl_read"),
	CALL("SSL_read_ex", "openssl_read_ex"),
	CALL("SSL_write", "openssl_write"),
	CALL("SSL_write_ex", "openssl_write_ex"),
	CALL("SSL_write_ex2", "openssl_write_ex2"),
	CALL("SSL_write_early_data", "openssl_write_ex"),
	CALL("SSL_sendfile", "openssl_sendfile"),
#undef CALL
	{"SSL_free", "openssl_free"},
	{"SSL_clear", "openssl_clear"},
	{"SSL_set_connect_state", "openssl_connect"},
	{"SSL_set_accept_state", "openssl_accept"},
	{"SSL_connect", "openssl_handshake_out"},
	{"SSL_accept", "openssl_handshake_in"},
	{NULL},
};

static int openssl_check(const void *cfg, struct err *err)
{
	if (access("/sys/bus/event_source/devices/uprobe/type", R_OK))
		return errf(err, -EOPNOTSUPP, "openssl: the kernel has no uprobes");
	return 0;
}

/* ---- kernel half -------------------------------------------------------------------------- */

static bool kernel_has_tracepoint(const char *name)
{
	return libbpf_find_vmlinux_btf_id(name, BPF_TRACE_RAW_TP) > 0;
}

/* The tracepoints that show which socket a call uses came with 6.3. */
static void openssl_choose_tracepoints(struct bpf_object *obj)
{
	bool present = kernel_has_tracepoint("sock_send_length");
	const struct {
		const char *program;
		bool wanted;
	} programs[] = {
		{"openssl_sock_send", present},
		{"openssl_sock_recv", present},
		{"openssl_tcp_recv", !present},
	};

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		bpf_program__set_autoload(
			bpf_object__find_program_by_name(obj, programs[i].program),
			programs[i].wanted);
}

static int openssl_initialize(void *ctx, const void *cfg, const struct probe_env *env,
			      struct err *err)
{
	struct openssl_ctx *openssl = ctx;
	size_t n;
	const void *elf = openssl_bpf__elf_bytes(&n);
	int ret = load_open("openssl", elf, n, &openssl->obj, err);

	if (ret)
		return ret;
	openssl_choose_tracepoints(openssl->obj);
	return load_object(openssl->obj, env, err);
}

static int openssl_keep_link(struct openssl_ctx *openssl, struct bpf_link *link)
{
	if (!link)
		return -errno;
	openssl->links[openssl->links_n++] = link;
	return 0;
}

static int openssl_attach_sockets(struct openssl_ctx *openssl, struct err *err)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, openssl->obj)
	{
		int ret;

		if (bpf_program__type(program) != BPF_PROG_TYPE_TRACING ||
		    !bpf_program__autoload(program))
			continue;
		ret = openssl_keep_link(openssl, bpf_program__attach(program));
		if (ret)
			return errf(err, ret, "openssl: cannot attach '%s': %s",
				    bpf_program__name(program), strerror(-ret));
	}
	return 0;
}

/* Attaches what sees ClientHellos in packets. That it cannot be done is a warning only: plaintext
 * is recorded all the same. */
static void openssl_attach_hellos(struct openssl_ctx *openssl)
{
	static const char *const programs[] = {"openssl_hello_out", "openssl_hello_in"};
	CLEANUP_CLOSE int root = -1;
	char path[PATH_MAX];
	int ret = core_filter_cgroup_root(path, sizeof(path));

	if (!ret) {
		root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ret = root < 0 ? -errno : 0;
	}
	for (size_t i = 0; !ret && i < sizeof(programs) / sizeof(programs[0]); i++)
		ret = openssl_keep_link(
			openssl,
			bpf_program__attach_cgroup(
				bpf_object__find_program_by_name(openssl->obj, programs[i]), root));
	if (ret)
		log_line(LOG_LEVEL_WARNING,
			 "openssl: handshakes in packets cannot be seen (cgroup2: %s%s): "
			 "sockets are known only where a library uses them itself",
			 strerror(-ret), ret == -EPERM ? ", needs CAP_NET_ADMIN" : "");
}

static int openssl_start(void *ctx, struct err *err)
{
	struct openssl_ctx *openssl = ctx;

	openssl_attach_hellos(openssl);
	return openssl_attach_sockets(openssl, err);
}

static void openssl_stop(void *ctx)
{
	struct openssl_ctx *openssl = ctx;

	while (openssl->links_n)
		bpf_link__destroy(openssl->links[--openssl->links_n]);
}

static void openssl_close(void *ctx)
{
	struct openssl_ctx *openssl = ctx;

	openssl_stop(openssl);
	bpf_object__close(openssl->obj);
	openssl->obj = NULL;
}

static struct bpf_object *openssl_object(void *ctx)
{
	return ((struct openssl_ctx *)ctx)->obj;
}

/* ---- targets ------------------------------------------------------------------------------ */

static const struct opt_list *openssl_paths(const void *cfg)
{
	return &((const struct openssl_cfg *)cfg)->path;
}

static bool elf_function(const struct elf_file *elf, const char *name, struct elf_symbol *ret)
{
	return !elf_file_symbol(elf, name, ret) && ret->function && ret->offset;
}

/* Every hook of that name goes to the function at `address`. */
static int plan_hooks(struct probe_plan *plan, const struct elf_file *elf, const char *name,
		      uint64_t address, struct err *err)
{
	char text[PLACE_TEXT];
	struct place place;
	int ret = 0;

	for (uint16_t i = 0; openssl_hooks[i].symbol && !ret; i++) {
		bool returns = openssl_hooks[i].ret || (i && openssl_hooks[i - 1].ret);

		if (strcmp(openssl_hooks[i].symbol, name) != 0)
			continue;
		if (place_find(elf, address, returns, &place))
			return errf(err, -EOPNOTSUPP, "openssl: '%s' has no code of '%s'",
				    elf_file_path(elf), name);
		ret = probe_plan_add(plan, i, place.offset, place_text(&place, text), err);
	}
	return ret;
}

static int plan_exported(struct probe_plan *plan, const struct elf_file *elf,
			 const char *const *names, struct err *err)
{
	struct elf_symbol symbol;
	int ret = 0;

	for (; *names && !ret; names++)
		if (elf_function(elf, *names, &symbol))
			ret = plan_hooks(plan, elf, *names, symbol.address, err);
	return ret;
}

/*
 * The function that SSL_xxx_ex hands its arguments to, provided that SSL_xxx calls it too and the
 * one that peeks does not: one cheap place for both, and for BIO_f_ssl, which calls nothing else.
 * 0 = there is none.
 */
static uint64_t elf_shared_function(const struct elf_file *elf, const char *ex, const char *plain,
				    const char *peek)
{
	struct elf_symbol symbol;
	uint64_t target = elf_function(elf, ex, &symbol) ? place_wrapped(elf, &symbol) : 0;

	if (!target || !elf_function(elf, plain, &symbol) || !place_calls(elf, &symbol, target))
		return 0;
	if (elf_function(elf, peek, &symbol) && place_calls(elf, &symbol, target))
		return 0;
	return target;
}

static int plan_reading(struct probe_plan *plan, const struct elf_file *elf, struct err *err)
{
	static const char *const exported[] = {"SSL_read", "SSL_read_ex", NULL};
	uint64_t shared = elf_shared_function(elf, "SSL_read_ex", "SSL_read", "SSL_peek");

	return shared ? plan_hooks(plan, elf, "ssl_read_internal", shared, err)
		      : plan_exported(plan, elf, exported, err);
}

/* With SSL_write_ex2 (3.3) the inner function got one more argument. */
static int plan_writing(struct probe_plan *plan, const struct elf_file *elf, struct err *err)
{
	static const char *const exported[] = {"SSL_write", "SSL_write_ex", "SSL_write_ex2", NULL};
	struct elf_symbol symbol;
	bool has_ex2 = elf_function(elf, "SSL_write_ex2", &symbol);
	uint64_t shared = elf_shared_function(elf, has_ex2 ? "SSL_write_ex2" : "SSL_write_ex",
					      "SSL_write", "SSL_peek");

	if (!shared)
		return plan_exported(plan, elf, exported, err);
	return plan_hooks(plan, elf, has_ex2 ? "ssl_write_internal2" : "ssl_write_internal", shared,
			  err);
}

static void plan_params(struct probe_plan *plan, const struct elf_file *elf)
{
	struct openssl_params params = {-1, -1};
	struct elf_symbol symbol;
	size_t n = strlen(plan->v[0].note);

	if (elf_function(elf, "SSL_get_client_random", &symbol) &&
	    !place_field(elf, &symbol, &params.random_in, &params.random_at))
		snprintf(plan->v[0].note + n, sizeof(plan->v[0].note) - n,
			 params.random_in < 0 ? "; client_random at +0x%x"
					      : "; client_random at +0x%x of *(+0x%x)",
			 (unsigned)params.random_at, (unsigned)params.random_in);
	probe_plan_set_params(plan, &params, sizeof(params));
}

/* A program that the library is linked into has only those functions that it uses: a program in
 * Rust, for example, only SSL_read_ex and SSL_write_ex. */
static bool elf_has_one_of(const struct elf_file *elf, const char *name, const char *ex)
{
	struct elf_symbol symbol;

	return elf_function(elf, name, &symbol) || elf_function(elf, ex, &symbol);
}

static int openssl_inspect(const void *cfg, const struct elf_file *elf, struct probe_plan *plan,
			   struct err *err)
{
	static const char *const others[] = {"SSL_write_early_data",
					     "SSL_sendfile",
					     "SSL_free",
					     "SSL_clear",
					     "SSL_set_connect_state",
					     "SSL_set_accept_state",
					     "SSL_connect",
					     "SSL_accept",
					     NULL};
	int ret;

	if (!elf_has_one_of(elf, "SSL_read", "SSL_read_ex") ||
	    !elf_has_one_of(elf, "SSL_write", "SSL_write_ex"))
		return 0;
	ret = plan_reading(plan, elf, err);
	if (!ret)
		ret = plan_writing(plan, elf, err);
	if (!ret)
		ret = plan_exported(plan, elf, others, err);
	if (ret)
		return ret;
	plan_params(plan, elf);
	return 0;
}

static int openssl_decode(const struct rec *rec, struct part *ret)
{
	return layout_decode(rec, "openssl", ret);
}

const struct probe_ops probe_openssl = {
	.name = "openssl",
	.summary = "what programs send and receive over TLS, in plain text",
	.aliases = openssl_aliases,
	.kinds = 1u << EVENT_DATA,
	.needs = "OpenSSL, BoringSSL or their kin with symbols SSL_read and SSL_write",
	.options = openssl_options,
	.cfg_size = sizeof(struct openssl_cfg),
	.ctx_size = sizeof(struct openssl_ctx),
	.hooks = openssl_hooks,
	.check = openssl_check,
	.initialize = openssl_initialize,
	.start = openssl_start,
	.stop = openssl_stop,
	.close = openssl_close,
	.object = openssl_object,
	.inspect = openssl_inspect,
	.paths = openssl_paths,
	.library = "libssl.so.",
	.decode = openssl_decode,
};
