/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probes/elf/place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	WINDOW = 160, /* bytes of a function that are looked at */
	LEAST = 16,   /* there is no shorter one worth a probe */
	CALL = 0xe8,
	CALL_SIZE = 5,
	ARGUMENT_1 = 7, /* rdi, as it is written in an instruction */
};

struct code {
	uint64_t address;
	uint8_t v[WINDOW];
	size_t n;
};

/* size 0 = not known. */
static int code_read(const struct elf_file *elf, uint64_t address, uint64_t size, struct code *ret)
{
	uint64_t offset;

	if (elf_file_offset(elf, address, &offset))
		return -ENOENT;
	ret->address = address;
	ret->n = size && size < WINDOW ? size : WINDOW;
	/* the last function of a file may end before the window does */
	while (ret->n && elf_file_read(elf, offset, ret->v, ret->n))
		ret->n /= 2;
	return ret->n ? 0 : -ENOENT;
}

static int code_read_function(const struct elf_file *elf, const struct elf_symbol *f,
			      struct code *ret)
{
	return code_read(elf, f->address, f->size, ret);
}

static bool code_begins(const struct code *c, size_t at, const char *bytes, size_t n)
{
	return at + n <= c->n && !memcmp(c->v + at, bytes, n);
}

#define BEGINS(c, at, bytes) code_begins(c, at, bytes, sizeof(bytes) - 1)

/* Behind the landing pad of indirect branches, if there is one. */
static size_t code_behind_pad(const struct code *c)
{
	return BEGINS(c, 0, "\xf3\x0f\x1e\xfa") ? 4 : 0;
}

static int32_t code_int32(const struct code *c, size_t at)
{
	int32_t v;

	memcpy(&v, c->v + at, sizeof(v));
	return v;
}

/* ---- places ------------------------------------------------------------------------------- */

static const char *const names[] = {[PLACE_PUSH] = "push",
				    [PLACE_NOP] = "nop",
				    [PLACE_JUMP] = "jump",
				    [PLACE_SUB] = "sub rsp",
				    [PLACE_OTHER] = "other"};

/* Instructions that are known by their first bytes. On other processors than x86-64 none is, and
 * functions are probed where they begin. */
static const struct {
	enum place_instruction instruction;
	uint8_t n, code[3], mask[3];
} patterns[] = {
#if defined(__x86_64__)
	{PLACE_PUSH, 1, {0x50}, {0xf8}},
	{PLACE_PUSH, 2, {0x41, 0x50}, {0xff, 0xf8}},
	{PLACE_NOP, 1, {0x90}, {0xff}},
	{PLACE_NOP, 2, {0x66, 0x90}, {0xff, 0xff}},
	{PLACE_NOP, 2, {0x0f, 0x1f}, {0xff, 0xff}},
	{PLACE_JUMP, 1, {0xe9}, {0xff}},
	{PLACE_JUMP, 1, {0xeb}, {0xff}},
	{PLACE_JUMP, 1, {0x70}, {0xf0}},
	{PLACE_JUMP, 2, {0x0f, 0x80}, {0xff, 0xf0}},
	{PLACE_SUB, 3, {0x48, 0x83, 0xec}, {0xff, 0xff, 0xff}},
	{PLACE_SUB, 3, {0x48, 0x81, 0xec}, {0xff, 0xff, 0xff}},
#else
	{PLACE_OTHER},
#endif
};

static enum place_instruction code_instruction(const uint8_t code[PLACE_CODE])
{
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		bool same = true;

		for (size_t k = 0; k < patterns[i].n; k++)
			same &= (code[k] & patterns[i].mask[k]) == patterns[i].code[k];
		if (same)
			return patterns[i].instruction;
	}
	return PLACE_OTHER;
}

/* What changes neither an argument nor the stack: a probe may as well go behind it. */
static const struct {
	uint8_t n, code[3], size;
} harmless[] = {
#if defined(__x86_64__)
	{3, {0x48, 0x85, 0xff}, 3}, /* test %rdi,%rdi */
	{2, {0x83, 0x3d}, 7},       /* cmpl of a variable with a byte */
	{2, {0x80, 0x3d}, 7},       /* cmpb */
	{3, {0x48, 0x83, 0x3d}, 8}, /* cmpq */
	{2, {0x8b, 0x05}, 6},       /* mov of a variable to %eax, where results are */
	{3, {0x4c, 0x8b, 0x97}, 7}, /* mov of a field of the first argument to %r10 … */
	{3, {0x41, 0x80, 0xba}, 8}, /* … and cmpb of what that points to */
#else
	{0},
#endif
};

/* How long such an instruction at c->v[at] is; 0 = there is none. */
static size_t code_harmless(const struct code *c, size_t at)
{
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (harmless[i].n &&
		    code_begins(c, at, (const char *)harmless[i].code, harmless[i].n))
			return harmless[i].size;
	return 0;
}

/* Where the probe goes whose function begins at c->v[at]: behind harmless instructions when it
 * is cheap there. A register is pushed once in each call, and before that the stack is untouched.
 */
static size_t code_cheap(const struct code *c, size_t at, bool returns)
{
	enum place_instruction next;
	size_t behind = at, n;

	do {
		n = code_harmless(c, behind);
		behind += n;
		if (behind + PLACE_CODE > c->n)
			return at;
	} while (n);
	next = code_instruction(c->v + behind);
	return next == PLACE_PUSH || (next == PLACE_JUMP && !returns) ? behind : at;
}

