/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probes/elf/accessor.h"

#include <errno.h>
#include <string.h>

enum {
	CODE_MAX = 512,    /* bytes of a function that are looked at */
	FIELD_MAX = 65536, /* no object is larger */
	LEA_SIZE = 7,
	SOON = 24,      /* bytes of code in which a register is not thought to be used again */
	ARGUMENT_1 = 7, /* rdi, as it is written in an instruction */
	ARGUMENT_2 = 6, /* rsi */
	RESULT = 0,     /* rax */
	WITH_INDEX = 4,
	MOV = 0x8b,
	MOV_TO = 0x89,
	LEA = 0x8d,
	RET = 0xc3
};

struct code {
	uint8_t v[CODE_MAX];
	size_t n;
};

static int code_read(const struct elf_file *elf, const char *name, struct code *ret)
{
	struct elf_symbol symbol;

	if (elf_file_symbol(elf, name, &symbol) || !symbol.function || !symbol.offset)
		return -ENOENT;
	ret->n = symbol.size < CODE_MAX ? symbol.size : CODE_MAX;
	return ret->n && !elf_file_read(elf, symbol.offset, ret->v, ret->n) ? 0 : -ENOENT;
}

/* The displacement of the operand whose first byte is at `at`; returns the bytes that it takes, 0
 * when it is none that is relative to a register alone. */
static size_t code_operand(const struct code *c, size_t at, int32_t *ret)
{
	uint8_t modrm;

	if (at >= c->n)
		return 0;
	modrm = c->v[at];
	*ret = 0;
	if ((modrm & 7) == WITH_INDEX)
		return 0;
	if (modrm >> 6 == 0 && (modrm & 7) != 5)
		return 1;
	if (modrm >> 6 == 1 && at + 2 <= c->n) {
		*ret = (int8_t)c->v[at + 1];
		return 2;
	}
	if (modrm >> 6 == 2 && at + 5 <= c->n) {
		memcpy(ret, c->v + at + 1, sizeof(*ret));
		return 5;
	}
	return 0;
}

/* Bytes of an instruction that changes nothing of the result: frames, tests for NULL. */
static size_t code_idle(const struct code *c, size_t at)
{
	static const struct {
		uint8_t n, all, code[4];
	} idle[] = {
		{4, 4, {0xf3, 0x0f, 0x1e, 0xfa}}, /* landing pad */
		{1, 1, {0x55}},                   /* push, pop %rbp */
		{1, 1, {0x5d}},
		{3, 3, {0x48, 0x89, 0xe5}}, /* mov %rsp,%rbp */
		{3, 3, {0x48, 0x85, 0xff}}, /* test %rdi,%rdi; %rax,%rax */
		{3, 3, {0x48, 0x85, 0xc0}},
		{2, 2, {0x31, 0xd2}}, /* xor %edx,%edx */
		{1, 2, {0x74}},       /* je */
	};

	for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++)
		if (at + idle[i].all <= c->n && !memcmp(c->v + at, idle[i].code, idle[i].n))
			return idle[i].all;
	return 0;
}

static bool accessor_add_field(struct accessor *a, int32_t displacement)
{
	if (displacement < 0 || a->address || (a->at >= 0 && a->in >= 0))
		return false;
	*(a->at < 0 ? &a->at : &a->in) = displacement;
	return true;
}

/* Takes the instruction at `at` into account; returns its bytes, 0 when it is not known. */
static size_t accessor_step(struct accessor *a, const struct code *c, size_t at)
{
	size_t n = code_idle(c, at), rex = c->v[at] == 0x48;
	uint8_t opcode, modrm;
	int32_t displacement;

	if (n)
		return n;
	if (at + rex + 2 > c->n)
		return 0;
	opcode = c->v[at + rex];
	modrm = c->v[at + rex + 1];
	/* add $displacement,%rax */
	if (rex && opcode == 0x83 && modrm == 0xc0 && at + 4 <= c->n) {
		if (a->at < 0 || !accessor_add_field(a, (int8_t)c->v[at + 3]))
			return 0;
		a->address = true;
		return 4;
	}
	n = code_operand(c, at + rex + 1, &displacement);
	if (!n || (modrm & 7) != (a->at < 0 ? ARGUMENT_1 : RESULT))
		return 0;
	/* cmpl $value,displacement(%rax) */
	if (!rex && opcode == 0x83 && (modrm >> 3 & 7) == 7)
		return accessor_add_field(a, displacement) ? 1 + n + 1 : 0;
	if ((opcode != MOV && (opcode != LEA || !rex)) || (modrm >> 3 & 7) != RESULT ||
	    !accessor_add_field(a, displacement))
		return 0;
	a->address = opcode == LEA;
	return rex + 1 + n;
}

