/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a connection talks, from the beginning of one message in it. Pure; errs on the side of
 * PROTOCOL_UNKNOWN, which is asked again with the next message.
 */
#include "capture/event.h"

/* payload begins a message that flow's owner sent or received in `direction`. */
enum protocol guess_protocol(const struct flow *flow, enum direction direction,
			     struct bytes payload);