int place_find(const struct elf_file *elf, uint64_t address, bool returns, struct place *ret)
{
	struct place place;
	struct code c;
	size_t at;

	if (code_read(elf, address, 0, &c) || c.n < LEAST)
		return -ENOENT;
	at = code_cheap(&c, code_behind_pad(&c), returns);
	place.address = address + at;
	if (elf_file_offset(elf, place.address, &place.offset))
		return -ENOENT;
	memcpy(place.code, c.v + at, sizeof(place.code));
	place.instruction = code_instruction(place.code);
	*ret = place;
	return 0;
}

const char *place_text(const struct place *p, char ret[PLACE_TEXT])
{
	snprintf(ret, PLACE_TEXT, "%02x %02x %02x %02x %s, %s", p->code[0], p->code[1], p->code[2],
		 p->code[3], names[p->instruction], p->instruction < PLACE_SUB ? "cheap" : "dear");
	return ret;
}

/* ---- calls -------------------------------------------------------------------------------- */

/* Where the direct call at c->v[at] leads; 0 = there is none. */
static uint64_t code_call_target(const struct code *c, size_t at)
{
	if (at + CALL_SIZE > c->n || c->v[at] != CALL)
		return 0;
	return c->address + at + CALL_SIZE + (uint64_t)(int64_t)code_int32(c, at + 1);
}

uint64_t place_wrapped(const struct elf_file *elf, const struct elf_symbol *function)
{
	uint64_t target;
	struct place p;
	struct code c;
	size_t at;

	if (code_read_function(elf, function, &c))
		return 0;
	at = code_behind_pad(&c);
	/* all that may come before the call: aligning the stack, or a frame pointer */
	if (BEGINS(&c, at, "\x48\x83\xec\x08") || BEGINS(&c, at, "\x55\x48\x89\xe5"))
		at += 4;
	else if (BEGINS(&c, at, "\x50"))
		at++;
	target = code_call_target(&c, at);
	if (!target || place_find(elf, target, true, &p))
		return 0;
	/* a stub that jumps on to another library does not begin like that */
	return p.instruction == PLACE_PUSH || p.instruction == PLACE_SUB ? target : 0;
}

bool place_calls(const struct elf_file *elf, const struct elf_symbol *function, uint64_t target)
{
	struct code c;

	if (code_read_function(elf, function, &c))
		return false;
	for (size_t at = 0; at < c.n; at++)
		if (code_call_target(&c, at) == target)
			return true;
	return false;
}

uint64_t place_behind_call(const struct elf_file *elf, const struct elf_symbol *function,
			   uint64_t target)
{
	uint64_t found = 0;
	struct code c;

	if (code_read_function(elf, function, &c))
		return 0;
	for (size_t at = 0; at < c.n; at++) {
		if (code_call_target(&c, at) != target)
			continue;
		if (found)
			return 0;
		found = c.address + at + CALL_SIZE;
	}
	return found;
}

/* ---- fields ------------------------------------------------------------------------------- */

struct operand {
	unsigned reg, base; /* registers */
	int32_t displacement;
};

/* [rex.w] opcode, register, displacement(base): `mov` loads, `lea` takes the address. */
static bool code_operand(const struct code *c, size_t at, uint8_t opcode, struct operand *ret)
{
	uint8_t rex, modrm;

	if (at + 4 > c->n || c->v[at + 1] != opcode)
		return false;
	rex = c->v[at];
	modrm = c->v[at + 2];
	if ((rex & 0xf8) != 0x48 || (modrm & 7) == 4) /* not 64 bits wide; with an index */
		return false;
	ret->reg = (modrm >> 3 & 7) | (rex & 4) << 1;
	ret->base = (modrm & 7) | (rex & 1) << 3;
	if (modrm >> 6 == 1 && c->v[at + 3] < 0x80)
		ret->displacement = c->v[at + 3];
	else if (modrm >> 6 == 2 && at + 7 <= c->n)
		ret->displacement = code_int32(c, at + 3);
	else
		return false;
	return ret->displacement >= 0;
}

/* add $displacement,register of 64 bits */
static bool code_addend(const struct code *c, size_t at, unsigned reg, int32_t *ret)
{
	if (at + 4 > c->n || c->v[at] != (0x48 | reg >> 3) || c->v[at + 1] != 0x83 ||
	    c->v[at + 2] != (0xc0 | (reg & 7)) || c->v[at + 3] >= 0x80)
		return false;
	*ret = c->v[at + 3];
	return true;
}

int place_field(const struct elf_file *elf, const struct elf_symbol *function, int32_t *ret_in,
		int32_t *ret_at)
{
	enum {
		MOV = 0x8b,
		LEA = 0x8d
	};
	struct operand o;
	struct code c;
	unsigned holder = ARGUMENT_1; /* register with the address of what holds the field */
	int32_t in = -1;

	if (code_read_function(elf, function, &c))
		return -ENOENT;
	for (size_t at = 0; at < c.n; at++) {
		if (in < 0 && code_operand(&c, at, MOV, &o) && o.base == ARGUMENT_1) {
			in = o.displacement;
			holder = o.reg;
		} else if (code_operand(&c, at, LEA, &o) &&
			   (o.base == holder || o.base == ARGUMENT_1)) {
			*ret_in = o.base == holder ? in : -1;
			*ret_at = o.displacement;
			return 0;
		} else if (in >= 0 && code_addend(&c, at, holder, ret_at)) {
			*ret_in = in;
			return 0;
		}
	}
	return -ENOENT;
}
