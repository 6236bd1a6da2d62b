/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probes/elf/accessor.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum {
	ACCESSOR_CODE = 64,   /* bytes that are looked at */
	ACCESSOR_FAR = 65536, /* no field of an object lies behind this */
	MODRM_RDI = 7
};

/* Instructions that neither change the first argument nor tell anything: n bytes of code that are
 * compared where the mask has its bit (from the lowest on), out of `size`. */
static const struct passed {
	uint8_t n, size;
	uint8_t code[4];
} accessor_passed[] = {
	{4, 4, {0xf3, 0x0f, 0x1e, 0xfa}}, /* endbr64 */
	{1, 1, {0x55}},                   /* push rbp */
	{3, 3, {0x48, 0x89, 0xe5}},       /* mov rbp, rsp */
	{3, 3, {0x48, 0x85, 0xff}},       /* test rdi, rdi */
	{3, 3, {0x48, 0x85, 0xc0}},       /* test rax, rax */
	{2, 2, {0x85, 0xc0}},             /* test eax, eax */
	{2, 2, {0x85, 0xc9}},             /* test ecx, ecx */
	{2, 2, {0x85, 0xd2}},             /* test edx, edx */
	{2, 2, {0x31, 0xc0}},             /* xor eax, eax */
	{2, 2, {0x31, 0xd2}},             /* xor edx, edx */
	{1, 2, {0x74}},                   /* je */
	{1, 2, {0x75}},                   /* jne */
	{2, 6, {0x0f, 0x84}},             /* je, far */
	{2, 6, {0x0f, 0x85}},             /* jne, far */
	{1, 5, {0xb8}},                   /* mov eax, number */
	{3, 7, {0x48, 0x8d, 0x05}},       /* lea rax, [rip + …] */
	{3, 7, {0x48, 0x8d, 0x15}},       /* lea rdx, [rip + …] */
	{2, 7, {0x83, 0xbf}},             /* cmp dword [rdi + …], number */
	{2, 4, {0x83, 0x7f}},             /* the same, near */
	{3, 8, {0x48, 0x83, 0xbf}},       /* cmp qword [rdi + …], number */
	{3, 5, {0x48, 0x83, 0x7f}},       /* the same, near */
	{4, 4, {0x48, 0x0f, 0x44, 0xc2}}, /* cmove rax, rdx */
	{4, 4, {0x48, 0x0f, 0x45, 0xc2}}, /* cmovne rax, rdx */
};

static size_t accessor_pass(const uint8_t *code, size_t n)
{
	for (size_t i = 0; i < sizeof(accessor_passed) / sizeof(accessor_passed[0]); i++) {
		const struct passed *p = &accessor_passed[i];

		if (n >= p->size && !memcmp(code, p->code, p->n))
			return p->size;
	}
	return 0;
}

/* mov or lea of [rdi + displacement] to any of the first eight registers but rdi itself. Returns
 * its length; 0 = it is none. */
static size_t accessor_load(const uint8_t *code, size_t n, int32_t *ret)
{
	size_t at = n > 1 && code[0] == 0x48;
	int32_t offset;
	uint8_t modrm;

	if (at + 2 > n || (code[at] != 0x8b && code[at] != 0x8d))
		return 0;
	modrm = code[at + 1];
	at += 2;
	if ((modrm & 7) != MODRM_RDI || ((modrm >> 3) & 7) == MODRM_RDI)
		return 0;
	switch (modrm >> 6) {
	case 0:
		*ret = 0;
		return at;
	case 1:
		if (at + 1 > n)
			return 0;
		*ret = (int8_t)code[at];
		return at + 1;
	case 2:
		if (at + sizeof(offset) > n)
			return 0;
		memcpy(&offset, code + at, sizeof(offset));
		*ret = offset;
		return at + sizeof(offset);
	default:
		return 0;
	}
}

int accessor_offset(const struct elf_file *elf, const char *symbol, int32_t *ret)
{
	uint8_t code[ACCESSOR_CODE];
	struct elf_symbol function;
	int32_t found = -1;
	size_t n, at = 0;

#if !defined(__x86_64__)
	return -ENOENT;
#endif
	if (elf_file_symbol(elf, symbol, &function) || !function.function || !function.offset)
		return -ENOENT;
	n = function.size && function.size < sizeof(code) ? (size_t)function.size : sizeof(code);
	if (elf_file_read(elf, function.offset, code, n))
		return -ENOENT;
	while (at < n) {
		size_t step = accessor_load(code + at, n - at, &found);

		if (!step)
			step = accessor_pass(code + at, n - at);
		if (!step)
			break; /* a return, or what is not known */
		at += step;
	}
	if (found < 0 || found >= ACCESSOR_FAR)
		return -ENOENT;
	*ret = found;
	return 0;
}
