/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "capture/base/cleanup.h"

enum {
	LINES_SPARE = 256, /* lines that are of no use any more, before all is written anew */
	LOCK_TRIES = 100,  /* how often somebody may put another one in its place */
};

/* ---- the list ------------------------------------------------------------------------------ */

static void list_forget_oldest(struct manifest *m)
{
	struct manifest_file *f = &m->files[m->first];

	m->total -= f->size;
	free(f->name);
	m->first++;
	m->n--;
}

static bool list_grow(struct manifest *m)
{
	size_t cap = m->cap ? m->cap * 2 : 64;
	struct manifest_file *files;

	if (m->first) {
		memmove(m->files, m->files + m->first, m->n * sizeof(*m->files));
		m->first = 0;
	}
	if (m->n < m->cap / 2)
		return true;
	files = realloc(m->files, cap * sizeof(*files));
	if (!files)
		return m->n < m->cap;
	m->files = files;
	m->cap = cap;
	return true;
}

static void list_add(struct manifest *m, const char *name, uint64_t size, int64_t time)
{
	char *copy = strdup(name);

	if (m->n == MANIFEST_FILES)
		list_forget_oldest(m);
	if (!copy || (m->first + m->n == m->cap && !list_grow(m))) {
		free(copy);
		return;
	}
	m->files[m->first + m->n++] =
		(struct manifest_file){.name = copy, .size = size, .time = time};
	m->total += size;
}

const struct manifest_file *manifest_oldest(const struct manifest *m)
{
	return m->n ? &m->files[m->first] : NULL;
}

/* Keeps of the list what is true. */
static void list_check(struct manifest *m)
{
	size_t kept = 0;

	m->total = 0;
	for (size_t i = 0; i < m->n; i++) {
		struct manifest_file *f = &m->files[m->first + i];
		struct stat st;

		if (fstatat(m->place->folder, f->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode) || !place_is_ours(m->place, &st)) {
			free(f->name);
			continue;
		}
		f->size = (uint64_t)st.st_size;
		f->time = st.st_mtim.tv_sec;
		m->total += f->size;
		m->files[m->first + kept++] = *f;
	}
	m->n = kept;
}

/* ---- reading ------------------------------------------------------------------------------- */

static void manifest_number(struct manifest *m, const char *name)
{
	uint64_t number;

	if (name_match(m->template, name, &number) && number >= m->next)
		m->next = number + 1;
}

/* Cuts a number and the space behind it off *line. */
static bool line_number(char **line, uint64_t *ret)
{
	char *end;

	if (**line < '0' || **line > '9')
		return false;
	errno = 0;
	*ret = strtoull(*line, &end, 10);
	if (errno || (*end && *end != ' '))
		return false;
	*line = *end ? end + 1 : end;
	return true;
}

static void manifest_read_line(struct manifest *m, char *line)
{
	static const char head[] = "penstock manifest 1 ";
	const struct manifest_file *oldest = manifest_oldest(m);
	uint64_t size, time, number;
	char kind = *line;

	if (!strncmp(line, head, sizeof(head) - 1)) {
		line += sizeof(head) - 1;
		if (line_number(&line, &number) && number > m->next && number < INT64_MAX)
			m->next = number;
		return;
	}
	if (!kind || line[1] != ' ')
		return;
	line += 2;
	if (kind == '-' && oldest && !strcmp(oldest->name, line)) {
		list_forget_oldest(m);
	} else if (kind == 'a' && line_number(&line, &number) &&
		   name_match(m->template, line, &size)) {
		snprintf(m->active, sizeof(m->active), "%s", line);
		m->active_ino = number;
		manifest_number(m, line);
	} else if (kind == '+' && line_number(&line, &size) && line_number(&line, &time) &&
		   name_match(m->template, line, &number)) {
		if (!strcmp(m->active, line))
			m->active[0] = '\0';
		list_add(m, line, 0, 0);
		manifest_number(m, line);
	}
}

/* What cannot be read is as if it were not there. A line that is not whole does not count. */
static void manifest_read(struct manifest *m)
{
	CLEANUP_FREE char *text = NULL;
	struct stat st;
	size_t n = 0;
	ssize_t got = 1;
	char *line, *end;

	if (fstat(m->fd, &st) < 0 || st.st_size > MANIFEST_BYTES)
		return;
	text = malloc((size_t)st.st_size + 1);
	while (text && n < (size_t)st.st_size && got > 0) {
		got = pread(m->fd, text + n, (size_t)st.st_size - n, (off_t)n);
		n += got > 0 ? (size_t)got : 0;
	}
	if (!text)
		return;
	text[n] = '\0';
	for (line = text; (end = memchr(line, '\n', n - (size_t)(line - text))); line = end + 1) {
		*end = '\0';
		if (strlen(line) == (size_t)(end - line))
			manifest_read_line(m, line);
	}
}

