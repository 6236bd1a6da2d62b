/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/elf/file.h"

/* What is looked for in this program itself. */
int test_elf_file_marker(int x);
int test_elf_file_data = 42;
int test_elf_file_bss;

__attribute__((noinline)) int test_elf_file_marker(int x)
{
	return x * 3 + test_elf_file_data + test_elf_file_bss;
}

/* The head of a library for this machine, without any content. */
static Elf64_Ehdr our_head(void)
{
	Elf64_Ehdr head = {.e_type = ET_DYN, .e_version = EV_CURRENT};

#if defined(__aarch64__)
	head.e_machine = EM_AARCH64;
#else
	head.e_machine = EM_X86_64;
#endif
	head.e_ehsize = sizeof(head);
	memcpy(head.e_ident, ELFMAG, SELFMAG);
	head.e_ident[EI_CLASS] = ELFCLASS64;
	head.e_ident[EI_DATA] = ELFDATA2LSB;
	head.e_ident[EI_VERSION] = EV_CURRENT;
	return head;
}

static struct elf_file *open_path(const char *path)
{
	struct elf_file *elf = NULL;
	struct err err = {""};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	if (elf_file_open(fd, path, &elf, &err))
		fail_msg("%s", err.text);
	return elf;
}

static void close_file(struct elf_file *elf)
{
	int fd = elf_file_fd(elf);

	elf_file_close(elf);
	close(fd);
}

static void finds_a_function_where_it_is(void **state)
{
	struct elf_file *elf = open_path("/proc/self/exe");
	struct elf_symbol symbol, data;
	uint8_t code[16];
	uint64_t offset;

	assert_int_equal(elf_file_symbol(elf, "test_elf_file_marker", &symbol), 0);
	assert_true(symbol.function);
	assert_true(symbol.size > 0);
	assert_int_equal(elf_file_read(elf, symbol.offset, code, sizeof(code)), 0);
	assert_memory_equal(code, (const void *)(uintptr_t)test_elf_file_marker, sizeof(code));
	assert_int_equal(elf_file_offset(elf, symbol.address, &offset), 0);
	assert_int_equal(offset, symbol.offset);
	/* Relocation moves all by the same distance. */
	assert_int_equal(elf_file_symbol(elf, "test_elf_file_data", &data), 0);
	assert_int_equal((uintptr_t)test_elf_file_marker - symbol.address,
			 (uintptr_t)&test_elf_file_data - data.address);
	close_file(elf);
}

static void knows_data(void **state)
{
	struct elf_file *elf = open_path("/proc/self/exe");
	struct elf_symbol symbol;
	int value;

	assert_int_equal(elf_file_symbol(elf, "test_elf_file_data", &symbol), 0);
	assert_false(symbol.function);
	assert_int_equal(elf_file_read(elf, symbol.offset, &value, sizeof(value)), 0);
	assert_int_equal(value, 42);
	assert_int_equal(elf_file_symbol(elf, "test_elf_file_bss", &symbol), 0);
	assert_int_equal(symbol.offset, 0);
	assert_true(symbol.address > 0);
	close_file(elf);
}

static void finds_exported_symbols_of_a_stripped_file(void **state)
{
	struct elf_file *elf = open_path("/bin/bash");
	struct elf_symbol symbol;

	assert_int_equal(elf_file_symbol(elf, "readline", &symbol), 0);
	assert_true(symbol.function);
	/* imported: not defined here */
	assert_int_equal(elf_file_symbol(elf, "malloc_usable_size", &symbol), -ENOENT);
	assert_int_equal(elf_file_symbol(elf, "strlen", &symbol), -ENOENT);
	assert_int_equal(elf_file_symbol(elf, "readlin", &symbol), -ENOENT);
	assert_int_equal(elf_file_symbol(elf, "readline2", &symbol), -ENOENT);
	assert_int_equal(elf_file_symbol(elf, "", &symbol), -ENOENT);
	close_file(elf);
}

/* An ELF file with one note segment: the second note is the build id. */
static void reads_the_build_id(void **state)
{
	struct {
		Elf64_Ehdr head;
		Elf64_Phdr segment;
		struct {
			Elf64_Nhdr head;
			char name[8], text[4];
		} other;
		struct {
			Elf64_Nhdr head;
			char name[4], id[20];
		} build;
	} f = {
		.segment = {.p_type = PT_NOTE,
			    .p_offset = offsetof(__typeof__(f), other),
			    .p_filesz = sizeof(f.other) + sizeof(f.build)},
		.other = {{6, 3, NT_GNU_BUILD_ID}, "other", "abc"},
		.build = {{4, 20, NT_GNU_BUILD_ID}, "GNU", "0123456789abcdefghi"},
	};
	int fd = memfd_create("x", MFD_CLOEXEC);
	struct elf_file *elf;
	uint8_t id[20];

	f.head = our_head();
	f.head.e_phoff = sizeof(f.head);
	f.head.e_phentsize = sizeof(f.segment);
	f.head.e_phnum = 1;
	assert_int_equal(write(fd, &f, sizeof(f)), sizeof(f));
	assert_int_equal(elf_file_open(fd, "x", &elf, NULL), 0);
	assert_int_equal(elf_file_build_id(elf, id), 20);
	assert_memory_equal(id, "0123456789abcdefghi", 20);
	elf_file_close(elf);
	/* A note that claims more than there is. */
	f.build.head.n_descsz = 21;
	assert_int_equal(pwrite(fd, &f, sizeof(f), 0), sizeof(f));
	assert_int_equal(elf_file_open(fd, "x", &elf, NULL), 0);
	assert_int_equal(elf_file_build_id(elf, id), 0);
	elf_file_close(elf);
	close(fd);
}

