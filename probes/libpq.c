/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements that programs send to PostgreSQL servers by libpq, of any version. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "capture/layout.h"
#include "kern/libpq.h"
#include "kern/libpq.skel.h"
#include "probes/elf/accessor.h"
#include "probes/elf/file.h"
#include "probes/elf/place.h"
#include "probes/load.h"

struct libpq_cfg {
	struct opt_list path;
};

struct libpq_ctx {
	struct bpf_object *obj;
};

static const struct opt libpq_options[] = {
	{.name = "path",
	 .type = OPT_LIST,
	 .offset = offsetof(struct libpq_cfg, path),
	 .arg = "FILE",
	 .help = "a library that need not be in use yet; others are still found by themselves"},
	OPT_END,
};

/* In the order in which they are attached: what ends a statement comes before what begins one. */
static const struct probe_hook libpq_hooks[] = {
	{"PQresultStatus", "libpq_result"},
	{"PQclear", "libpq_clear"},
	{"PQgetResult", "libpq_get_result"},
	{"PQfinish", "libpq_finish"},
	{"PQsendQuery", "libpq_query"},
	{"PQsendQueryParams", "libpq_params"},
	{"PQsendPrepare", "libpq_prepare"},
	{"PQsendQueryPrepared", "libpq_prepared"},
	{NULL},
};

static int libpq_check(const void *cfg, struct err *err)
{
	if (access("/sys/bus/event_source/devices/uprobe/type", R_OK))
		return errf(err, -EOPNOTSUPP, "libpq: the kernel has no uprobes");
	return 0;
}

static int libpq_initialize(void *ctx, const void *cfg, const struct probe_env *env,
			    struct err *err)
{
	struct libpq_ctx *libpq = ctx;
	size_t n;
	const void *elf = libpq_bpf__elf_bytes(&n);
	int ret = load_open("libpq", elf, n, &libpq->obj, err);

	return ret ? ret : load_object(libpq->obj, env, err);
}

static void libpq_close(void *ctx)
{
	struct libpq_ctx *libpq = ctx;

	bpf_object__close(libpq->obj);
	libpq->obj = NULL;
}

static struct bpf_object *libpq_object(void *ctx)
{
	return ((struct libpq_ctx *)ctx)->obj;
}

static const struct opt_list *libpq_paths(const void *cfg)
{
	return &((const struct libpq_cfg *)cfg)->path;
}

/* Where the fields are. Those that only tell more about a statement may be missing. */
static int libpq_offsets(const struct elf_file *elf, struct libpq_params *ret, struct err *err)
{
	int32_t transaction = -1;
	const struct {
		const char *function;
		int32_t *offset;
		bool needed;
	} wanted[] = {
		{"PQsocket", &ret->socket, true},
		{"PQdb", &ret->database, false},
		{"PQuser", &ret->user, false},
		{"PQstatus", &ret->status, true},
		{"PQtransactionStatus", &transaction, true},
		{"PQpipelineStatus", &ret->pipeline, false},
		{"PQbackendPID", &ret->backend_pid, false},
		{"PQresultStatus", &ret->result_status, true},
		{"PQcmdStatus", &ret->command_status, true},
		{"PQntuples", &ret->tuples, false},
		{"PQresultErrorMessage", &ret->message, false},
		{"PQresultErrorField", &ret->fields, false},
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		*wanted[i].offset = -1;
		if (accessor_last(elf, wanted[i].function, wanted[i].offset) && wanted[i].needed)
			return errf(err, -EOPNOTSUPP, "libpq: what '%s' of '%s' reads is not known",
				    wanted[i].function, elf_file_path(elf));
	}
	/* status, asyncStatus, xactStatus: the one between has no function of its own */
	if (transaction != ret->status + 8)
		return errf(err, -EOPNOTSUPP, "libpq: '%s' has an unknown layout",
			    elf_file_path(elf));
	return 0;
}

static int libpq_inspect(const void *cfg, const struct elf_file *elf, struct probe_plan *plan,
			 struct err *err)
{
	struct libpq_params params;
	struct elf_symbol symbol;
	int ret;

	if (elf_file_symbol(elf, "PQsendQueryPrepared", &symbol) || !symbol.function)
		return 0;
	ret = libpq_offsets(elf, &params, err);
	for (uint16_t i = 0; libpq_hooks[i].symbol && !ret; i++) {
		const char *name = libpq_hooks[i].symbol;
		char text[PLACE_TEXT];
		struct place place;

		if (elf_file_symbol(elf, name, &symbol) || !symbol.function ||
		    place_find(elf, symbol.address, false, &place))
			return errf(err, -EOPNOTSUPP, "libpq: '%s' has no symbol '%s'",
				    elf_file_path(elf), name);
		ret = probe_plan_add(plan, i, place.offset, place_text(&place, text), err);
	}
	if (!ret)
		probe_plan_set_params(plan, &params, sizeof(params));
	return ret;
}

static int libpq_decode(const struct rec *rec, struct part *ret)
{
	return layout_decode(rec, "libpq", ret);
}

const struct probe_ops probe_libpq = {
	.name = "libpq",
	.summary = "statements that programs send by libpq, with rows, errors and duration",
	.kinds = 1u << EVENT_QUERY,
	.needs = "libpq with its exported symbols, on x86-64",
	.options = libpq_options,
	.cfg_size = sizeof(struct libpq_cfg),
	.ctx_size = sizeof(struct libpq_ctx),
	.hooks = libpq_hooks,
	.check = libpq_check,
	.initialize = libpq_initialize,
	.close = libpq_close,
	.object = libpq_object,
	.inspect = libpq_inspect,
	.paths = libpq_paths,
	.library = "libpq.so.",
	.decode = libpq_decode,
};
