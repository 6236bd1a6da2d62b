/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Where fields of a foreign structure are: as the functions of its own program use them. Only a few
 * byte patterns of x86-64 are known; what does not match exactly is no proof.
 */
#include <stdbool.h>
#include <stdint.h>

#include "probes/elf/file.h"

/* What a function of one argument, an address, returns: the field `at` of what is there, or if `in`
 * is not negative the field `in` of what that one points to. */
struct accessor {
	int32_t at, in;
	bool address; /* not what is in the field, but where it is */
};

/* -ENOENT: there is no such function, or it does something else, too. */
int accessor_read(const struct elf_file *elf, const char *symbol, struct accessor *ret);

/* The first field of its first argument that a function reads with 64 bits. -ENOENT. */
int accessor_first(const struct elf_file *elf, const char *symbol, int32_t *ret);
/* The first such field that it writes all 64 bits of its second argument to. -ENOENT. */
int accessor_set(const struct elf_file *elf, const char *symbol, int32_t *ret);
/* An instruction that takes a field to a register, or a register to a field. */
enum accessor_how {
	ACCESSOR_LOAD_32,
	ACCESSOR_LOAD_64,
	ACCESSOR_STORE_32,
	ACCESSOR_STORE_64,
	ACCESSOR_ADDRESS
};
struct accessor_move {
	enum accessor_how how;
	uint8_t reg;         /* as it is written in an instruction, 0 to 15 */
	bool first;          /* there may be others behind it */
	int32_t least, most; /* where the field may be in what any other register points to */
};
enum {
	ACCESSOR_RAX = 0,
	ACCESSOR_RCX = 1,
	ACCESSOR_RDX = 2,
	ACCESSOR_RSI = 6,
	ACCESSOR_R8 = 8
};
/* The field that a function moves like that. -ENOENT when there is none, or another one, too. */
int accessor_moves(const struct elf_file *elf, const char *symbol, const struct accessor_move *move,
		   int32_t *ret);
/* The one field beyond `least` that a function reads with 32 bits in several places. -ENOENT when
 * there is none or they differ. */
int accessor_repeated(const struct elf_file *elf, const char *symbol, int32_t least, int32_t *ret);
/* The address that a function puts into the field at that displacement. -ENOENT. */
int accessor_sets(const struct elf_file *elf, const char *symbol, int32_t at, uint64_t *ret);
/* Does the function write 64 bits to a field at that displacement? */
bool accessor_writes(const struct elf_file *elf, const char *symbol, int32_t at);

/* The field of its first argument's object that the function reads last, or whose address it takes
 * last, before it first returns; it may test that argument and other fields before. -ENOENT when
 * there is none or an instruction before it is not known. */
int accessor_last(const struct elf_file *elf, const char *symbol, int32_t *ret);
