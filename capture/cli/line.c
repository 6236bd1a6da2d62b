/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/cli/line.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	LINE_WIDTH = 80 /* where the terminal does not say */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool shown;

bool line_possible(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

static int line_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 2)
		return LINE_WIDTH - 1;
	return size.ws_col - 1; /* the last column would make some terminals scroll */
}

/* Locked. */
static void line_erase(void)
{
	if (shown)
		fputs("\r\033[K", stderr);
	shown = false;
}

void line_show(const char *text)
{
	pthread_mutex_lock(&lock);
	fprintf(stderr, "\r%.*s\033[K", line_width(), text);
	shown = true;
	pthread_mutex_unlock(&lock);
}

void line_hide(void)
{
	pthread_mutex_lock(&lock);
	line_erase();
}

void line_done(void)
{
	pthread_mutex_unlock(&lock);
}
