/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Where a library keeps a field, told by an exported function that does hardly more than return it.
 * That is how offsets of structures are known which no header shows and every version moves.
 */
#include <stdint.h>

#include "probes/elf/file.h"

/* The offset of the field that the function loads, or whose address it takes, last before it first
 * returns. Its first argument is the object, and it may test that and other things before.
 * -ENOENT when the code is any other. x86-64 only. */
int accessor_offset(const struct elf_file *elf, const char *symbol, int32_t *ret);
