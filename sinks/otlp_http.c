/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/otlp_http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/base/elapsed.h"
#include "sinks/otlp_headers.h"

enum {
	CONNECT_MS = 5000,
	TURNS_MOST = 64, /* in a row, of a server that is as fast as we are */
	KEEPALIVE_S = 10,
};

struct otlp_http {
	struct otlp_http_cfg cfg;
	bool tls;
	struct address_list list;
	unsigned at; /* the endpoint of that list which is asked */
	char path[OTLP_HTTP_PATH];
	char peer[ADDRESS_TEXT];
	CURLM *multi;
	struct curl_slist *headers, *packed_headers; /* the second for what is compressed */
	bool curl;                                   /* its library is initialised */
	int epoll_fd;
	int64_t due_ms; /* when libcurl wants to be called, -1 = never */
};

/* ---- what libcurl wants of us -------------------------------------------------------------- */

static int curl_on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct otlp_http *h = arg;
	struct epoll_event ev = {.data.fd = fd};

	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(h->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	ev.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
	if (epoll_ctl(h->epoll_fd, EPOLL_CTL_MOD, fd, &ev) < 0 &&
	    epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -1;
	return 0;
}

static int curl_on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct otlp_http *h = arg;

	h->due_ms = timeout_ms < 0 ? -1 : elapsed_ms() + timeout_ms;
	return 0;
}

static size_t curl_on_read(char *to, size_t size, size_t n, void *arg)
{
	struct otlp_transfer *t = arg;

	return otlp_body_read(&t->body, to, size * n);
}

/* A connection that was kept has turned out to be closed: the whole is sent on another one. */
static int curl_on_seek(void *arg, curl_off_t offset, int origin)
{
	struct otlp_transfer *t = arg;

	if (offset || origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	otlp_body_rewind(&t->body);
	return CURL_SEEKFUNC_OK;
}

/* What is more than we want to read ends the transfer; the rest stays with the connection. */
static size_t curl_on_write(char *from, size_t size, size_t n, void *arg)
{
	struct otlp_transfer *t = arg;
	size_t more = size * n, room = OTLP_HTTP_ANSWER - t->answer_n;

	t->cut = more > room;
	if (t->cut)
		more = room;
	memcpy(t->answer + t->answer_n, from, more);
	t->answer_n += more;
	return more;
}

/* ---- opening ------------------------------------------------------------------------------- */

static int http_check_file(const char *key, const char *path, struct err *err)
{
	if (!path || access(path, R_OK) == 0)
		return 0;
	return errf(err, -errno, "%s: '%s': %s", key, path, strerror(errno));
}

static int http_check_files(const struct tls_cfg *tls, struct err *err)
{
	int r = http_check_file("ca", tls->ca, err);

	if (r == 0)
		r = http_check_file("cert", tls->cert, err);
	return r ? r : http_check_file("key", tls->key, err);
}

static void http_name_peer(struct otlp_http *h)
{
	address_text(&h->list.v[h->at], h->peer);
}

static int http_open_curl(struct otlp_http *h, struct err *err)
{
	h->curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
	h->multi = h->curl ? curl_multi_init() : NULL;
	if (!h->multi)
		return errf(err, -ENOMEM, "libcurl has no memory");
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, curl_on_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, curl_on_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	return 0;
}

static int http_open(struct otlp_http *h, struct err *err)
{
	int r = h->tls ? http_check_files(&h->cfg.tls, err) : 0;

	if (r == 0)
		r = otlp_headers_make(&h->cfg, false, &h->headers, err);
	if (r == 0)
		r = otlp_headers_make(&h->cfg, true, &h->packed_headers, err);
	if (r)
		return r;
	h->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (h->epoll_fd < 0)
		return errf(err, -errno, "epoll: %s", strerror(errno));
	return http_open_curl(h, err);
}

int otlp_http_new(const struct otlp_http_cfg *cfg, bool tls, const struct address_list *list,
		  const char *path, struct otlp_http **ret, struct err *err)
{
	struct otlp_http *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return errf(err, -ENOMEM, "out of memory");
	h->cfg = *cfg;
	h->tls = tls;
	h->list = *list;
	h->epoll_fd = -1;
	h->due_ms = -1;
	snprintf(h->path, sizeof(h->path), "%s", path);
	http_name_peer(h);
	r = http_open(h, err);
	if (r)
		otlp_http_free(h);
	else
		*ret = h;
	return r;
}

void otlp_http_free(struct otlp_http *h)
{
	if (!h)
		return;
	if (h->multi)
		curl_multi_cleanup(h->multi);
	curl_slist_free_all(h->headers);
	curl_slist_free_all(h->packed_headers);
	if (h->curl)
		curl_global_cleanup();
	if (h->epoll_fd >= 0)
		close(h->epoll_fd);
	free(h);
}

/* ---- transfers ----------------------------------------------------------------------------- */

static void transfer_set_tls(CURL *easy, const struct tls_cfg *tls)
{
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (tls->ca) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, tls->ca);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	if (tls->cert) {
		curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->cert);
		curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->key ? tls->key : tls->cert);
	}
}

