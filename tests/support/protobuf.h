/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Messages read by protobuf-c, which knows nothing of how we write them. */
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"
#include "proto/event.pb-c.h"

#define PROTOBUF_FREE(event) penstock__v1__event__free_unpacked(event, NULL)

/* Takes the first message off rest, without its length. Asserts that there is one. */
struct bytes protobuf_take(struct bytes *rest);
/* The event in such a message, in which every byte is as protobuf-c itself would write it. */
Penstock__V1__Event *protobuf_unpack(struct bytes message);
