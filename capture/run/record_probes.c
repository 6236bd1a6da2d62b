/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/run/record_probes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/base/near.h"
#include "capture/run/record.h"
#include "kern/events.h"

_Static_assert((int)RECORD_PROBES_MAX >= (int)PROBE_MAX, "every probe at once");

static int unknown_probe(const char *name, struct err *err)
{
	struct near near = NEAR(name);
	char hint[NEAR_HINT];

	for (unsigned i = 0; i < probe_registry_n; i++)
		near_try(&near, probe_registry[i].ops->name);
	near_hint(&near, "", hint);
	return errf(err, -EINVAL, "-p: unknown probe '%s'%s", name,
		    *hint ? hint : " (penstock probes lists them)");
}

static int probes_add(struct record_probes *p, const struct probe_ops *ops,
		      struct record_probe **ret, struct err *err)
{
	if (record_probes_find(p, ops->name))
		return errf(err, -EINVAL, "-p: probe '%s' is given twice", ops->name);
	assert(p->n < RECORD_PROBES_MAX); /* each probe is there once */
	*ret = &p->v[p->n++];
	(*ret)->ops = ops;
	(*ret)->number = probe_number(ops);
	(*ret)->ctx = calloc(1, ops->ctx_size + 1);
	return (*ret)->ctx ? 0 : errf(err, -ENOMEM, "out of memory");
}

static int add_text(struct record_probes *p, const char *text, struct err *err)
{
	char *copy = strdup(text), *rest = copy, *name, *value, label[64];
	const struct probe_ops *ops;
	struct record_probe *probe;
	int r;

	if (!copy)
		return errf(err, -ENOMEM, "out of memory");
	opt_pair(&rest, &name, &value);
	ops = value ? NULL : probe_by_name(name);
	r = ops ? probes_add(p, ops, &probe, err) : unknown_probe(name, err);
	if (r < 0) {
		free(copy);
		return r;
	}
	probe->text = copy;
	probe->cfg = probe->own_cfg = calloc(1, ops->cfg_size + 1);
	if (!probe->own_cfg)
		return errf(err, -ENOMEM, "out of memory");
	snprintf(label, sizeof(label), "-p %s", name);
	r = opt_defaults(ops->options, probe->own_cfg, err);
	return r < 0 ? r : opt_set_pairs(ops->options, probe->own_cfg, rest, label, err);
}

int record_probes_select(const struct record_config *cfg, struct record_probes *ret,
			 struct err *err)
{
	struct record_probe *own;
	int r = 0;

	if (cfg->probe) {
		r = probes_add(ret, cfg->probe, &own, err);
		if (r == 0)
			own->cfg = cfg->probe_cfg;
	}
	for (unsigned i = 0; i < cfg->probes.n && r == 0; i++)
		r = add_text(ret, cfg->probes.v[i], err);
	if (r == 0 && !ret->n)
		r = errf(err, -EINVAL, "no probe is given: -p PROBE (penstock probes lists them)");
	return r;
}

const struct record_probe *record_probes_find(const struct record_probes *p, const char *name)
{
	for (unsigned i = 0; i < p->n; i++)
		if (!strcmp(p->v[i].ops->name, name))
			return &p->v[i];
	return NULL;
}

void record_probes_bits(const struct record_probes *p, uint64_t ret[4])
{
	for (unsigned i = 0; i < p->n; i++)
		ret[p->v[i].number / 64] |= 1ull << p->v[i].number % 64;
}

int record_probes_initialize(struct record_probes *p, struct core *core, uint32_t max_payload,
			     struct err *err)
{
	for (unsigned i = 0; i < p->n; i++) {
		struct record_probe *probe = &p->v[i];
		int r = 0;

		probe->env = (struct probe_env){.core = core_object(core),
						.number = probe->number,
						.max_payload = max_payload};
		if (probe->ops->initialize)
			r = probe->ops->initialize(probe->ctx, probe->cfg, &probe->env, err);
		if (r < 0)
			return r;
		if (probe->ops->hooks)
			p->hooked[p->hooked_n++] = (struct discovery_probe){
				probe->ops, probe->number, probe->cfg, probe->ctx};
	}
	return 0;
}

int record_probes_start(struct record_probes *p, struct err *err)
{
	for (unsigned i = 0; i < p->n; i++) {
		struct record_probe *probe = &p->v[i];
		int r = probe->ops->start ? probe->ops->start(probe->ctx, err) : 0;

		if (r < 0)
			return r;
		probe->started = true;
	}
	return 0;
}

void record_probes_stop(struct record_probes *p)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->v[i].started && p->v[i].ops->stop)
			p->v[i].ops->stop(p->v[i].ctx);
}

void record_probes_done(struct record_probes *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		struct record_probe *probe = &p->v[i];

		if (probe->ctx && probe->ops->close)
			probe->ops->close(probe->ctx);
		if (probe->own_cfg)
			opt_done(probe->ops->options, probe->own_cfg);
		free(probe->own_cfg);
		free(probe->ctx);
		free(probe->text);
	}
	*p = (struct record_probes){0};
}