/* The last writer may have died between the last name of a file and the line that says so. */
static void manifest_settle(struct manifest *m)
{
	char part[NAME_MAX + 8];
	struct stat st;

	list_check(m);
	if (!m->active[0])
		return;
	snprintf(part, sizeof(part), "%s.part", m->active);
	if (fstatat(m->place->folder, part, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT &&
	    fstatat(m->place->folder, m->active, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode) && place_is_ours(m->place, &st) && st.st_ino == m->active_ino)
		list_add(m, m->active, (uint64_t)st.st_size, st.st_mtim.tv_sec);
	m->active[0] = '\0';
	m->stale = true;
}

/* ---- writing ------------------------------------------------------------------------------- */

static void manifest_print(const struct manifest *m, FILE *f)
{
	fprintf(f, "penstock manifest 1 %" PRIu64 "\n", m->next);
	for (size_t i = 0; i < m->n; i++) {
		const struct manifest_file *file = &m->files[m->first + i];

		fprintf(f, "+ %" PRIu64 " %" PRId64 " %s\n", file->size, file->time, file->name);
	}
	if (m->active[0])
		fprintf(f, "a %" PRIu64 " %s\n", m->active_ino, m->active);
}

/* Puts another one in its place, which is locked before it is there. */
static void manifest_rewrite(struct manifest *m)
{
	CLEANUP_FREE char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	int fd = -1;

	if (!f)
		return;
	manifest_print(m, f);
	if (fclose(f) != 0 || place_put(m->place, m->name, text, n, &fd) < 0)
		return; /* the old one stays, and so does its lock */
	close(m->fd);
	m->fd = fd;
	m->lines = m->n + 2;
	m->stale = false;
}

static void manifest_append(struct manifest *m, const char *line)
{
	size_t n = strlen(line);

	if (!m->stale && m->lines < 2 * m->n + LINES_SPARE) {
		m->stale = lseek(m->fd, 0, SEEK_END) < 0 || write(m->fd, line, n) != (ssize_t)n;
		m->lines++;
	} else {
		m->stale = true;
	}
	if (m->stale)
		manifest_rewrite(m);
}

void manifest_begin(struct manifest *m, const char *name, uint64_t ino)
{
	char line[NAME_MAX + 32];

	if (!strcmp(m->active, name) && m->active_ino == ino && !m->stale)
		return;
	snprintf(m->active, sizeof(m->active), "%s", name);
	m->active_ino = ino;
	snprintf(line, sizeof(line), "a %" PRIu64 " %s\n", ino, name);
	manifest_append(m, line);
	/* Whatever fails from now on, this and all before it can be read again. */
	(void)fdatasync(m->fd);
}

void manifest_add(struct manifest *m, const char *name)
{
	char line[NAME_MAX + 64];
	struct stat st;

	m->active[0] = '\0';
	if (fstatat(m->place->folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	list_add(m, name, (uint64_t)st.st_size, st.st_mtim.tv_sec);
	snprintf(line, sizeof(line), "+ %" PRIu64 " %" PRId64 " %s\n", (uint64_t)st.st_size,
		 (int64_t)st.st_mtim.tv_sec, name);
	manifest_append(m, line);
}

void manifest_forget_oldest(struct manifest *m)
{
	char line[NAME_MAX + 8];

	snprintf(line, sizeof(line), "- %s\n", m->files[m->first].name);
	list_forget_oldest(m);
	manifest_append(m, line);
}

/* ---- opening ------------------------------------------------------------------------------- */

int manifest_name(const char *base, char ret[NAME_MAX + 1])
{
	return snprintf(ret, NAME_MAX + 1, ".%s.manifest", base) > NAME_MAX ? -ENAMETOOLONG : 0;
}

/* One try: -EAGAIN when what was locked is no longer what has the name. */
static int manifest_lock(struct manifest *m, struct err *err)
{
	struct place_file f = {.fd = -1};
	int r = place_take(m->place, m->name, &f, &m->made, err);

	if (r == -EBUSY)
		return errf(err, -EBUSY, "'%s' is being written by another penstock",
			    m->place->env->target);
	if (r == -ENOENT) /* gone in between */
		return -EAGAIN;
	if (r < 0)
		return r;
	if (!place_file_is(m->place, &f, m->name)) {
		place_file_close(&f);
		return -EAGAIN;
	}
	m->fd = f.fd;
	return 0;
}

int manifest_open(struct manifest *m, const struct place *place, const char *base,
		  const struct name *template, struct err *err)
{
	int r;

	*m = (struct manifest){.place = place, .template = template, .fd = -1, .next = 1};
	r = manifest_name(base, m->name);
	if (r < 0)
		return errf(err, r, "the name '%s' is too long", base);
	r = -EAGAIN;
	for (int i = 0; i < LOCK_TRIES && r == -EAGAIN; i++)
		r = manifest_lock(m, err);
	if (r == -EAGAIN)
		return errf(err, -EBUSY, "'%s' is being written by another penstock",
			    place->env->target);
	if (r < 0)
		return r;
	if (err) /* of a try before */
		err->text[0] = '\0';
	place_put_forget(place, m->name);
	manifest_read(m);
	manifest_settle(m);
	m->stale = true; /* the first line that is appended writes the whole */
	return 0;
}

void manifest_close(struct manifest *m)
{
	while (m->n)
		list_forget_oldest(m);
	free(m->files);
	m->files = NULL;
	m->cap = m->first = 0;
	cleanup_closep(&m->fd);
	m->fd = -1;
}

void manifest_discard(struct manifest *m)
{
	struct stat st;

	if (m->made && fstat(m->fd, &st) == 0 && st.st_size == 0)
		unlinkat(m->place->folder, m->name, 0);
}
