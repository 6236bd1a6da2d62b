/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Places in functions of this program itself, written as compilers write those of TLS libraries. */
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

#include "probes/elf/place.h"

#if defined(__x86_64__)

#define FUNCTION(name, code)                                                                       \
	".p2align 4\n.globl place_" name "\n.type place_" name ", @function\nplace_" name          \
	":\n" code "\n.size place_" name ", .-place_" name "\n.skip 16, 0xcc\n"

#define PAD    ".byte 0xf3, 0x0f, 0x1e, 0xfa\n"
#define STUB   ".byte 0xff, 0x25, 0, 0, 0, 0\n" /* as the entries of a procedure linkage table */
#define CANARY "mov %fs:0x28,%rax\nmov %rax,0x8(%rsp)\n"

__asm__(".text\n"
	/* what the others call, and what only looks like it */
	FUNCTION("inner", PAD "push %r13\npush %rbx\nsub $0x38,%rsp\nud2")
		FUNCTION("inner_sub", PAD "sub $0x58,%rsp\nud2") FUNCTION("stub", STUB)
	/* wrappers that hand all their arguments on */
	FUNCTION("ex", PAD "sub $8,%rsp\ncall place_inner\nadd $8,%rsp\nret")
		FUNCTION("ex_bare", "sub $8,%rsp\ncall place_inner_sub\nadd $8,%rsp\nret")
			FUNCTION("ex_frame",
				 PAD "push %rbp\nmov %rsp,%rbp\ncall place_inner\npop %rbp\nret")
				FUNCTION("ex_clang", "push %rax\ncall place_inner\npop %rcx\nret")
	/* those that do not */
	FUNCTION("ex_stub", "sub $8,%rsp\ncall place_stub\nadd $8,%rsp\nret") FUNCTION(
		"ex_other", "sub $8,%rsp\nxor %esi,%esi\ncall place_inner\nadd $8,%rsp\nret")
		FUNCTION("ex_inlined", "push %rbp\nmov %rsp,%rbp\npush %r14\ncall place_inner\nud2")
	/* SSL_read of 3.5, and one that calls something else */
	FUNCTION("plain", PAD "sub $0x18,%rsp\n" CANARY
			      "movslq %edx,%rdx\nmov %rsp,%rcx\ncall place_inner\nud2")
		FUNCTION("plain_other", "sub $0x18,%rsp\n" CANARY "call place_inner_sub\nud2")
	/* beginnings */
	FUNCTION("free", PAD "test %rdi,%rdi\nje 1f\npush %rbx\n1: ud2") FUNCTION(
		"readline", "cmpl $-1,place_inner(%rip)\npush %rbx\njne 1f\n1: ud2")
		FUNCTION("teardown", "mov place_inner(%rip),%eax\npush %r12\nud2") FUNCTION(
			"cmpb", PAD "cmpb $0,place_inner(%rip)\npush %r12\nud2")
			FUNCTION("cmpq", "cmpq $0,place_inner(%rip)\njne 1f\n1: ud2") FUNCTION(
				"compares", "cmpl $-1,place_inner(%rip)\nmov %edi,%eax\nud2")
				FUNCTION("jump", "jmp place_inner")
					FUNCTION("compared", "mov 0x33a0(%rdi),%r10\n"
							     "cmpb $0,0x88(%r10)\njne 1f\n1: ud2")
						FUNCTION("nop", "nopl 0x0(%rax)\nud2")
							FUNCTION("load",
								 PAD "mov 0x18(%rdi),%rax\nud2")
	/* SSL_get_client_random of 1.1.1, 3.0, 3.5, BoringSSL; one without */
	FUNCTION("random_1", "mov $0x20,%eax\ncmp $0x20,%rdx\nmov 0xa8(%rdi),%rdi\n"
			     "cmovbe %rdx,%rax\nlea 0xb8(%rdi),%rcx\nret")
		FUNCTION("random_30", "mov %rsi,%rcx\ntest %rdx,%rdx\nlea 0x160(%rdi),%rsi\n"
				      "lea 0x8(%rcx),%r8\nret")
			FUNCTION("random_35", PAD
				 "push %rbp\nmov %rsi,%rbp\nmov 0x18(%rdi),%rax\nmov (%rdi),%eax\n"
				 "call place_inner\nmov %rax,%rdi\nlea 0x188(%rdi),%rcx\nret")
				FUNCTION("random_boring",
					 "mov 0x30(%rdi),%rax\nlea 0x30(%rax),%rsi\nret")
					FUNCTION("random_android",
						 "mov 0x30(%rdi),%rax\nadd $0x30,%rax\n"
						 "mov %rax,%rsi\nret")
						FUNCTION(
							"random_none",
							"mov (%rdi),%rax\nlea 0x8(%rsi),%r8\nret"));

static struct elf_file *elf;

