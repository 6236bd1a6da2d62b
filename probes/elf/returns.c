/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probes/elf/returns.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum {
	UNWIND_MAX = 4096, /* bytes of an entry of the table that are looked at */
	STATES_MAX = 8,    /* remembered, in each other */
	BETWEEN_MAX = 5,   /* instructions between the last `pop` and the return */
	JUMP = 0xe9,
	JUMP_SHORT = 0xeb,
	JUMP_SIZE = 5,
	/* how numbers are written: DW_EH_PE_pcrel | sdata4, udata4, datarel | sdata4 */
	RELATIVE_HERE = 0x1b,
	PLAIN = 0x03,
	RELATIVE_TABLE = 0x3b,
	/* of x86-64, at the entry of a function: its frame begins 8 bytes above rsp (register 7) */
	STACK_POINTER = 7,
	AT_ENTRY = 8
};

/* What is found. */
struct returns {
	const struct elf_file *elf;
	uint64_t *offsets;
	unsigned n;
	uint64_t next; /* address of a function that this one jumps on to; 0 = none */
};

/* A piece of the unwind table that is read from its front; `bad` when it ends too early. */
struct unwind {
	uint8_t v[UNWIND_MAX];
	size_t at, n;
	bool bad;
};

/* Where the frame begins. */
struct frame {
	uint64_t reg, offset;
};

static uint64_t unwind_number(struct unwind *u, size_t size)
{
	uint64_t v = 0;

	if (u->bad || size > u->n - u->at) {
		u->bad = true;
		return 0;
	}
	memcpy(&v, u->v + u->at, size);
	u->at += size;
	return v;
}

/* LEB128 without a sign; one with a sign takes as many bytes. */
static uint64_t unwind_leb(struct unwind *u)
{
	uint64_t v = 0, byte = 0x80;

	for (unsigned shift = 0; byte & 0x80 && !u->bad; shift += 7) {
		byte = unwind_number(u, 1);
		if (shift < 64)
			v |= (byte & 0x7f) << shift;
	}
	return v;
}

static void unwind_skip(struct unwind *u, uint64_t n)
{
	if (u->bad || n > u->n - u->at)
		u->bad = true;
	else
		u->at += n;
}

/* Reads the entry (its length comes first) at an address of the file. */
static int unwind_read(const struct elf_file *elf, uint64_t address, struct unwind *ret)
{
	uint64_t offset;
	uint32_t n;

	if (elf_file_offset(elf, address, &offset) || elf_file_read(elf, offset, &n, sizeof(n)) ||
	    n < 8 || n > UNWIND_MAX || elf_file_read(elf, offset + sizeof(n), ret->v, n))
		return -ENOENT;
	ret->n = n;
	ret->at = 0;
	ret->bad = false;
	return 0;
}

/* ---- finding the entry -------------------------------------------------------------------- */

/* One row of the sorted table: both relative to its beginning. */
struct table_row {
	int32_t function, entry;
};

