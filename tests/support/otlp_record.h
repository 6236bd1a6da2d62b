/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Records of OpenTelemetry in text, as protobuf's own decoder has them, and what must be in it. */
#include <stddef.h>

#include "capture/event.h"

/* What protoc says of n bytes as that message, in one line with single blanks; to be freed. */
char *otlp_record_decoded(const char *message, const void *p, size_t n);
/* The event as an entry of ScopeLogs; to be freed. */
char *otlp_record_of(const struct event *ev);
void otlp_record_says(const char *text, const char *what);
void otlp_record_silent(const char *text, const char *what);

/* Of a variable `text`. */
#define ATTRIBUTE(key, value) "attributes { key: \"" key "\" value { " value " } }"
#define INT(key, v)           otlp_record_says(text, ATTRIBUTE(key, "int_value: " v))
#define TEXT(key, v)          otlp_record_says(text, ATTRIBUTE(key, "string_value: \"" v "\""))
#define TRUE(key)             otlp_record_says(text, ATTRIBUTE(key, "bool_value: true"))
