/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/keys.h"

#include <sys/socket.h>

enum {
	KEY_HEAD = 2 /* type and length */
};

void keys_put(struct chunk *c, enum key_type type, const void *p, size_t n)
{
	uint8_t *to;

	if (!c->keys)
		return;
	if (n > KEY_VALUE)
		n = KEY_VALUE;
	if (c->keys_n + KEY_HEAD + n > CHUNK_KEYS) {
		c->keys_full = true;
		return;
	}
	to = c->keys + c->keys_n;
	to[0] = (uint8_t)type;
	to[1] = (uint8_t)n;
	memcpy(to + KEY_HEAD, p, n);
	c->keys_n += (uint32_t)(KEY_HEAD + n);
}

bool keys_take(struct bytes *rest, enum key_type *ret_type, struct bytes *ret_value)
{
	const uint8_t *p = (const uint8_t *)rest->p;
	size_t n;

	if (rest->n < KEY_HEAD || !p[0] || p[0] >= KEY_TYPES)
		return false;
	n = KEY_HEAD + p[1];
	if (n > rest->n)
		return false;
	*ret_type = (enum key_type)p[0];
	*ret_value = (struct bytes){rest->p + KEY_HEAD, p[1]};
	*rest = (struct bytes){rest->p + n, rest->n - n};
	return true;
}

static void keys_put_number(struct chunk *c, enum key_type type, uint64_t value, size_t size)
{
	uint8_t le[8];

	bytes_put_le(le, value, size);
	keys_put(c, type, le, size);
}

static void keys_put_text(struct chunk *c, enum key_type type, struct bytes text)
{
	if (text.n)
		keys_put(c, type, text.p, text.n);
}

static void keys_of_proc(struct chunk *c, const struct proc *proc)
{
	keys_put_number(c, KEY_PID, proc->pid, 4);
	keys_put_number(c, KEY_UID, proc->uid, 4);
	keys_put_text(c, KEY_COMM, proc->comm);
	keys_put_text(c, KEY_EXE, proc->exe);
	keys_put_text(c, KEY_CONTAINER, proc->container);
}

struct bytes keys_address(uint8_t family, const uint8_t address[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const char *p = (const char *)address;

	if (family == AF_INET)
		return (struct bytes){p, 4};
	return memcmp(p, mapped, sizeof(mapped)) ? (struct bytes){p, 16}
						 : (struct bytes){p + sizeof(mapped), 4};
}

static void keys_put_end(struct chunk *c, uint8_t family, const uint8_t address[16], uint16_t port)
{
	struct bytes a = keys_address(family, address);

	keys_put(c, KEY_ADDRESS, a.p, a.n);
	keys_put_number(c, KEY_PORT, port, 2);
}

static void keys_of_flow(struct chunk *c, const struct flow *flow)
{
	keys_put_number(c, KEY_CONN, flow->id, 8);
	if (!flow->family)
		return;
	keys_put_end(c, flow->family, flow->local, flow->local_port);
	keys_put_end(c, flow->family, flow->remote, flow->remote_port);
}

void keys_of_event(struct chunk *c, const struct event *ev, bool first_proc, bool first_flow)
{
	if (ev->proc && first_proc)
		keys_of_proc(c, ev->proc);
	if (ev->flow && first_flow)
		keys_of_flow(c, ev->flow);
}

void keys_of_change(struct keys_memory *m, struct chunk *c, const struct proc *proc)
{
	struct keys_told *told = &m->v[proc->pid % KEYS_MEMORY];
	struct keys_told now = {.pid = proc->pid,
				.uid = proc->uid,
				.generation = c->generation,
				.comm_n = (uint32_t)proc->comm.n};

	if (proc->comm.n)
		memcpy(now.comm, proc->comm.p,
		       proc->comm.n < sizeof(now.comm) ? proc->comm.n : sizeof(now.comm));
	if (!memcmp(told, &now, sizeof(now)))
		return;
	*told = now;
	keys_put_number(c, KEY_UID, proc->uid, 4);
	keys_put_text(c, KEY_COMM, proc->comm);
}
