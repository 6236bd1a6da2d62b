/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/pcapng/ends.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <string.h>

#define PEER_LATE_NS 10000000000ull

/* In which sense a tuple is unique. */
enum space {
	SPACE_NETNS,   /* real addresses in one network namespace */
	SPACE_ANY,     /* real addresses in whichever namespace they were seen last */
	SPACE_WRITTEN, /* as written, from client to server */
	SPACES         /* a conversation is listed in each */
};

/* 44 bytes without padding: compared as memory. */
struct tuple {
	uint8_t from[16], to[16];
	uint16_t from_port, to_port;
	uint32_t netns;
	uint8_t family, space, content, zero;
};

struct tuple_entry {
	struct tuple key;
	uint64_t flow; /* whose it is */
};

int pcapng_ends_init(struct pcapng_ends *e, const struct lru *conversations, uint32_t max)
{
	_Static_assert(sizeof(struct tuple) == 44, "a key has no padding");
	*e = (struct pcapng_ends){.conversations = conversations};
	e->tuples = lru_new(SPACES * max, sizeof(struct tuple_entry), sizeof(struct tuple));
	return e->tuples ? 0 : -ENOMEM;
}

void pcapng_ends_done(struct pcapng_ends *e)
{
	lru_free(e->tuples);
}

static void copy_address(uint8_t to[16], const uint8_t from[16], uint8_t family)
{
	memcpy(to, from, family == AF_INET6 ? 16 : 4);
}

/* ---- which end is written ------------------------------------------------------------------ */

static bool is_loopback(const struct flow *f)
{
	static const uint8_t one[16] = {[15] = 1};

	return f->family == AF_INET6 ? !memcmp(f->local, one, 16) : f->local[0] == 127;
}

/* The tuple of f seen from `from`. */
static struct tuple tuple_real(const struct flow *f, enum side from, enum space space,
			       enum pcapng_content content)
{
	bool local = from == SIDE_LOCAL;
	struct tuple k = {.family = f->family,
			  .space = space,
			  .content = content,
			  .netns = space == SPACE_NETNS ? f->netns : 0,
			  .from_port = local ? f->local_port : f->remote_port,
			  .to_port = local ? f->remote_port : f->local_port};

	copy_address(local ? k.from : k.to, f->local, f->family);
	copy_address(local ? k.to : k.from, f->remote, f->family);
	return k;
}

static bool is_other_end(const struct pcapng_end *owner, const struct flow *f, uint64_t now_ns)
{
	return owner->flow != f->id && !owner->duplicate && !owner->paired &&
	       !(owner->cookie && owner->cookie == f->cookie) &&
	       !(owner->role && owner->role == f->role) &&
	       !(owner->closed_ns && now_ns > owner->closed_ns + PEER_LATE_NS);
}

/* The conversation that f is the other end of; NULL = none. */
static struct pcapng_end *find_owner(const struct pcapng_ends *e, const struct flow *f,
				     enum pcapng_content content, uint64_t now_ns)
{
	enum space last = is_loopback(f) ? SPACE_NETNS : SPACE_ANY;

	for (enum space space = SPACE_NETNS; space <= last; space++) {
		struct tuple k = tuple_real(f, SIDE_REMOTE, space, content);
		const struct tuple_entry *t = lru_peek(e->tuples, &k);
		struct pcapng_end *owner = t ? lru_peek(e->conversations, &t->flow) : NULL;

		if (owner && is_other_end(owner, f, now_ns))
			return owner;
	}
	return NULL;
}

static void list_tuples(struct pcapng_ends *e, const struct flow *f, enum pcapng_content content)
{
	for (enum space space = SPACE_NETNS; space <= SPACE_ANY; space++) {
		struct tuple k = tuple_real(f, SIDE_LOCAL, space, content);
		struct tuple_entry *t = lru_put(e->tuples, &k, NULL);

		t->flow = f->id;
	}
}

void pcapng_ends_meet(struct pcapng_ends *e, struct pcapng_end *end, const struct event *ev,
		      enum pcapng_content content, bool begun)
{
	const struct flow *f = ev->flow;
	struct pcapng_end *owner;

