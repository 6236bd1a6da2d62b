/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Return instructions, of functions of this program: what the unwind table says is compared with
 * what was written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "probes/elf/file.h"
#include "probes/elf/returns.h"

#if defined(__x86_64__)
/* Returns before the prologue (not found), in its middle, behind instructions between, and by way
 * of another function. The marks are where they are. */
__asm__(".text\n.p2align 4\n"
	".globl with_frame\n.type with_frame, @function\nwith_frame:\n.cfi_startproc\n"
	"test %rdi,%rdi\nje 3f\n"
	"push %rbp\n.cfi_def_cfa_offset 16\n.cfi_offset 6,-16\n"
	"mov %rsp,%rbp\n.cfi_def_cfa_register 6\n"
	"test %rsi,%rsi\nje 1f\n"
	"pop %rbp\n.cfi_remember_state\n.cfi_def_cfa 7,8\n"
	".globl return_1\nreturn_1: ret\n"
	"1: .cfi_restore_state\ntest %rdx,%rdx\nje 2f\n"
	"pop %rbp\n.cfi_remember_state\n.cfi_def_cfa 7,8\n"
	"test %eax,%eax\nsetne %al\nmov %r12,%rax\n"
	".globl return_2\nreturn_2: ret\n"
	"2: .cfi_restore_state\nleave\n.cfi_def_cfa 7,8\n"
	"jmp jumped_to\n"
	"3: ret\n"
	".cfi_endproc\n.size with_frame, .-with_frame\n"
	".p2align 4\n.type jumped_to, @function\njumped_to:\n.cfi_startproc\n"
	"sub $24,%rsp\n.cfi_def_cfa_offset 32\nnop\nadd $24,%rsp\n.cfi_def_cfa_offset 8\n"
	".globl return_3\nreturn_3: repz ret\n"
	".cfi_endproc\n.size jumped_to, .-jumped_to\n"
	".globl without_frame\n.type without_frame, @function\nwithout_frame:\n.cfi_startproc\n"
	"xor %eax,%eax\nret\n"
	".cfi_endproc\n.size without_frame, .-without_frame\n");

static struct elf_file *self_open(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct elf_file *elf;
	struct err err = {""};

	assert_true(fd >= 0);
	assert_int_equal(elf_file_open(fd, "/proc/self/exe", &elf, &err), 0);
	return elf;
}

static void self_close(struct elf_file *elf)
{
	int fd = elf_file_fd(elf);

	elf_file_close(elf);
	close(fd);
}

static uint64_t symbol_offset(const struct elf_file *elf, const char *name)
{
	struct elf_symbol symbol;

	assert_int_equal(elf_file_symbol(elf, name, &symbol), 0);
	return symbol.offset;
}

static void finds_returns(void **state)
{
	struct elf_file *elf = self_open();
	uint64_t found[RETURNS_MAX];
	struct elf_symbol symbol;

	assert_int_equal(elf_file_symbol(elf, "with_frame", &symbol), 0);
	assert_int_equal(returns_find(elf, symbol.address, found), 3);
	assert_int_equal(found[0], symbol_offset(elf, "return_1"));
	assert_int_equal(found[1], symbol_offset(elf, "return_2"));
	assert_int_equal(found[2], symbol_offset(elf, "return_3"));
	self_close(elf);
}

static void finds_none(void **state)
{
	struct elf_file *elf = self_open();
	uint64_t found[RETURNS_MAX];
	struct elf_symbol symbol;

	assert_int_equal(elf_file_symbol(elf, "without_frame", &symbol), 0);
	assert_int_equal(returns_find(elf, symbol.address, found), -ENOENT);
	assert_int_equal(returns_find(elf, symbol.address + 1, found), -ENOENT);
	assert_int_equal(returns_find(elf, 0, found), -ENOENT);
	self_close(elf);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#if defined(__x86_64__)
		cmocka_unit_test(finds_returns),
		cmocka_unit_test(finds_none),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