static void reads_within_the_file_only(void **state)
{
	struct elf_file *elf = open_path("/bin/bash");
	struct stat st;
	char byte;

	assert_int_equal(fstat(elf_file_fd(elf), &st), 0);
	assert_int_equal(elf_file_read(elf, (uint64_t)st.st_size - 1, &byte, 1), 0);
	assert_int_equal(elf_file_read(elf, (uint64_t)st.st_size, &byte, 1), -EIO);
	assert_int_equal(elf_file_read(elf, UINT64_MAX, &byte, 1), -EIO);
	close_file(elf);
}

/* ---- files that are none ------------------------------------------------------------------ */

static int refused(const void *p, size_t n, const char *text)
{
	int fd = memfd_create("x", MFD_CLOEXEC), r;
	struct elf_file *elf = NULL;
	struct err err = {""};

	assert_int_equal(write(fd, p, n), (ssize_t)n);
	r = elf_file_open(fd, "/some/file", &elf, &err);
	assert_int_equal(r, -ENOEXEC);
	assert_null(elf);
	assert_string_equal(err.text, text);
	close(fd);
	return r;
}

static void refuses_what_is_no_elf_file(void **state)
{
	Elf64_Ehdr head = {.e_type = ET_DYN, .e_machine = EM_X86_64, .e_shoff = 64};

#if defined(__aarch64__)
	head.e_machine = EM_AARCH64;
#endif
	memcpy(head.e_ident, ELFMAG, SELFMAG);
	head.e_ident[EI_CLASS] = ELFCLASS64;
	head.e_ident[EI_DATA] = ELFDATA2LSB;
	refused("", 0, "'/some/file' is no ELF file");
	refused("#!/bin/sh\n", 10, "'/some/file' is no ELF file");
	refused(&head, sizeof(head) - 1, "'/some/file' is no ELF file");
	refused(&head, sizeof(head), "'/some/file' claims too many headers");
	head.e_shnum = 1;
	head.e_phnum = PN_XNUM;
	refused(&head, sizeof(head), "'/some/file' claims too many headers");
	head.e_phnum = 0;
	head.e_type = ET_REL;
	refused(&head, sizeof(head), "'/some/file' is neither a program nor a library");
	head.e_machine = EM_SPARCV9;
	refused(&head, sizeof(head), "'/some/file' is not for this machine's processor");
}

static void refuses_a_folder(void **state)
{
	int fd = open("/tmp", O_RDONLY | O_CLOEXEC);
	struct elf_file *elf;
	struct err err;

	assert_int_equal(elf_file_open(fd, "/tmp", &elf, &err), -ENOEXEC);
	assert_string_equal(err.text, "'/tmp' is no regular file");
	close(fd);
}

/* Everything one can ask of a file whose contents are not to be trusted. */
static void ask_all(int fd)
{
	struct elf_file *elf;
	struct elf_symbol symbol;
	uint64_t offset;
	uint8_t id[20];

	if (elf_file_open(fd, "x", &elf, NULL))
		return;
	assert_true(elf_file_build_id(elf, id) <= sizeof(id));
	elf_file_symbol(elf, "readline", &symbol);
	elf_file_symbol(elf, "no such symbol", &symbol);
	elf_file_offset(elf, 0x1000, &offset);
	elf_file_close(elf);
}

/* bash, cut at many places. */
static void survives_cut_files(void **state)
{
	int from = open("/bin/bash", O_RDONLY | O_CLOEXEC), fd = memfd_create("cut", MFD_CLOEXEC);
	struct stat st;
	char *all;

	assert_int_equal(fstat(from, &st), 0);
	all = malloc((size_t)st.st_size);
	assert_int_equal(read(from, all, (size_t)st.st_size), st.st_size);
	for (off_t n = st.st_size; n > 0; n -= n > 4096 ? st.st_size / 100 : 61) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, all, (size_t)n, 0), n);
		ask_all(fd);
	}
	free(all);
	close(fd);
	close(from);
}

/* bash with its headers damaged, one byte at a time. */
static void survives_damaged_headers(void **state)
{
	static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
	int from = open("/bin/bash", O_RDONLY | O_CLOEXEC);
	int fd = memfd_create("damaged", MFD_CLOEXEC);
	Elf64_Ehdr head;
	struct stat st;
	char *all;

	assert_int_equal(fstat(from, &st), 0);
	all = malloc((size_t)st.st_size);
	assert_int_equal(read(from, all, (size_t)st.st_size), st.st_size);
	memcpy(&head, all, sizeof(head));
	assert_int_equal(pwrite(fd, all, (size_t)st.st_size, 0), st.st_size);
	for (size_t i = 0; i < 64 + head.e_phnum * sizeof(Elf64_Phdr) + 512; i++) {
		/* the head, the segments, then the sections */
		size_t shdr = i - 64 - head.e_phnum * sizeof(Elf64_Phdr);
		size_t at = i < 64 + head.e_phnum * sizeof(Elf64_Phdr) ? i : head.e_shoff + shdr;

		assert_int_equal(pwrite(fd, &values[i % sizeof(values)], 1, (off_t)at), 1);
		ask_all(fd);
		assert_int_equal(pwrite(fd, all + at, 1, (off_t)at), 1);
	}
	free(all);
	close(fd);
	close(from);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_a_function_where_it_is),
		cmocka_unit_test(knows_data),
		cmocka_unit_test(finds_exported_symbols_of_a_stripped_file),
		cmocka_unit_test(reads_the_build_id),
		cmocka_unit_test(reads_within_the_file_only),
		cmocka_unit_test(refuses_what_is_no_elf_file),
		cmocka_unit_test(refuses_a_folder),
		cmocka_unit_test(survives_cut_files),
		cmocka_unit_test(survives_damaged_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
