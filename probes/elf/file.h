/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Reading a foreign ELF file: symbols by name, addresses to file offsets. Nothing in the file is
 * trusted; a file that is no ELF or is cut gives -ENOEXEC with text, never a crash.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/base/err.h"

struct elf_file;

struct elf_symbol {
	uint64_t address; /* virtual, as linked */
	uint64_t size;
	uint64_t offset; /* in the file; 0 for data without file contents (.bss) */
	bool function;
};

/* fd is borrowed until elf_file_close(); path is for messages. */
int elf_file_open(int fd, const char *path, struct elf_file **ret, struct err *err);
void elf_file_close(struct elf_file *elf);
const char *elf_file_path(const struct elf_file *elf);
int elf_file_fd(const struct elf_file *elf);
/* Defined symbol of that name from .dynsym, else .symtab. -ENOENT. */
int elf_file_symbol(const struct elf_file *elf, const char *name, struct elf_symbol *ret);
/* File offset of a virtual address in an executable or loadable segment; -ENOENT. */
int elf_file_offset(const struct elf_file *elf, uint64_t address, uint64_t *ret);
/* Virtual address of the sorted table that leads into .eh_frame (.eh_frame_hdr); -ENOENT. */
int elf_file_unwind(const struct elf_file *elf, uint64_t *ret);
/* What a word at a virtual address will hold once the file is loaded, less where it is loaded: of
 * its relative relocation. -ENOENT. */
int elf_file_relative(const struct elf_file *elf, uint64_t address, uint64_t *ret);
/* Build id (up to 20 bytes); returns its length, 0 = none. */
size_t elf_file_build_id(const struct elf_file *elf, uint8_t ret[20]);
/* Reads n bytes at a file offset; -EIO when the file ends before. */
int elf_file_read(const struct elf_file *elf, uint64_t offset, void *ret, size_t n);
