/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Accessor functions of this program itself, written as compilers write those of MariaDB and libpq.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "probes/elf/accessor.h"

#if defined(__x86_64__)

#define FUNCTION(name, code)                                                                       \
	".p2align 4\n.globl get_" name "\n.type get_" name ", @function\nget_" name ":\n" code     \
	"\n.size get_" name ", .-get_" name "\n"
#define PAD ".byte 0xf3, 0x0f, 0x1e, 0xfa\n"

__asm__(".text\n" FUNCTION("id", "mov 0x3f18(%rdi),%rax\nret") FUNCTION(
	"id32", PAD "mov 0x25d0(%rdi),%eax\nret") FUNCTION("query", "lea 0x68(%rdi),%rax\nret")
		FUNCTION("user", "mov 0x25f8(%rdi),%rax\ntest %rax,%rax\nje 1f\n"
				 "mov 0x8(%rax),%rax\n1: ret")
			FUNCTION(
				"host",
				"push %rbp\nmov %rsp,%rbp\nmov 0x25f8(%rdi),%rax\nmov (%rax),%rax\n"
				"pop %rbp\nret")
				FUNCTION("message", "mov 0x62e0(%rdi),%rax\nadd $0x1a,%rax\nret")
					FUNCTION("status", "mov 0x62e0(%rdi),%rax\nxor "
							   "%edx,%edx\ntest %rax,%rax\nje 1f\n"
							   "cmpl $5,0x234(%rax)\njne 1f\nmov "
							   "0x8(%rax),%edx\n1: ret")
	/* those that are none */
	FUNCTION("call", "mov 0x10(%rdi),%rax\ncall get_id\nret")
		FUNCTION("other", "mov 0x10(%rsi),%rax\nret")
			FUNCTION("deep",
				 "mov 8(%rdi),%rax\nmov 8(%rax),%rax\nmov 8(%rax),%rax\nret")
				FUNCTION("negative", "mov -8(%rdi),%rax\nret")
					FUNCTION("endless", "mov 0x10(%rdi),%rax")
	/* functions that use fields */
	FUNCTION("first", "mov 0x3f3c(%rdi),%edx\nmov $1,%eax\nmov 0x2c0(%rdi),%rdx\nret")
		FUNCTION("sets", PAD "add %rsi,0x3cc8(%rdi)\nmov %rsi,0x3cc0(%rdi)\nret")
			FUNCTION("twice", "mov 0x234(%r8),%eax\nmov 0x3f34(%rsi),%esi\n"
					  "mov 0x3f34(%rsi),%edi\nret")
				FUNCTION("differ", "nop\nmov 0x3f34(%rsi),%esi\n"
						   "mov 0x3f38(%rsi),%edi\nret")
	/* as THD::send_statement_status() and others of MySQL */
	FUNCTION("answers", PAD "mov 0x33a0(%rdi),%r10\nmov 0x1838(%rdi),%rax\n"
				"mov 0x25d8(%rdi),%esi\nmov 0x2b0(%r10),%edx\n"
				"lea 0x294(%r10),%rcx\nmov 0x2a8(%r10),%r8\n"
				"mov 0x29c(%r10),%esi\nmov 0x2a0(%r10),%rcx\nret")
		FUNCTION("stores", PAD "mov %rsi,-0x18(%rbp)\nmov %rcx,0x60(%rdi)\n"
				       "mov %r8,0x58(%rdi)\nmov %esi,0x19b4(%rdi)\n"
				       "mov %rax,0x558(%rbx)\nmov %rax,0x560(%rbx)\nret"));

static struct elf_file *elf;

static int open_self(void **state)
{
	struct err err = {""};
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	return fd < 0 || elf_file_open(fd, "test_accessor", &elf, &err);
}

static int close_self(void **state)
{
	int fd = elf ? elf_file_fd(elf) : -1;

	elf_file_close(elf);
	return fd < 0 ? 0 : close(fd);
}

static void finds(const char *symbol, int32_t at, int32_t in, bool address)
{
	struct accessor a;

	assert_int_equal(accessor_read(elf, symbol, &a), 0);
	assert_int_equal(a.at, at);
	assert_int_equal(a.in, in);
	assert_int_equal(a.address, address);
}