/* Nothing is taken from the environment or from files of the user: no proxy, no password. */
static void transfer_set(struct otlp_transfer *t, struct otlp_http *h)
{
	CURL *easy = t->easy;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, h->tls ? "https" : "http");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "penstock/" PENSTOCK_VERSION);
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(h->cfg.timeout_ns / 1000000));
	curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, curl_on_read);
	curl_easy_setopt(easy, CURLOPT_READDATA, t);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, curl_on_seek);
	curl_easy_setopt(easy, CURLOPT_SEEKDATA, t);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, curl_on_write);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
	if (h->tls)
		transfer_set_tls(easy, &h->cfg.tls);
}

int otlp_transfer_open(struct otlp_transfer *t, struct otlp_http *h, bool pack, struct err *err)
{
	void *p = mmap(NULL, OTLP_HTTP_ANSWER, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int r = p == MAP_FAILED ? -ENOMEM : otlp_body_open(&t->body, pack);

	t->answer = p == MAP_FAILED ? NULL : p;
	t->easy = r ? NULL : curl_easy_init();
	if (!t->easy)
		return errf(err, -ENOMEM, "out of memory");
	transfer_set(t, h);
	return 0;
}

void otlp_transfer_close(struct otlp_transfer *t, struct otlp_http *h)
{
	if (t->easy) {
		otlp_transfer_stop(t, h);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->connect_to);
	if (t->answer)
		munmap(t->answer, OTLP_HTTP_ANSWER);
	otlp_body_close(&t->body);
	*t = (struct otlp_transfer){.easy = NULL};
}

/* With a name of its own for the certificate, that name is in the URL, and the connection goes
 * where the user said. */
static int transfer_set_url(struct otlp_transfer *t, struct otlp_http *h)
{
	const struct address *a = &h->list.v[h->at];
	const char *name = h->tls ? h->cfg.tls.servername : NULL;
	char url[ADDRESS_TEXT + OTLP_HTTP_PATH + 300], to[ADDRESS_TEXT + 3];

	if (name) {
		snprintf(to, sizeof(to), "::%s", h->peer);
		curl_slist_free_all(t->connect_to);
		t->connect_to = curl_slist_append(NULL, to);
		curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->connect_to);
		if (!t->connect_to)
			return -ENOMEM;
		snprintf(url, sizeof(url), "https://%s:%s%s", name, a->port, h->path);
	} else {
		snprintf(url, sizeof(url), "%s://%s%s", h->tls ? "https" : "http", h->peer,
			 h->path);
	}
	return curl_easy_setopt(t->easy, CURLOPT_URL, url) == CURLE_OK ? 0 : -ENOMEM;
}

