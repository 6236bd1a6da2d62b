/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

#include "capture/cli/commands.h"
#include "probes/core/core.h"
#include "probes/discovery/discovery.h"

struct check_cfg {
	const char *target;
};

static const struct opt options[] = {
	{.name = "target",
	 .type = OPT_STRING,
	 .offset = offsetof(struct check_cfg, target),
	 .arg = "PATH",
	 .help = "look into this program or library: what would be attached where"},
	OPT_END,
};

static void print_row(const char *state, const char *name, const char *detail)
{
	printf("  %-8s %-22s %s\n", state, name, detail);
}

/* ---- machine ------------------------------------------------------------------------------- */

static bool check_features(void)
{
	struct core_feature features[CORE_FEATURES_MAX];
	unsigned n = core_features(features);
	bool fit = true;

	puts("Kernel:");
	for (unsigned i = 0; i < n; i++) {
		const struct core_feature *f = &features[i];

		print_row(f->status < 0 ? "MISSING"
			  : f->status   ? "absent"
					: "ok",
			  f->name, f->detail);
		fit &= f->status >= 0;
	}
	return fit;
}

/* What recording uses, and what for. Prose only: whether it suffices is tried by the rows above. */
static void check_capabilities(void)
{
	static const struct {
		unsigned capability;
		const char *use;
	} rows[] = {
		{CAP_BPF, "load kernel programs"},
		{CAP_PERFMON, "attach them"},
		{CAP_SYS_PTRACE, "look into the processes of others"},
		{CAP_DAC_READ_SEARCH, "open the programs that they run"},
		{CAP_NET_ADMIN, "see handshakes in packets, for sockets behind memory BIOs"},
		{CAP_SETUID, "run COMMAND as its user"},
		{CAP_CHOWN, "give files to their user"},
	};

	puts("Capabilities:");
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_get_caps_process() < 0) {
		print_row("absent", "unknown", "they cannot be read");
		return;
	}
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		print_row(capng_have_capability(CAPNG_EFFECTIVE, rows[i].capability) ? "ok"
										     : "absent",
			  capng_capability_to_name(rows[i].capability), rows[i].use);
}

/* ---- probes -------------------------------------------------------------------------------- */

/* Runs fn with the default cfg of ops. */
static int with_defaults(const struct probe_ops *ops, struct err *err, const char *path,
			 int (*fn)(const struct probe_ops *ops, const void *cfg, const char *path,
				   struct err *err))
{
	void *cfg = calloc(1, ops->cfg_size + 1);
	int r = cfg ? opt_defaults(ops->options, cfg, err) : errf(err, -ENOMEM, "out of memory");

	if (r == 0)
		r = fn(ops, cfg, path, err);
	if (cfg)
		opt_done(ops->options, cfg);
	free(cfg);
	return r;
}

static int check_ask(const struct probe_ops *ops, const void *cfg, const char *path,
		     struct err *err)
{
	return ops->check ? ops->check(cfg, err) : 0;
}

/* A probe whose target is not on this machine has nothing to run for: that is no fault. */
static bool check_probes(void)
{
	bool fit = true;

	puts("Probes:");
	for (unsigned i = 0; i < probe_registry_n; i++) {
		const struct probe_ops *ops = probe_registry[i].ops;
		struct err err = {""};
		char detail[sizeof(err.text) + 128];
		int r = with_defaults(ops, &err, NULL, check_ask);

		snprintf(detail, sizeof(detail), "%s%s%s%s", ops->needs ? "needs " : "",
			 ops->needs ? ops->needs : "", ops->needs && err.text[0] ? ": " : "",
			 err.text);
		print_row(r == 0 ? "ok" : r == -ENOENT ? "absent" : "MISSING", ops->name, detail);
		fit &= r == 0 || r == -ENOENT;
	}
	return fit;
}

/* ---- one file ------------------------------------------------------------------------------ */

/* Returns the number of places. */
static int check_inspect(const struct probe_ops *ops, const void *cfg, const char *path,
			 struct err *err)
{
	struct probe_plan plan = {0};
	int r = discovery_inspect(ops, cfg, path, &plan, err);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < plan.n; i++) {
		const struct probe_hook *hook = &ops->hooks[plan.v[i].hook];
		const char *note = plan.v[i].note;

		printf("%s: %s %s at %s+0x%llx%s%s\n", ops->name,
		       hook->ret ? "uretprobe" : "uprobe", hook->symbol, path,
		       (unsigned long long)plan.v[i].offset, note[0] ? ": " : "", note);
	}
	return (int)plan.n;
}

static int check_target(const struct cli_call *call, const char *path, struct err *err)
{
	struct err why = {""};
	bool found = false, broken = false;

	for (unsigned i = 0; i < probe_registry_n; i++) {
		const struct probe_ops *ops = probe_registry[i].ops;
		int r = ops->inspect ? with_defaults(ops, &why, path, check_inspect) : 0;

		if (r == -ENOEXEC || r == -ENOENT)
			break;
		if (r < 0)
			printf("%s: %s\n", ops->name, why.text);
		found |= r > 0;
		broken |= r < 0;
	}
	if (found)
		return CLI_OK;
	if (!broken)
		errf(err, -ENOENT, "%s",
		     why.text[0] ? why.text : "no probe has anything to do there");
	return CLI_MISSING;
}

static int check_run(const struct cli_call *call, struct err *err)
{
	const struct check_cfg *cfg = call->cfg;
	bool fit;

	if (cfg->target)
		return check_target(call, cfg->target, err);
	fit = check_features();
	check_capabilities();
	fit &= check_probes();
	return fit ? CLI_OK : CLI_MISSING;
}

const struct cli_command cmd_check = {
	.name = "check",
	.usage = "[--target PATH]",
	.summary = "tell what this machine offers and whether the probes can run here",
	.text = "Exit status: 0 when every probe whose target is on this machine can run, else 3. "
		"With\n--target: 0 when some probe has a place in that file, else 3.",
	.examples = "penstock check --target /bin/bash\twhere the probes would sit in bash\n",
	.options = options,
	.cfg_size = sizeof(struct check_cfg),
	.run = check_run,
};