static void test_reads(void **state)
{
	finds("get_id", 0x3f18, -1, false);
	finds("get_id32", 0x25d0, -1, false);
	finds("get_query", 0x68, -1, true);
	finds("get_user", 0x25f8, 8, false);
	finds("get_host", 0x25f8, 0, false);
	finds("get_message", 0x62e0, 0x1a, true);
	finds("get_status", 0x62e0, 0x234, false);
}

static void test_refuses(void **state)
{
	static const char *const others[] = {"get_call",     "get_other",   "get_deep",
					     "get_negative", "get_endless", "get_nothing"};
	struct accessor a;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(accessor_read(elf, others[i], &a), -ENOENT);
}

static void test_uses(void **state)
{
	int32_t at;

	assert_int_equal(accessor_first(elf, "get_first", &at), 0);
	assert_int_equal(at, 0x2c0);
	assert_int_equal(accessor_set(elf, "get_sets", &at), 0);
	assert_int_equal(at, 0x3cc0);
	assert_int_equal(accessor_set(elf, "get_first", &at), -ENOENT);
	assert_int_equal(accessor_first(elf, "get_other", &at), -ENOENT);
	assert_int_equal(accessor_repeated(elf, "get_twice", 0x400, &at), 0);
	assert_int_equal(at, 0x3f34);
	assert_int_equal(accessor_repeated(elf, "get_differ", 0x400, &at), -ENOENT);
	assert_true(accessor_writes(elf, "get_sets", 0x3cc0));
	assert_false(accessor_writes(elf, "get_sets", 0x3cc8));
}

static void test_moves(void **state)
{
	static const struct {
		const char *symbol;
		struct accessor_move move;
		int32_t at; /* negative: there is none */
	} rows[] = {
		{"get_answers", {ACCESSOR_LOAD_32, ACCESSOR_RSI, .most = 0x400}, 0x29c},
		{"get_answers",
		 {ACCESSOR_LOAD_32, ACCESSOR_RSI, .least = 0x400, .most = 0x10000},
		 0x25d8},
		{"get_answers", {ACCESSOR_LOAD_32, ACCESSOR_RSI, .most = 0x10000}, -1},
		{"get_answers", {ACCESSOR_LOAD_32, ACCESSOR_RDX, .most = 0x400}, 0x2b0},
		{"get_answers", {ACCESSOR_LOAD_64, ACCESSOR_RDX, .most = 0x400}, -1},
		{"get_answers", {ACCESSOR_LOAD_64, ACCESSOR_RCX, .most = 0x400}, 0x2a0},
		{"get_answers", {ACCESSOR_ADDRESS, ACCESSOR_RCX, .most = 0x400}, 0x294},
		{"get_answers", {ACCESSOR_LOAD_64, ACCESSOR_RAX, .most = 0x10000}, 0x1838},
		{"get_answers", {ACCESSOR_LOAD_64, ACCESSOR_R8, .most = 0x10000}, 0x2a8},
		{"get_stores", {ACCESSOR_STORE_64, ACCESSOR_RSI, .most = 0x10000}, -1},
		{"get_stores", {ACCESSOR_STORE_32, ACCESSOR_RSI, .most = 0x10000}, 0x19b4},
		{"get_stores", {ACCESSOR_STORE_64, ACCESSOR_RCX, .most = 0x400}, 0x60},
		{"get_stores", {ACCESSOR_STORE_64, ACCESSOR_R8, .most = 0x400}, 0x58},
		{"get_stores", {ACCESSOR_STORE_64, ACCESSOR_RAX, .most = 0x10000}, -1},
		{"get_stores",
		 {ACCESSOR_STORE_64, ACCESSOR_RAX, .first = true, .most = 0x10000},
		 0x558},
		{"get_nosuch", {ACCESSOR_LOAD_64, ACCESSOR_RAX, .most = 0x10000}, -1},
	};
	int32_t at;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int ret = accessor_moves(elf, rows[i].symbol, &rows[i].move, &at);

		assert_int_equal(ret, rows[i].at < 0 ? -ENOENT : 0);
		if (!ret)
			assert_int_equal(at, rows[i].at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_uses),
		cmocka_unit_test(test_moves),
	};

	return cmocka_run_group_tests(tests, open_self, close_self);
}

#else
int main(void)
{
	return 0;
}
#endif
