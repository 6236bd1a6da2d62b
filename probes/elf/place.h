/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Where in a function a probe goes, and what the code tells about a library. On x86-64 the kernel
 * emulates a few instructions (push, nop, jumps); any other one under a probe is run by
 * single-stepping, which costs 15 to 20 times as much. Only a few byte patterns are known here:
 * what does not match exactly is no proof.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/elf/file.h"

enum {
	PLACE_CODE = 4,
	PLACE_TEXT = 64
};

/* The instruction there. Those before PLACE_SUB are emulated by the kernel, so they are cheap. */
enum place_instruction {
	PLACE_PUSH,
	PLACE_NOP,
	PLACE_JUMP,
	PLACE_SUB, /* of the stack pointer */
	PLACE_OTHER
};

struct place {
	uint64_t address;         /* as linked */
	uint64_t offset;          /* in the file */
	uint8_t code[PLACE_CODE]; /* what begins there */
	enum place_instruction instruction;
};

/* The cheapest place that sees the arguments of the function at `address`; with returns, one where
 * the stack is untouched too, for a probe on its return. -ENOENT when no code is there. */
int place_find(const struct elf_file *elf, uint64_t address, bool returns, struct place *ret);
/* "41 55 41 54 push, cheap" */
const char *place_text(const struct place *place, char ret[PLACE_TEXT]);

/* Address of the function that this one calls first with its own arguments, all of them untouched:
 * it is a wrapper, and whatever it was called with, the other one is. 0 = that is not what it does.
 */
uint64_t place_wrapped(const struct elf_file *elf, const struct elf_symbol *function);
/* Does the beginning of the function have a direct call of `target`? */
bool place_calls(const struct elf_file *elf, const struct elf_symbol *function, uint64_t target);

/* Where the function goes on after its direct call of `target`; 0 = it has none, or several. */
uint64_t place_behind_call(const struct elf_file *elf, const struct elf_symbol *function,
			   uint64_t target);

/* The field whose address the function takes first: of its first argument's object (*ret_in -1), or
 * of what the pointer at object[*ret_in] leads to. -ENOENT. A guess, to be verified in use. */
int place_field(const struct elf_file *elf, const struct elf_symbol *function, int32_t *ret_in,
		int32_t *ret_at);