int accessor_read(const struct elf_file *elf, const char *symbol, struct accessor *ret)
{
	struct accessor a = {.at = -1, .in = -1};
	struct code c;
	size_t at = 0, n;

	if (code_read(elf, symbol, &c))
		return -ENOENT;
	while (at < c.n) {
		/* a comparison is of a field that something is decided by: the last one */
		bool compares = c.v[at] == 0x83;

		if (c.v[at] == RET)
			break;
		n = accessor_step(&a, &c, at);
		if (!n)
			return -ENOENT;
		at += n;
		if (compares)
			break;
	}
	if (a.at < 0 || at >= c.n)
		return -ENOENT;
	*ret = a;
	return 0;
}

int accessor_first(const struct elf_file *elf, const char *symbol, int32_t *ret)
{
	struct code c;

	if (code_read(elf, symbol, &c))
		return -ENOENT;
	for (size_t at = 0; at + 3 <= c.n; at++)
		if ((c.v[at] & 0xfb) == 0x48 && c.v[at + 1] == MOV &&
		    (c.v[at + 2] & 7) == ARGUMENT_1 && code_operand(&c, at + 2, ret) && *ret >= 0)
			return 0;
	return -ENOENT;
}

int accessor_set(const struct elf_file *elf, const char *symbol, int32_t *ret)
{
	struct code c;

	if (code_read(elf, symbol, &c))
		return -ENOENT;
	for (size_t at = 0; at + 3 <= c.n; at++)
		if (c.v[at] == 0x48 && c.v[at + 1] == MOV_TO &&
		    (c.v[at + 2] & 0x3f) == (ARGUMENT_2 << 3 | ARGUMENT_1) &&
		    code_operand(&c, at + 2, ret) && *ret >= 0)
			return 0;
	return -ENOENT;
}

int accessor_repeated(const struct elf_file *elf, const char *symbol, int32_t least, int32_t *ret)
{
	int32_t found = -1, displacement;
	struct code c;
	unsigned n = 0;

	if (code_read(elf, symbol, &c))
		return -ENOENT;
	for (size_t at = 1; at + 6 <= c.n; at++) {
		if ((c.v[at - 1] & 0xf8) == 0x48 || c.v[at] != MOV || c.v[at + 1] >> 6 != 2 ||
		    !code_operand(&c, at + 1, &displacement) || displacement <= least)
			continue;
		if (found >= 0 && displacement != found)
			return -ENOENT;
		found = displacement;
		n++;
	}
	*ret = found;
	return n > 1 ? 0 : -ENOENT;
}

/* The field of the move whose opcode is at `at`, if there is such a one. */
static bool code_moves(const struct code *c, size_t at, const struct accessor_move *m, int32_t *ret)
{
	static const struct {
		uint8_t opcode, wide;
	} known[] = {
		[ACCESSOR_LOAD_32] = {MOV, 0},     [ACCESSOR_LOAD_64] = {MOV, 8},
		[ACCESSOR_STORE_32] = {MOV_TO, 0}, [ACCESSOR_STORE_64] = {MOV_TO, 8},
		[ACCESSOR_ADDRESS] = {LEA, 8},
	};
	unsigned rex = at && c->v[at - 1] >> 4 == 4 ? c->v[at - 1] : 0;

	return c->v[at] == known[m->how].opcode && (rex & 8) == known[m->how].wide &&
	       at + 1 < c->n && ((c->v[at + 1] >> 3 & 7) | (rex & 4) << 1) == m->reg &&
	       code_operand(c, at + 1, ret) && *ret >= m->least && *ret <= m->most;
}

int accessor_moves(const struct elf_file *elf, const char *symbol, const struct accessor_move *move,
		   int32_t *ret)
{
	int32_t found = -1, displacement;
	struct code c;

	if (code_read(elf, symbol, &c))
		return -ENOENT;
	for (size_t at = 0; at < c.n; at++) {
		if (!code_moves(&c, at, move, &displacement) || displacement < 0)
			continue;
		if (found >= 0 && displacement != found)
			return -ENOENT;
		found = displacement;
		if (move->first)
			break;
	}
	*ret = found;
	return found >= 0 ? 0 : -ENOENT;
}

