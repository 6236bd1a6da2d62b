/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The return instructions of a function. A probe on them is a breakpoint like any other: it changes
 * nothing on the stack, as a return probe does, so that a thread may leave the function for another
 * stack and come back.
 *
 * They are found without a disassembler. The unwind table of a file (.eh_frame, which exceptions
 * and backtraces need, and strip leaves alone) says from which instruction on the stack of a
 * function is as it was at its entry: behind the prologue that is where it returns, or jumps on to
 * another function, whose returns are its own then. Returns before the prologue are not found.
 */
#include <stdint.h>

#include "probes/elf/file.h"

enum {
	RETURNS_MAX = 16
};

/* Offsets in the file of returns of the function at `address`. Returns how many; -ENOENT when there
 * are none, or more than RETURNS_MAX, or the table is not of the usual form. */
int returns_find(const struct elf_file *elf, uint64_t address, uint64_t ret[RETURNS_MAX]);
