/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probes/elf/file.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
enum {
	OUR_MACHINE = EM_X86_64,
	RELATIVE = R_X86_64_RELATIVE
};
#elif defined(__aarch64__)
enum {
	OUR_MACHINE = EM_AARCH64,
	RELATIVE = R_AARCH64_RELATIVE
};
#else
#error "no ELF machine number for this architecture yet"
#endif

enum {
	TABLE_MAX = 256 << 20, /* a symbol or string table above that is no honest one */
	NOTES_MAX = 4096,
	BUILD_ID_MAX = 20,
};

struct elf_file {
	Elf *elf;
	int fd;
	uint64_t size;
	size_t segments;
	char *path;
};

/* Refuses what libelf would believe: by extended numbering a small sparse file can claim to have
 * billions of headers. */
static int head_check(int fd, const char *path, uint64_t *ret_size, struct err *err)
{
	unsigned char order = __BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB;
	Elf64_Ehdr head;
	struct stat st;

	if (fstat(fd, &st))
		return errf(err, -errno, "cannot read '%s': %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return errf(err, -ENOEXEC, "'%s' is no regular file", path);
	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
	    memcmp(head.e_ident, ELFMAG, SELFMAG))
		return errf(err, -ENOEXEC, "'%s' is no ELF file", path);
	if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != order ||
	    head.e_machine != OUR_MACHINE)
		return errf(err, -ENOEXEC, "'%s' is not for this machine's processor", path);
	if (head.e_type != ET_EXEC && head.e_type != ET_DYN)
		return errf(err, -ENOEXEC, "'%s' is neither a program nor a library", path);
	if (head.e_phnum == PN_XNUM || (head.e_shoff && !head.e_shnum))
		return errf(err, -ENOEXEC, "'%s' claims too many headers", path);
	*ret_size = (uint64_t)st.st_size;
	return 0;
}

int elf_file_open(int fd, const char *path, struct elf_file **ret, struct err *err)
{
	struct elf_file *file;
	uint64_t size = 0;
	int r = head_check(fd, path, &size, err);

	if (r < 0)
		return r;
	file = calloc(1, sizeof(*file));
	if (!file)
		return errf(err, -ENOMEM, "no memory for '%s'", path);
	file->fd = fd;
	file->size = size;
	file->path = strdup(path);
	elf_version(EV_CURRENT);
	/* Read, not mapped: a file that shrinks under a mapping would kill us. */
	file->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!file->path || !file->elf || elf_kind(file->elf) != ELF_K_ELF ||
	    elf_getphdrnum(file->elf, &file->segments)) {
		elf_file_close(file);
		return errf(err, -ENOEXEC, "'%s' is a damaged ELF file", path);
	}
	*ret = file;
	return 0;
}

void elf_file_close(struct elf_file *file)
{
	if (!file)
		return;
	elf_end(file->elf);
	free(file->path);
	free(file);
}

const char *elf_file_path(const struct elf_file *file)
{
	return file->path;
}

int elf_file_fd(const struct elf_file *file)
{
	return file->fd;
}

/* Bytes [offset, offset + n) lie in the file. */
static bool file_holds(const struct elf_file *file, uint64_t offset, uint64_t n)
{
	return offset <= file->size && n <= file->size - offset;
}

int elf_file_offset(const struct elf_file *file, uint64_t address, uint64_t *ret)
{
	GElf_Phdr segment;

	for (size_t i = 0; i < file->segments; i++) {
		if (!gelf_getphdr(file->elf, (int)i, &segment))
			break;
		if (segment.p_type != PT_LOAD || address < segment.p_vaddr ||
		    address - segment.p_vaddr >= segment.p_filesz ||
		    !file_holds(file, segment.p_offset, segment.p_filesz))
			continue;
		*ret = address - segment.p_vaddr + segment.p_offset;
		return 0;
	}
	return -ENOENT;
}

int elf_file_unwind(const struct elf_file *file, uint64_t *ret)
{
	GElf_Phdr segment;

	for (size_t i = 0; i < file->segments; i++) {
		if (!gelf_getphdr(file->elf, (int)i, &segment))
			break;
		if (segment.p_type != PT_GNU_EH_FRAME)
			continue;
		*ret = segment.p_vaddr;
		return 0;
	}
	return -ENOENT;
}

static Elf_Data *table_data(Elf_Scn *section, const GElf_Shdr *head)
{
	if (head->sh_type == SHT_NOBITS || head->sh_size > TABLE_MAX)
		return NULL;
	return elf_getdata(section, NULL);
}

/* Is the NUL-terminated text at `offset` of the string table this name? n counts its NUL. */
static bool name_equals(const Elf_Data *strings, uint64_t offset, const char *name, size_t n)
{
	return offset < strings->d_size && n <= strings->d_size - offset &&
	       !memcmp((const char *)strings->d_buf + offset, name, n);
}

