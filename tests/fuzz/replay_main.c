/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a fuzz target without a fuzzer: on each file given, or on each file of the folders given.
 * What fuzzing once found stays found, with any compiler. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	uint8_t *data;
	size_t n;

	if (!f || fstat(fileno(f), &st) < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	/* exactly as large as the input: a read past its end is seen by the sanitizer */
	data = malloc((size_t)st.st_size);
	n = data ? fread(data, 1, (size_t)st.st_size, f) : 0;
	fclose(f);
	if (n == (size_t)st.st_size)
		LLVMFuzzerTestOneInput(data, n);
	free(data);
	return n == (size_t)st.st_size ? 1 : -1;
}

static int run_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char name[4096];
	int done = 0, r = 0;

	if (!dir)
		return run_file(path);
	while (r >= 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		r = run_file(name);
		done += r;
	}
	closedir(dir);
	return r < 0 ? r : done;
}

int main(int argc, char **argv)
{
	int done = 0;

	for (int i = 1; i < argc; i++) {
		int r = run_folder(argv[i]);

		if (r < 0)
			return 1;
		done += r;
	}
	if (done == 0) {
		printf("no input at all\n");
		return 1;
	}
	printf("%d inputs\n", done);
	return 0;
}
