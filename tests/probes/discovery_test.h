/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
#include <linux/types.h>

enum {
	DISCOVERY_TEST_TARGETS = 4
};

struct discovery_test_hits {
	__u64 calls;
	__u64 param; /* of the plan: the address of readline */
};
