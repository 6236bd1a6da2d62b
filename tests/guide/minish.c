/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The target of README's "add a probe": a shell that runs nothing. Each line of stdin is a command;
 * its status is the number of words in it. */
#include <stdio.h>
#include <string.h>

int minish_run(const char *line);

__attribute__((noinline)) int minish_run(const char *line)
{
	int words = 0;

	while (*(line += strspn(line, " \t")) != '\0') {
		line += strcspn(line, " \t");
		words++;
	}
	return words;
}

int main(void)
{
	char line[4096];
	int status = 0;

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		status = minish_run(line);
	}
	return status;
}
