/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probes/elf/accessor.h"
#include "probes/elf/file.h"

/* Functions in this program itself, in machine code. */
#define CODE(name, bytes)                                                                          \
	__asm__(".text\n.globl " #name "\n.type " #name ", @function\n" #name ":\n.byte " bytes    \
		"\n.size " #name ", . - " #name)

#if defined(__x86_64__)
CODE(code_far, "0xf3,0x0f,0x1e,0xfa,0x48,0x8b,0x87,0x18,0x3f,0,0,0xc3");
CODE(code_near, "0x48,0x85,0xff,0x74,5,0x48,0x8b,0x47,0x48,0xc3,0x31,0xc0,0xc3");
CODE(code_first, "0x8b,0x07,0xc3");
CODE(code_address, "0x48,0x8d,0x47,0x2c,0xc3");
CODE(code_last, "0x8b,0x8f,0x58,1,0,0,0x85,0xc9,0x75,7,0x8b,0x87,0x60,1,0,0,0xc3");
CODE(code_behind, "0x31,0xc0,0xc3,0x48,0x8b,0x47,0x48,0xc3");
CODE(code_other, "0x48,0x8b,0x46,0x48,0xc3");
CODE(code_moved, "0x48,0x8b,0x7f,0x10,0x48,0x8b,0x47,8,0xc3");
CODE(code_negative, "0x48,0x8b,0x47,0x80,0xc3");
CODE(code_huge, "0x48,0x8b,0x87,0,0,0,0x40,0xc3");
CODE(code_cut, "0x48,0x8b,0x87,0,1");
#endif

static int offset_of(const char *symbol, int32_t *ret)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), status;
	struct elf_file *elf;
	struct err err;

	assert_true(fd >= 0);
	assert_int_equal(elf_file_open(fd, "self", &elf, &err), 0);
	status = accessor_last(elf, symbol, ret);
	elf_file_close(elf);
	close(fd);
	return status;
}

static void reads_offsets(void **state)
{
#if defined(__x86_64__)
	static const struct {
		const char *symbol;
		int32_t offset;
	} known[] = {{"code_far", 0x3f18},
		     {"code_near", 0x48},
		     {"code_first", 0},
		     {"code_address", 0x2c},
		     {"code_last", 0x160}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		int32_t offset = -1;

		assert_int_equal(offset_of(known[i].symbol, &offset), 0);
		assert_int_equal(offset, known[i].offset);
	}
#else
	skip();
#endif
}

static void guesses_nothing(void **state)
{
	static const char *const unknown[] = {"code_behind",   "code_other", "code_moved",
					      "code_negative", "code_huge",  "code_cut",
					      "no_such_code"};

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		int32_t offset = 4711;

		assert_int_equal(offset_of(unknown[i], &offset), -ENOENT);
		assert_int_equal(offset, 4711);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_offsets),
		cmocka_unit_test(guesses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
