/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/otlp/about.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum {
	KVLIST_VALUES = 1 /* field of KeyValueList */
};

static struct bytes text_base(struct bytes path)
{
	const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;

	if (!slash)
		return path;
	return (struct bytes){slash + 1, (size_t)(path.p + path.n - slash - 1)};
}

/* 2024-11-24T13:08:00.123456789Z */
static void about_creation(struct attributes *a, uint64_t unix_ns, struct about_times *times)
{
	uint8_t text[PUT_DATE + 11], *p;

	if (unix_ns / 1000000000 != times->second) {
		times->second = unix_ns / 1000000000;
		put_date(times->date, times->second);
	}
	p = put_mem(text, times->date, PUT_DATE);
	*p++ = '.';
	p = put_digits(p, unix_ns % 1000000000, 9);
	*p++ = 'Z';
	attribute_own(a, BYTES("process.creation.time"),
		      (struct bytes){(const char *)text, sizeof(text)});
}

static void about_parent(struct attributes *a, const struct proc *parent)
{
	attribute_int(a, BYTES("pid"), parent->pid);
	attribute_text(a, BYTES("comm"), parent->comm);
	attribute_text(a, BYTES("exe"), parent->exe);
	attribute_int(a, BYTES("start_boot_ns"), (int64_t)parent->start_boot_ns);
}

/* An array of lists, the parent first. */
static void about_parents(struct attributes *a, const struct proc *proc)
{
	struct pb_write_message attribute, value, array, element, list;
	uint8_t *p = a->p;
	unsigned n = 0;

	if (!proc->parent)
		return;
	p = pb_write_begin(pb_write_tag(p, a->field, PB_WRITE_LENGTH), 300, &attribute);
	p = pb_write_item(p, 1, BYTES("penstock.process.ancestors"));
	p = pb_write_begin(pb_write_tag(p, 2, PB_WRITE_LENGTH), 250, &value);
	p = pb_write_begin(pb_write_tag(p, ATTRIBUTE_ARRAY, PB_WRITE_LENGTH), 250, &array);
	for (proc = proc->parent; proc && n < PROC_ANCESTORS; proc = proc->parent, n++) {
		struct attributes own = {.field = KVLIST_VALUES};

		p = pb_write_begin(pb_write_tag(p, 1, PB_WRITE_LENGTH), 100, &element);
		own.p = pb_write_begin(pb_write_tag(p, ATTRIBUTE_KVLIST, PB_WRITE_LENGTH), 100,
				       &list);
		about_parent(&own, proc);
		p = pb_write_end(pb_write_end(own.p, &list), &element);
	}
	a->p = pb_write_end(pb_write_end(pb_write_end(p, &array), &value), &attribute);
}

/* What is long, and the same in all events of a process. */
static void about_image(struct attributes *a, const struct event *ev)
{
	const struct proc *proc = ev->proc;

	if (ev->kind != EVENT_EXEC) { /* which has both itself, and whole */
		attribute_texts(a, BYTES("process.command_args"), proc->cmdline);
		if (ev->kind != EVENT_LINE)
			attribute_text(a, BYTES("process.working_directory"), proc->cwd);
	}
	attribute_text(a, BYTES("process.linux.cgroup"), proc->cgroup);
	about_parents(a, proc);
}

