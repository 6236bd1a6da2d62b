/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/pcapng/comment.h"

#include <arpa/inet.h>
#include <stdio.h>

const struct bytes pcapng_comment_unseen =
	BYTES("bytes that the kernel took from a file (SSL_sendfile): counted, not seen");

static int address_text(char *to, size_t n, uint8_t family, const uint8_t address[16],
			uint16_t port)
{
	char text[INET6_ADDRSTRLEN];

	if (!family)
		return snprintf(to, n, "unknown");
	inet_ntop(family, address, text, sizeof(text));
	return snprintf(to, n, family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
}

/* pid=1234 comm=curl orig=192.0.2.1:443 protocol=http1 library=openssl */
size_t pcapng_comment_syn(char *to, const struct event *ev, const struct pcapng_comment *about)
{
	const struct flow *f = ev->flow;
	const struct proc *proc = ev->proc;
	const size_t room = PCAPNG_COMMENT_MAX;
	char client[64], server[64];
	size_t n = 0;

	address_text(about->client ? client : server, sizeof(client), f->family, f->local,
		     f->local_port);
	address_text(about->client ? server : client, sizeof(client), f->family, f->remote,
		     f->remote_port);
	if (proc)
		n += snprintf(to, room, "pid=%u comm=%.*s ", proc->pid,
			      proc->comm.n < 64 ? (int)proc->comm.n : 64, proc->comm.p);
	n += snprintf(to + n, room - n, "orig=%s", server);
	if (about->made_up)
		n += snprintf(to + n, room - n, " client=%s netns=%u", client, f->netns);
	n += snprintf(to + n, room - n, " protocol=%s library=%s%s%s",
		      event_protocol_name(f->protocol), ev->data.library,
		      ev->data.late ? " in_progress" : "", about->continued ? " continued" : "");
	return n;
}