static int table_find_symbol(const struct elf_file *file, Elf_Scn *section, const char *name,
			     GElf_Sym *ret)
{
	size_t n = strlen(name) + 1;
	GElf_Shdr head, strings_head;
	int found = -ENOENT;
	GElf_Sym symbol;
	Elf_Data *symbols, *strings;
	Elf_Scn *strings_section;

	if (!gelf_getshdr(section, &head) || !head.sh_entsize)
		return -ENOENT;
	strings_section = elf_getscn(file->elf, head.sh_link);
	if (!strings_section || !gelf_getshdr(strings_section, &strings_head))
		return -ENOENT;
	symbols = table_data(section, &head);
	strings = table_data(strings_section, &strings_head);
	if (!symbols || !symbols->d_buf || !strings || !strings->d_buf)
		return -ENOENT;
	/* of several versions of a name, all but one may be said to have no size */
	for (int i = 0; gelf_getsym(symbols, i, &symbol); i++) {
		if (symbol.st_shndx == SHN_UNDEF || !name_equals(strings, symbol.st_name, name, n))
			continue;
		*ret = symbol;
		found = 0;
		if (symbol.st_size)
			break;
	}
	return found;
}

static int file_find_symbol(const struct elf_file *file, uint32_t table, const char *name,
			    GElf_Sym *ret)
{
	Elf_Scn *section = NULL;
	GElf_Shdr head;

	while ((section = elf_nextscn(file->elf, section)))
		if (gelf_getshdr(section, &head) && head.sh_type == table &&
		    !table_find_symbol(file, section, name, ret))
			return 0;
	return -ENOENT;
}

int elf_file_symbol(const struct elf_file *file, const char *name, struct elf_symbol *ret)
{
	GElf_Sym symbol;
	uint64_t offset;

	if (file_find_symbol(file, SHT_DYNSYM, name, &symbol) &&
	    file_find_symbol(file, SHT_SYMTAB, name, &symbol))
		return -ENOENT;
	if (elf_file_offset(file, symbol.st_value, &offset))
		offset = 0;
	*ret = (struct elf_symbol){
		.address = symbol.st_value,
		.size = symbol.st_size,
		.offset = offset,
		.function = GELF_ST_TYPE(symbol.st_info) == STT_FUNC,
	};
	return 0;
}

int elf_file_relative(const struct elf_file *file, uint64_t address, uint64_t *ret)
{
	Elf_Scn *section = NULL;
	GElf_Shdr head;
	GElf_Rela rela;

	while ((section = elf_nextscn(file->elf, section))) {
		Elf_Data *data;

		if (!gelf_getshdr(section, &head) || head.sh_type != SHT_RELA || !head.sh_entsize)
			continue;
		data = table_data(section, &head);
		for (int i = 0; data && data->d_buf && gelf_getrela(data, i, &rela); i++) {
			if (rela.r_offset != address || GELF_R_TYPE(rela.r_info) != RELATIVE)
				continue;
			*ret = (uint64_t)rela.r_addend;
			return 0;
		}
	}
	return -ENOENT;
}

static uint64_t note_align(uint64_t n)
{
	return (n + 3) & ~3ull;
}

/* The build id among the notes in n bytes; its length, 0 = none. */
static size_t notes_build_id(const uint8_t *notes, size_t n, uint8_t ret[BUILD_ID_MAX])
{
	GElf_Nhdr head;

	for (size_t at = 0; n - at >= sizeof(head);) {
		memcpy(&head, notes + at, sizeof(head));
		uint64_t desc = at + sizeof(head) + note_align(head.n_namesz);
		uint64_t end = desc + note_align(head.n_descsz);

		if (end > n)
			break;
		if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == sizeof(ELF_NOTE_GNU) &&
		    !memcmp(notes + at + sizeof(head), ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU))) {
			size_t len = head.n_descsz < BUILD_ID_MAX ? head.n_descsz : BUILD_ID_MAX;

			memcpy(ret, notes + desc, len);
			return len;
		}
		at = end;
	}
	return 0;
}

size_t elf_file_build_id(const struct elf_file *file, uint8_t ret[BUILD_ID_MAX])
{
	uint8_t notes[NOTES_MAX];
	GElf_Phdr segment;
	size_t len = 0;

	for (size_t i = 0; i < file->segments && !len; i++) {
		if (!gelf_getphdr(file->elf, (int)i, &segment))
			break;
		size_t n = segment.p_filesz < NOTES_MAX ? segment.p_filesz : NOTES_MAX;

		if (segment.p_type == PT_NOTE && !elf_file_read(file, segment.p_offset, notes, n))
			len = notes_build_id(notes, n, ret);
	}
	return len;
}

int elf_file_read(const struct elf_file *file, uint64_t offset, void *ret, size_t n)
{
	size_t done = 0;

	if (!file_holds(file, offset, n))
		return -EIO;
	while (done < n) {
		ssize_t got = pread(file->fd, (char *)ret + done, n - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -EIO;
		done += (size_t)got;
	}
	return 0;
}
