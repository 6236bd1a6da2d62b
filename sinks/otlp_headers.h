/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The headers of OTLP requests: those that each has, and those that the user wants. */
#include "sinks/otlp_http.h"

/* For libcurl, which frees them. packed: for a body that is compressed. -EINVAL … with one line,
 * which does not tell what a header says: it may be a password. */
int otlp_headers_make(const struct otlp_http_cfg *cfg, bool packed, struct curl_slist **ret,
		      struct err *err);
