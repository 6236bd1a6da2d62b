/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as an ELF file: everything that can be asked of it. */
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probes/elf/accessor.h"
#include "probes/elf/file.h"
#include "probes/elf/returns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct elf_symbol symbol;
	struct elf_file *elf;
	uint64_t offset, returns[RETURNS_MAX];
	uint8_t bytes[20];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size ||
	    elf_file_open(fd, "fuzz", &elf, NULL)) {
		close(fd);
		return 0;
	}
	elf_file_build_id(elf, bytes);
	if (!elf_file_symbol(elf, "readline", &symbol))
		elf_file_read(elf, symbol.offset, bytes, sizeof(bytes));
	elf_file_symbol(elf, "no such symbol", &symbol);
	/* a library that claims to have every function at its beginning, or where it says */
	if (elf_file_symbol(elf, "PQgetResult", &symbol))
		symbol.address = 0;
	returns_find(elf, symbol.address, returns);
	accessor_sets(elf, "mysql_init", 0x4d0, &offset);
	elf_file_relative(elf, 0, &offset);
	elf_file_offset(elf, 0, &offset);
	elf_file_offset(elf, UINT64_MAX, &offset);
	elf_file_close(elf);
	close(fd);
	return 0;
}