void about_process(struct attributes *a, const struct event *ev, struct about_times *times)
{
	const struct proc *proc = ev->proc;

	attribute_int(a, BYTES("process.pid"), proc->pid);
	attribute_int(a, BYTES("process.parent_pid"), proc->ppid);
	attribute_int(a, BYTES("process.user.id"), proc->uid);
	attribute_int(a, BYTES("penstock.process.gid"), proc->gid);
	if (proc->loginuid != UINT32_MAX)
		attribute_int(a, BYTES("penstock.process.loginuid"), proc->loginuid);
	if (proc->ns_pid)
		attribute_int(a, BYTES("process.vpid"), proc->ns_pid);
	about_creation(a, proc->start_unix_ns, times);
	attribute_int(a, BYTES("penstock.process.start_boot_ns"), (int64_t)proc->start_boot_ns);
	attribute_text(a, BYTES("penstock.process.comm"), proc->comm);
	attribute_text(a, BYTES("process.executable.name"), text_base(proc->exe));
	attribute_text(a, BYTES("process.executable.path"), proc->exe);
	if (proc->cgroup_id)
		attribute_count(a, BYTES("penstock.process.cgroup_id"), proc->cgroup_id);
	attribute_text(a, BYTES("container.id"), proc->container);
	attribute_text(a, BYTES("k8s.pod.uid"), proc->pod);
	if (ev->proc_first)
		about_image(a, ev);
}

static void about_end(struct attributes *a, const struct flow *flow, bool local, struct bytes key,
		      struct bytes port_key)
{
	char text[PUT_ADDRESS];
	uint8_t *end =
		put_address((uint8_t *)text, flow->family, local ? flow->local : flow->remote);

	attribute_own(a, key, (struct bytes){text, (size_t)((char *)end - text)});
	attribute_int(a, port_key, local ? flow->local_port : flow->remote_port);
}

static void about_addresses(struct attributes *a, const struct flow *flow)
{
	struct bytes type = flow->family == AF_INET6 ? BYTES("ipv6") : BYTES("ipv4");

	attribute_own(a, BYTES("network.type"), type);
	about_end(a, flow, true, BYTES("network.local.address"), BYTES("network.local.port"));
	about_end(a, flow, false, BYTES("network.peer.address"), BYTES("network.peer.port"));
	if (flow->role == FLOW_ROLE_CLIENT)
		about_end(a, flow, false, BYTES("server.address"), BYTES("server.port"));
	else if (flow->role == FLOW_ROLE_SERVER)
		about_end(a, flow, false, BYTES("client.address"), BYTES("client.port"));
}

static struct bytes protocol_name(enum protocol protocol)
{
	if (protocol == PROTOCOL_HTTP1 || protocol == PROTOCOL_HTTP2)
		return BYTES("http");
	if (protocol == PROTOCOL_POSTGRES)
		return BYTES("postgresql");
	return bytes_of(event_protocol_name(protocol));
}

static void about_transport(struct attributes *a, uint8_t ip_proto)
{
	if (ip_proto == IPPROTO_TCP)
		attribute_own(a, BYTES("network.transport"), BYTES("tcp"));
	else if (ip_proto == IPPROTO_UDP)
		attribute_own(a, BYTES("network.transport"), BYTES("udp"));
	else if (ip_proto)
		attribute_int(a, BYTES("penstock.ip_proto"), ip_proto);
}

/* The convention has one name for all versions of HTTP, of which only the second is certain. */
static void about_protocol(struct attributes *a, enum protocol protocol)
{
	if (protocol == PROTOCOL_UNKNOWN)
		return;
	attribute_own(a, BYTES("network.protocol.name"), protocol_name(protocol));
	if (protocol == PROTOCOL_HTTP2)
		attribute_own(a, BYTES("network.protocol.version"), BYTES("2"));
	attribute_own(a, BYTES("penstock.protocol"), bytes_of(event_protocol_name(protocol)));
}

void about_flow(struct attributes *a, const struct flow *flow)
{
	uint64_t id = htobe64(flow->id);

	attribute_hex(a, BYTES("penstock.conn_id"), &id, sizeof(id));
	if (flow->family)
		about_addresses(a, flow);
	about_transport(a, flow->ip_proto);
	about_protocol(a, flow->protocol);
	if (flow->role)
		attribute_own(a, BYTES("penstock.role"),
			      flow->role == FLOW_ROLE_CLIENT ? BYTES("client") : BYTES("server"));
	if (flow->netns)
		attribute_int(a, BYTES("penstock.netns"), flow->netns);
	if (flow->cookie)
		attribute_count(a, BYTES("penstock.socket_cookie"), flow->cookie);
}