int otlp_transfer_start(struct otlp_transfer *t, struct otlp_http *h, bool packed)
{
	int r = transfer_set_url(t, h);

	if (r)
		return r;
	otlp_body_rewind(&t->body);
	t->answer_n = 0;
	t->cut = t->over = false;
	t->error[0] = '\0';
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, packed ? h->packed_headers : h->headers);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body.total);
	t->running = curl_multi_add_handle(h->multi, t->easy) == CURLM_OK;
	return t->running ? 0 : -ENOMEM;
}

void otlp_transfer_stop(struct otlp_transfer *t, struct otlp_http *h)
{
	if (t->running)
		curl_multi_remove_handle(h->multi, t->easy);
	t->running = t->over = false;
}

/* The system's word where it has one: libcurl only says that it could not connect, and where. */
static const char *transfer_error(const struct otlp_transfer *t)
{
	long error = 0;

	if (t->result == CURLE_COULDNT_CONNECT)
		curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &error);
	if (error)
		return strerror((int)error);
	return *t->error ? t->error : curl_easy_strerror(t->result);
}

/* An answer that did not come to its end is none, unless we were the ones who had enough of it. */
bool otlp_transfer_judge(struct otlp_transfer *t, const struct otlp_http *h,
			 struct otlp_judgement *ret, int64_t *ret_wait_s)
{
	struct otlp_answer answer = {.body = {(const char *)t->answer, t->answer_n}, .cut = t->cut};
	char *type = NULL, *location = NULL;
	curl_off_t wait_s = 0;

	*ret = (struct otlp_judgement){.verdict = OTLP_RETRY};
	*ret_wait_s = 0;
	if (t->result != CURLE_OK && !t->cut) {
		snprintf(ret->text, sizeof(ret->text), "%.200s", transfer_error(t));
		return false;
	}
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &answer.status);
	curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
	curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &location);
	curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &wait_s);
	answer.type = type;
	answer.location = location;
	otlp_answer_judge(&answer, ret);
	*ret_wait_s = wait_s < 0 ? 0 : wait_s < OTLP_HTTP_WAIT_S ? wait_s : OTLP_HTTP_WAIT_S;
	return true;
}

/* ---- turns --------------------------------------------------------------------------------- */

static void http_collect(struct otlp_http *h)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(h->multi, &left))) {
		CURL *easy = message->easy_handle;
		CURLcode result = message->data.result;
		struct otlp_transfer *t;
		char *arg;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &arg);
		t = (struct otlp_transfer *)arg;
		otlp_transfer_stop(t, h);
		t->result = result;
		t->over = true;
	}
}

void otlp_http_turn(struct otlp_http *h)
{
	struct epoll_event events[16];
	int running, n = 1;

	for (int i = 0; i < TURNS_MOST && n > 0; i++) {
		n = epoll_wait(h->epoll_fd, events, 16, 0);
		for (int k = 0; k < n; k++) {
			uint32_t e = events[k].events;
			int what = (e & EPOLLIN ? CURL_CSELECT_IN : 0) |
				   (e & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
				   (e & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

			curl_multi_socket_action(h->multi, events[k].data.fd, what, &running);
		}
		if (h->due_ms >= 0 && h->due_ms <= elapsed_ms()) {
			h->due_ms = -1;
			n = 1;
			curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
		}
	}
	http_collect(h);
}

void otlp_http_wait(const struct otlp_http *h, int *ret_fd, int *ret_timeout_ms)
{
	int64_t left = h->due_ms - elapsed_ms();

	*ret_fd = h->epoll_fd;
	*ret_timeout_ms = h->due_ms < 0 ? -1 : left < 0 ? 0 : left < 60000 ? (int)left : 60000;
}

void otlp_http_advance(struct otlp_http *h)
{
	h->at = (h->at + 1) % h->list.n;
	http_name_peer(h);
}

const char *otlp_http_peer(const struct otlp_http *h)
{
	return h->peer;
}