/* The address of the entry of the function at `address`; 0 = there is none. */
static uint64_t table_find(const struct elf_file *elf, uint64_t address)
{
	struct {
		uint8_t version, frame, count, table;
		uint32_t frame_at, n;
	} head;
	uint64_t table, offset;
	struct table_row row;
	uint32_t lo = 0, hi;

	if (elf_file_unwind(elf, &table) || elf_file_offset(elf, table, &offset) ||
	    elf_file_read(elf, offset, &head, sizeof(head)) || head.version != 1 ||
	    head.frame != RELATIVE_HERE || head.count != PLAIN || head.table != RELATIVE_TABLE)
		return 0;
	for (hi = head.n; lo < hi;) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (elf_file_read(elf, offset + sizeof(head) + (uint64_t)mid * sizeof(row), &row,
				  sizeof(row)))
			return 0;
		if (table + (uint64_t)(int64_t)row.function == address)
			return table + (uint64_t)(int64_t)row.entry;
		if ((int64_t)(table + (uint64_t)(int64_t)row.function) < (int64_t)address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return 0;
}

/* Is what entries share of the usual form: addresses relative, steps of one byte, no handlers? */
static bool common_usual(const struct elf_file *elf, uint64_t address)
{
	struct unwind u;
	uint64_t aug;

	if (unwind_read(elf, address, &u))
		return false;
	if (unwind_number(&u, 4) != 0 || unwind_number(&u, 1) != 1)
		return false;
	aug = unwind_number(&u, 3); /* "zR" and its NUL */
	return aug == ('z' | 'R' << 8) && unwind_leb(&u) == 1 && (unwind_leb(&u), true) &&
	       unwind_number(&u, 1) == 16 && unwind_leb(&u) == 1 &&
	       unwind_number(&u, 1) == RELATIVE_HERE && !u.bad;
}

/* ---- the rows of a function ----------------------------------------------------------------- */

/* Bytes of an instruction that leaves the stack alone and may stand between the last `pop` and the
 * return: of registers only. 0 = it is none. */
static size_t code_between(const uint8_t *code)
{
	static const struct {
		uint8_t n, all, code[3], mask[3];
	} known[] = {
		{2, 2, {0x85, 0xc0}, {0xff, 0xc0}},             /* test register,register */
		{3, 3, {0x48, 0x85, 0xc0}, {0xfa, 0xff, 0xc0}}, /* the same of 64 bits */
		{2, 2, {0x31, 0xc0}, {0xff, 0xc0}},             /* xor */
		{2, 2, {0x89, 0xc0}, {0xff, 0xc0}},             /* mov */
		{3, 3, {0x40, 0x89, 0xc0}, {0xf0, 0xff, 0xc0}}, /* mov with other registers */
		{3, 3, {0x0f, 0x90, 0xc0}, {0xff, 0xf0, 0xc0}}, /* set by a condition */
		{3, 3, {0x0f, 0xb6, 0xc0}, {0xff, 0xff, 0xc0}}, /* extend a byte */
		{1, 5, {0xb8}, {0xff}},                         /* mov $value,%eax */
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t same = 0;

		while (same < known[i].n &&
		       (code[same] & known[i].mask[same]) == known[i].code[same])
			same++;
		if (same == known[i].n)
			return known[i].all;
	}
	return 0;
}

/* The stack is as it was at the entry when the instruction at `address` is reached. */
static int returns_look(struct returns *r, uint64_t address)
{
	uint8_t code[JUMP_SIZE];
	uint64_t offset;
	size_t n = 0;
	int32_t by;

	for (unsigned i = 0; i < BETWEEN_MAX; i++) {
		address += n;
		if (elf_file_offset(r->elf, address, &offset) ||
		    elf_file_read(r->elf, offset, code, sizeof(code)))
			return -ENOENT;
		n = code_between(code);
		if (!n)
			break;
	}
	if (code[0] == 0xc3 || (code[0] == 0xf3 && code[1] == 0xc3)) {
		if (r->n == RETURNS_MAX)
			return -ENOENT;
		r->offsets[r->n++] = offset;
	} else if (code[0] == JUMP_SHORT) {
		r->next = address + 2 + (uint64_t)(int64_t)(int8_t)code[1];
	} else if (code[0] == JUMP) {
		memcpy(&by, code + 1, sizeof(by));
		r->next = address + JUMP_SIZE + (uint64_t)(int64_t)by;
	}
	return 0;
}

enum {
	DW_SET_LOC = 1,
	DW_ADVANCE1 = 2,
	DW_ADVANCE2 = 3,
	DW_ADVANCE4 = 4,
	DW_OFFSET = 5,
	DW_RESTORE = 6,
	DW_UNDEFINED = 7,
	DW_SAME = 8,
	DW_REGISTER = 9,
	DW_REMEMBER = 10,
	DW_RESTORE_STATE = 11,
	DW_FRAME = 12,
	DW_FRAME_REGISTER = 13,
	DW_FRAME_OFFSET = 14,
	DW_FRAME_EXPRESSION = 15,
	DW_EXPRESSION = 16,
	DW_VALUE_EXPRESSION = 22,
	DW_ARGUMENTS = 46,
	DW_HIGH_ADVANCE = 1,
	DW_HIGH_OFFSET = 2
};

struct frames {
	struct frame now, kept[STATES_MAX];
	unsigned kept_n;
};

/* Does what an instruction says of the frame, and passes over what it says of registers. */
static void frames_step(struct frames *f, struct unwind *u, uint8_t op)
{
	switch (op) {
	case DW_OFFSET:
	case DW_REGISTER:
		unwind_leb(u);
		unwind_leb(u);
		break;
	case DW_RESTORE:
	case DW_UNDEFINED:
	case DW_SAME:
	case DW_ARGUMENTS:
		unwind_leb(u);
		break;
	case DW_REMEMBER:
		if (f->kept_n == STATES_MAX)
			u->bad = true;
		else
			f->kept[f->kept_n++] = f->now;
		break;
	case DW_RESTORE_STATE:
		if (!f->kept_n)
			u->bad = true;
		else
			f->now = f->kept[--f->kept_n];
		break;
	case DW_FRAME:
		f->now.reg = unwind_leb(u);
		f->now.offset = unwind_leb(u);
		break;
	case DW_FRAME_REGISTER:
		f->now.reg = unwind_leb(u);
		break;
	case DW_FRAME_OFFSET:
		f->now.offset = unwind_leb(u);
		break;
	case DW_FRAME_EXPRESSION:
		f->now.reg = UINT64_MAX;
		unwind_skip(u, unwind_leb(u));
		break;
	case DW_EXPRESSION:
	case DW_VALUE_EXPRESSION:
		unwind_leb(u);
		unwind_skip(u, unwind_leb(u));
		break;
	default:
		if (op) /* 0 does nothing */
			u->bad = true;
	}
}

/* Bytes of code that an instruction steps over; 0 = it does not step. */
static uint64_t unwind_advance(struct unwind *u, uint8_t op)
{
	if (op >> 6 == DW_HIGH_ADVANCE)
		return op & 0x3f;
	if (op >= DW_ADVANCE1 && op <= DW_ADVANCE4)
		return unwind_number(u, op == DW_ADVANCE4 ? 4 : op - 1u);
	return 0;
}

/* Runs the entry of the function at `address`, from its instructions on. */
static int returns_rows(struct returns *r, struct unwind *u, uint64_t address)
{
	struct frames f = {.now = {STACK_POINTER, AT_ENTRY}};
	uint64_t at = address;

	while (u->at < u->n && !u->bad) {
		uint8_t op = (uint8_t)unwind_number(u, 1);
		uint64_t step = unwind_advance(u, op);

		if (step) {
			if (at != address && f.now.reg == STACK_POINTER &&
			    f.now.offset == AT_ENTRY && returns_look(r, at))
				return -ENOENT;
			at += step;
		} else if (op >> 6 == DW_HIGH_OFFSET) {
			unwind_leb(u);
		} else if (op >> 6 == 0) {
			frames_step(&f, u, op);
		} /* else a register is as it was */
	}
	if (at != address && f.now.reg == STACK_POINTER && f.now.offset == AT_ENTRY &&
	    returns_look(r, at))
		return -ENOENT;
	return u->bad ? -ENOENT : 0;
}

static int returns_function(struct returns *r, uint64_t address)
{
	uint64_t entry = table_find(r->elf, address);
	struct unwind u;
	uint32_t back;

	if (!entry || unwind_read(r->elf, entry, &u))
		return -ENOENT;
	back = (uint32_t)unwind_number(&u, 4);
	if (!common_usual(r->elf, entry + 4 - back))
		return -ENOENT;
	unwind_skip(&u, 8); /* where the function is, and how long */
	unwind_skip(&u, unwind_leb(&u));
	return u.bad ? -ENOENT : returns_rows(r, &u, address);
}

int returns_find(const struct elf_file *elf, uint64_t address, uint64_t ret[RETURNS_MAX])
{
#if defined(__x86_64__)
	struct returns r = {.elf = elf, .offsets = ret};

	if (returns_function(&r, address) || !r.n)
		return -ENOENT;
	/* one step only: whoever that one jumps on to is rarely reached */
	address = r.next;
	if (address && returns_function(&r, address) && r.n == RETURNS_MAX)
		return -ENOENT;
	return (int)r.n;
#else
	return -ENOENT;
#endif
}