	assert(end->flow == f->id && f->family && !end->listed);
	end->listed = true;
	end->cookie = f->cookie;
	end->role = f->role;
	owner = begun ? NULL : find_owner(e, f, content, ev->time_boot_ns);
	end->duplicate = owner;
	if (owner)
		owner->paired = true;
	else
		list_tuples(e, f, content);
}

/* ---- under which addresses ----------------------------------------------------------------- */

static enum side client_of(const struct flow *f, enum direction first)
{
	if (f->role)
		return f->role == FLOW_ROLE_CLIENT ? SIDE_LOCAL : SIDE_REMOTE;
	if (f->family && f->local_port != f->remote_port)
		return f->local_port > f->remote_port ? SIDE_LOCAL : SIDE_REMOTE;
	return first == DIRECTION_TRANSMIT ? SIDE_LOCAL : SIDE_REMOTE;
}

/* Has another conversation that is open in this file these addresses? If not, `end` has them. */
static bool addresses_taken(struct pcapng_ends *e, const struct pcapng_end *end, uint8_t family,
			    const struct ethernet_end pair[SIDES])
{
	const struct ethernet_end *client = &pair[end->client], *server = &pair[!end->client];
	struct tuple k = {.family = family,
			  .space = SPACE_WRITTEN,
			  .from_port = client->port,
			  .to_port = server->port};
	const struct pcapng_end *other;
	struct tuple_entry *t;
	bool is_new;

	copy_address(k.from, client->address, family);
	copy_address(k.to, server->address, family);
	t = lru_put(e->tuples, &k, &is_new);
	other = is_new || t->flow == end->flow ? NULL : lru_peek(e->conversations, &t->flow);
	if (other && pcapng_ends_is_open(e, other))
		return true;
	t->flow = end->flow;
	return false;
}

static void addresses_make_up(const struct pcapng_end *end, uint8_t family,
			      struct ethernet_end pair[SIDES])
{
	uint32_t number = htonl(end->made_up);

	for (enum side side = SIDE_LOCAL; side < SIDES; side++) {
		uint8_t *a = pair[side].address, server = side != end->client;

		if (family == AF_INET6) {
			memcpy(a, (uint8_t[12]){0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, server}, 12);
			memcpy(a + 12, &number, 4);
		} else {
			memcpy(a, (uint8_t[4]){198, 18 + server, end->made_up >> 8, end->made_up},
			       4);
		}
	}
	if (!pair[end->client].port) /* not known; 65536 conversations share one */
		pair[end->client].port = 49152 + (end->made_up >> 16) % 16384;
}

void pcapng_ends_open(struct pcapng_ends *e, struct pcapng_end *end, const struct event *ev)
{
	const struct flow *f = ev->flow;
	uint8_t family = f->family ? f->family : AF_INET;
	struct ethernet_end pair[SIDES] = {
		[SIDE_LOCAL] = {.port = f->local_port}, [SIDE_REMOTE] = {.port = f->remote_port}};

	assert(e->generation && !pcapng_ends_is_open(e, end) && !end->duplicate);
	end->client = client_of(f, ev->data.direction);
	copy_address(pair[SIDE_LOCAL].address, f->local, family);
	copy_address(pair[SIDE_REMOTE].address, f->remote, family);
	pair[end->client].mac = 1;
	pair[!end->client].mac = 2;
	pair[!end->client].port = event_protocol_port(f->protocol);
	if (!end->made_up && (!f->family || addresses_taken(e, end, family, pair)))
		end->made_up = ++e->made_up;
	if (end->made_up)
		addresses_make_up(end, family, pair);
	end->generation = e->generation;
	ethernet_path_init(&end->path[SIDE_LOCAL], family, &pair[SIDE_LOCAL], &pair[SIDE_REMOTE]);
	ethernet_path_init(&end->path[SIDE_REMOTE], family, &pair[SIDE_REMOTE], &pair[SIDE_LOCAL]);
}

void pcapng_ends_close(struct pcapng_end *end, uint64_t now_ns)
{
	end->generation = 0;
	end->closed_ns = now_ns;
}