static int open_self(void **state)
{
	struct err err = {""};
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	return fd < 0 || elf_file_open(fd, "test_place", &elf, &err);
}

static int close_self(void **state)
{
	int fd = elf ? elf_file_fd(elf) : -1;

	elf_file_close(elf);
	return fd < 0 ? 0 : close(fd);
}

static struct elf_symbol symbol(const char *name)
{
	struct elf_symbol ret;
	char full[64];

	snprintf(full, sizeof(full), "place_%s", name);
	assert_int_equal(elf_file_symbol(elf, full, &ret), 0);
	return ret;
}

static void finds(const char *name, bool returns, size_t shift, enum place_instruction wanted)
{
	struct elf_symbol s = symbol(name);
	struct place place;

	assert_int_equal(place_find(elf, s.address, returns, &place), 0);
	assert_int_equal(place.address - s.address, shift);
	assert_int_equal(place.offset - s.offset, shift);
	assert_int_equal(place.instruction, wanted);
}

/* Never on a landing pad; past what is harmless only to where it is cheap. */
static void test_find(void **state)
{
	finds("inner", true, 4, PLACE_PUSH);
	finds("ex", true, 4, PLACE_SUB);
	finds("ex_bare", true, 0, PLACE_SUB);
	finds("ex_frame", true, 4, PLACE_PUSH);
	finds("free", true, 4, PLACE_OTHER);
	finds("free", false, 7, PLACE_JUMP);
	finds("readline", true, 7, PLACE_PUSH);
	finds("teardown", true, 6, PLACE_PUSH);
	finds("cmpb", false, 4 + 7, PLACE_PUSH);
	finds("cmpq", false, 8, PLACE_JUMP);
	finds("cmpq", true, 0, PLACE_OTHER);
	finds("compared", false, 7 + 8, PLACE_JUMP);
	finds("compared", true, 0, PLACE_OTHER);
	finds("compares", false, 0, PLACE_OTHER);
	finds("jump", false, 0, PLACE_JUMP);
	finds("nop", false, 0, PLACE_NOP);
	finds("load", false, 4, PLACE_OTHER);
}

static void test_find_nothing(void **state)
{
	struct place place;

	assert_int_equal(place_find(elf, UINT64_MAX - 100, true, &place), -ENOENT);
}

static void test_text(void **state)
{
	char text[PLACE_TEXT];
	struct place place;

	assert_int_equal(place_find(elf, symbol("inner").address, true, &place), 0);
	assert_string_equal(place_text(&place, text), "41 55 53 48 push, cheap");
	assert_int_equal(place_find(elf, symbol("ex").address, true, &place), 0);
	assert_string_equal(place_text(&place, text), "48 83 ec 08 sub rsp, dear");
}

static void wraps(const char *name, const char *wrapped)
{
	struct elf_symbol s = symbol(name);

	assert_int_equal(place_wrapped(elf, &s), wrapped ? symbol(wrapped).address : 0);
}

static void test_wrapped(void **state)
{
	wraps("ex", "inner");
	wraps("ex_bare", "inner_sub");
	wraps("ex_frame", "inner");
	wraps("ex_clang", "inner");
	wraps("ex_stub", NULL);
	wraps("ex_other", NULL);
	wraps("ex_inlined", NULL);
	wraps("jump", NULL);
	wraps("inner", NULL);
}

static void test_calls(void **state)
{
	struct elf_symbol plain = symbol("plain"), other = symbol("plain_other");
	uint64_t inner = symbol("inner").address;

	assert_true(place_calls(elf, &plain, inner));
	assert_false(place_calls(elf, &other, inner));
	assert_true(place_calls(elf, &other, symbol("inner_sub").address));
}

static void field(const char *name, int32_t wanted_in, int32_t wanted_at)
{
	struct elf_symbol s = symbol(name);
	int32_t in = -7, at = -7;

	assert_int_equal(place_field(elf, &s, &in, &at), 0);
	assert_int_equal(in, wanted_in);
	assert_int_equal(at, wanted_at);
}

static void test_field(void **state)
{
	struct elf_symbol none = symbol("random_none");
	int32_t in = -7, at = -7;

	field("random_1", 0xa8, 0xb8);
	field("random_30", -1, 0x160);
	field("random_35", -1, 0x188);
	field("random_boring", 0x30, 0x30);
	field("random_android", 0x30, 0x30);
	assert_int_equal(place_field(elf, &none, &in, &at), -ENOENT);
	assert_int_equal(in, -7);
	assert_int_equal(at, -7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),  cmocka_unit_test(test_find_nothing),
		cmocka_unit_test(test_text),  cmocka_unit_test(test_wrapped),
		cmocka_unit_test(test_calls), cmocka_unit_test(test_field),
	};

	return cmocka_run_group_tests(tests, open_self, close_self);
}

#else

int main(void)
{
	puts("skipped: places are known on x86-64 only");
	return 77;
}

#endif
