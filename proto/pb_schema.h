/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* event.proto itself, as a FileDescriptorSet: what lets any tool decode a stream without the file.
 */
#include <stdint.h>

#include "capture/base/bytes.h"

enum {
	PB_SCHEMA_MINOR = 1 /* grows when fields or kinds are added to event.proto */
};

extern const struct bytes pb_schema_set;
extern const struct bytes pb_schema_sha256; /* of the set: 32 bytes */