/* Is the instruction at `at` a 64 bit `mov` of register `reg` to the field at `to`? */
static bool code_stores(const struct code *c, size_t at, unsigned reg, int32_t to)
{
	int32_t displacement;

	return at + 3 <= c->n && (c->v[at] & 0xfa) == 0x48 && c->v[at + 1] == MOV_TO &&
	       ((c->v[at + 2] >> 3 & 7) | (c->v[at] & 4) << 1) == (int)reg &&
	       code_operand(c, at + 2, &displacement) && displacement == to;
}

int accessor_sets(const struct elf_file *elf, const char *symbol, int32_t at, uint64_t *ret)
{
	struct elf_symbol function;
	int32_t displacement;
	struct code c;

	if (elf_file_symbol(elf, symbol, &function) || code_read(elf, symbol, &c))
		return -ENOENT;
	/* lea displacement(%rip),register, and soon after it goes to the field */
	for (size_t i = 0; i + LEA_SIZE <= c.n; i++) {
		unsigned reg = (c.v[i + 2] >> 3 & 7) | (c.v[i] & 4) << 1;

		if ((c.v[i] & 0xfb) != 0x48 || c.v[i + 1] != LEA || (c.v[i + 2] & 0xc7) != 5)
			continue;
		for (size_t to = i + LEA_SIZE; to < i + LEA_SIZE + SOON; to++) {
			if (!code_stores(&c, to, reg, at))
				continue;
			memcpy(&displacement, c.v + i + 3, sizeof(displacement));
			*ret = function.address + i + LEA_SIZE + (uint64_t)(int64_t)displacement;
			return 0;
		}
	}
	return -ENOENT;
}

bool accessor_writes(const struct elf_file *elf, const char *symbol, int32_t at)
{
	struct code c;
	int32_t displacement;

	if (code_read(elf, symbol, &c))
		return false;
	for (size_t i = 0; i + 3 <= c.n; i++)
		if ((c.v[i] & 0xf8) == 0x48 && c.v[i + 1] == MOV_TO &&
		    code_operand(&c, i + 2, &displacement) && displacement == at)
			return true;
	return false;
}

/* Bytes of an instruction that neither changes the first argument nor reads a field of it to return
 * that: tests and constants. */
static size_t code_passed(const struct code *c, size_t at)
{
	static const struct {
		uint8_t n, all, code[4];
	} passed[] = {
		{2, 2, {0x85, 0xc0}}, /* test %eax,%eax; %ecx,%ecx; %edx,%edx */
		{2, 2, {0x85, 0xc9}},
		{2, 2, {0x85, 0xd2}},
		{2, 2, {0x31, 0xc0}}, /* xor %eax,%eax */
		{1, 2, {0x75}},       /* jne */
		{2, 6, {0x0f, 0x84}}, /* je, jne, far */
		{2, 6, {0x0f, 0x85}},
		{1, 5, {0xb8}},             /* mov $value,%eax */
		{3, 7, {0x48, 0x8d, 0x05}}, /* lea displacement(%rip),%rax; %rdx */
		{3, 7, {0x48, 0x8d, 0x15}},
		{2, 7, {0x83, 0xbf}}, /* cmpl $value,displacement(%rdi), far and near */
		{2, 4, {0x83, 0x7f}},
		{3, 8, {0x48, 0x83, 0xbf}}, /* cmpq */
		{3, 5, {0x48, 0x83, 0x7f}},
		{4, 4, {0x48, 0x0f, 0x44, 0xc2}}, /* cmove, cmovne %rdx,%rax */
		{4, 4, {0x48, 0x0f, 0x45, 0xc2}},
	};
	size_t idle = code_idle(c, at);

	if (idle)
		return idle;
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (at + passed[i].all <= c->n && !memcmp(c->v + at, passed[i].code, passed[i].n))
			return passed[i].all;
	return 0;
}

int accessor_last(const struct elf_file *elf, const char *symbol, int32_t *ret)
{
	int32_t found = -1, displacement;
	struct code c;
	size_t at = 0, n;

	if (code_read(elf, symbol, &c))
		return -ENOENT;
	while (at + 2 < c.n) {
		size_t rex = c.v[at] == 0x48;
		uint8_t opcode = c.v[at + rex], modrm = c.v[at + rex + 1];

		n = code_passed(&c, at);
		if (!n && (opcode == MOV || opcode == LEA) && (modrm & 7) == ARGUMENT_1 &&
		    (modrm >> 3 & 7) != ARGUMENT_1) {
			n = code_operand(&c, at + rex + 1, &displacement);
			if (n) {
				found = displacement;
				n += rex + 1;
			}
		}
		if (!n)
			break; /* it returns, or does what is not known */
		at += n;
	}
	if (found < 0 || found > FIELD_MAX)
		return -ENOENT;
	*ret = found;
	return 0;
}
