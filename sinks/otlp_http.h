/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * OTLP requests on their way, by libcurl: several at once on connections that are kept, none of
 * which ever blocks. One descriptor and one time limit stand for all that it waits for.
 */
#include <curl/curl.h>

#include "capture/base/err.h"
#include "capture/base/opt.h"
#include "capture/net/address.h"
#include "capture/net/tls.h"
#include "sinks/otlp_answer.h"
#include "sinks/otlp_body.h"

struct otlp_http_cfg {
	struct opt_list headers;  /* "Name: value" */
	const char *headers_file; /* the same, one a line; NULL = none */
	uint64_t timeout_ns;      /* of one request */
	struct tls_cfg tls;
};

enum {
	OTLP_HTTP_PATH = 1024,
	OTLP_HTTP_ANSWER = 4 * 1024 * 1024, /* most that is read of an answer */
	OTLP_HTTP_WAIT_S = 300,             /* longest that a collector can make us wait */
};

struct otlp_transfer {
	CURL *easy;
	struct curl_slist *connect_to; /* where the name in its URL is not that of the endpoint */
	struct otlp_body body;
	uint8_t *answer; /* mapped, OTLP_HTTP_ANSWER bytes */
	size_t answer_n;
	bool cut;                    /* it goes on behind that */
	char error[CURL_ERROR_SIZE]; /* of libcurl; "" = it says none */
	CURLcode result;             /* when it is over */
	bool running, over;
};

struct otlp_http;

/* The files are read here. path: with a slash in front. -EINVAL, -ENOENT … with one line. */
int otlp_http_new(const struct otlp_http_cfg *cfg, bool tls, const struct address_list *list,
		  const char *path, struct otlp_http **ret, struct err *err);
/* All transfers are closed. NULL is fine. */
void otlp_http_free(struct otlp_http *h);

/* A zeroed transfer; closed in any case. pack: its body may be compressed. */
int otlp_transfer_open(struct otlp_transfer *t, struct otlp_http *h, bool pack, struct err *err);
void otlp_transfer_close(struct otlp_transfer *t, struct otlp_http *h);
/* Sends its body. -ENOMEM: not now. */
int otlp_transfer_start(struct otlp_transfer *t, struct otlp_http *h, bool packed);
/* Whatever becomes of it. */
void otlp_transfer_stop(struct otlp_transfer *t, struct otlp_http *h);
/* What it came to. True: there is an answer; else only ret->text is filled in. *ret_wait_s: how
 * long the collector asks to be left alone, 0 = it does not say. */
bool otlp_transfer_judge(struct otlp_transfer *t, const struct otlp_http *h,
			 struct otlp_judgement *ret, int64_t *ret_wait_s);

/* Does what can be done now; transfers that have ended are `over`. */
void otlp_http_turn(struct otlp_http *h);
/* timeout_ms: -1 = none. */
void otlp_http_wait(const struct otlp_http *h, int *ret_fd, int *ret_timeout_ms);
/* From now on the next of several endpoints is asked. */
void otlp_http_advance(struct otlp_http *h);
/* The endpoint that is asked. */
const char *otlp_http_peer(const struct otlp_http *h);
