/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/pcapng/packet.h"

#include <string.h>

#include "encoders/write/put.h"

enum packet_option {
	PACKET_FLAGS = 2,
	PACKET_PROCESS_THREAD = 8,
	PACKET_DARWIN_PROCESS = 0x8001
};
enum process_option {
	PROCESS_NAME = 2
};
enum packet_flags {
	PACKET_INBOUND = 1,
	PACKET_OUTBOUND = 2
};

uint8_t *pcapng_packet_begin(uint8_t *block, const struct pcapng_packet *packet)
{
	uint8_t *p = pcapng_block_begin(block, PCAPNG_PACKET);

	p = pcapng_block_u32(p, packet->interface);
	p = pcapng_block_stamp(p, packet->unix_ns);
	p = pcapng_block_u32(p, packet->n); /* captured, and on the wire */
	return pcapng_block_u32(p, packet->n + packet->unseen);
}

static uint8_t *option_u32(uint8_t *p, uint16_t code, uint32_t v)
{
	return pcapng_block_u32(pcapng_block_option(p, code, sizeof(v)), v);
}

static uint8_t *process_options(uint8_t *p, const struct pcapng_packet *packet)
{
	if (packet->pid) {
		p = pcapng_block_option(p, PACKET_PROCESS_THREAD, 2 * sizeof(uint32_t));
		p = pcapng_block_u32(pcapng_block_u32(p, packet->pid), packet->tid);
	}
	if (packet->process != PCAPNG_NO_PROCESS)
		p = option_u32(p, PACKET_DARWIN_PROCESS, packet->process);
	return p;
}

uint8_t *pcapng_packet_end(uint8_t *block, const struct pcapng_packet *packet, uint8_t *frame)
{
	uint8_t *p = frame + packet->n;
	bool out = packet->direction == DIRECTION_TRANSMIT;

	memset(p, 0, 3);
	p = frame + ((packet->n + 3) & ~3u);
	if (packet->comment.n)
		p = pcapng_block_text(p, PCAPNG_OPTION_COMMENT, packet->comment);
	p = option_u32(p, PACKET_FLAGS, out ? PACKET_OUTBOUND : PACKET_INBOUND);
	p = process_options(p, packet);
	return pcapng_block_end(block, pcapng_block_option(p, PCAPNG_OPTION_END, 0));
}

uint8_t *pcapng_packet_process(uint8_t *block, uint32_t pid, struct bytes comm)
{
	uint8_t *p = pcapng_block_begin(block, PCAPNG_PROCESS);

	if (comm.n > PCAPNG_PROCESS_NAME)
		comm.n = PCAPNG_PROCESS_NAME;
	p = pcapng_block_u32(p, pid);
	p = pcapng_block_text(p, PROCESS_NAME, comm);
	return pcapng_block_end(block, pcapng_block_option(p, PCAPNG_OPTION_END, 0));
}
