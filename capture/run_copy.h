/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A description of a run that outlives what it was made of. */
#include "capture/event.h"

/* With its texts, in one piece, to be freed. NULL when there is no memory. */
struct run *run_copy(const struct run *run);
