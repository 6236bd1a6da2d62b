/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "capture/cli/commands.h"
#include "capture/cli/report.h"
#include "capture/collect/collect.h"

struct collect_cfg {
	struct opt_list listen;
	uint32_t clients, hosts;
};

static const struct opt options[] = {
	{.name = "listen",
	 .letter = 'l',
	 .type = OPT_LIST,
	 .offset = offsetof(struct collect_cfg, listen),
	 .arg = "URL[,KEY=VALUE]",
	 .help = "wait for senders there: HOST:PORT (tcp:// and fstrm://), tcps://HOST:PORT and "
		 "fstrms://HOST:PORT (TLS) or unix://PATH"},
	{.name = "clients",
	 .type = OPT_U32,
	 .offset = offsetof(struct collect_cfg, clients),
	 .arg = "N",
	 .def = "256",
	 .help = "at most N senders at a time",
	 .min = 1,
	 .max = 65536},
	{.name = "hosts",
	 .type = OPT_U32,
	 .offset = offsetof(struct collect_cfg, hosts),
	 .arg = "N",
	 .def = "256",
	 .help = "at most N hosts at a time, where an output has {host} in its name",
	 .min = 1,
	 .max = 4096},
	OPT_END,
};

/* ---- words --------------------------------------------------------------------------------- */

static void print_listening(const char *address, const struct gate *g, void *arg)
{
	const struct cli_call *call = arg;

	if (!call->out.quiet)
		fprintf(stderr, "listening on %s%s\n", address,
			!g->secure                  ? ""
			: g->cfg.ca || g->cfg.allow ? " (TLS, with certificates of senders)"
						    : " (TLS)");
}

static void print_ready(void *arg)
{
	const struct cli_call *call = arg;

	if (!call->out.quiet)
		fputs("ready\n", stderr);
}

static void print_feed(const struct feed *f)
{
	fprintf(stderr, "penstock: %s run %016" PRIx64 ": %" PRIu64 " events, safe up to %" PRIu64,
		*f->host ? f->host : "?", f->run.run_id, f->events, feed_durable(f));
	if (f->duplicates)
		fprintf(stderr, ", %" PRIu64 " repeated", f->duplicates);
	if (f->losses)
		fprintf(stderr, ", %" PRIu64 " reports of losses", f->losses);
	if (feed_missing(f))
		fprintf(stderr, ", %" PRIu64 " MISSING without a report", feed_missing(f));
	fputs(f->clients ? ", connected\n" : "\n", stderr);
}

static void print_feeds(const struct feeds *fs)
{
	const struct feeds_total *past = &fs->past;

	for (const struct feed *f = fs->first; f; f = f->next)
		print_feed(f);
	if (past->feeds)
		fprintf(stderr,
			"penstock: earlier: %" PRIu64 " streams, %" PRIu64 " events, %" PRIu64
			" repeated, %" PRIu64 " reports of losses, %" PRIu64 " missing\n",
			past->feeds, past->events, past->duplicates, past->losses, past->missing);
}

/* Returns whether all that was received is in the outputs. */
static bool print_depots(const struct collect *c, unsigned flags)
{
	struct pipeline_report report = {.stopped = true, .balanced = true};
	bool whole = true;

	for (const struct depot *s = c->feeds.depots; s; s = s->next)
		whole &= report_print(&report, &s->outputs, flags | REPORT_QUIET | REPORT_REPLAY);
	return whole;
}

static void print_collect(const struct collect *c)
{
	fprintf(stderr,
		"penstock: %u senders, %" PRIu64 " connections, %" PRIu64 " closed for what they "
		"said",
		c->clients_n, c->connections, c->env.refused);
	if (c->turned_away)
		fprintf(stderr, ", %" PRIu64 " turned away", c->turned_away);
	fputc('\n', stderr);
	print_feeds(&c->feeds);
}

static void print_status(const struct collect *c, void *arg)
{
	print_collect(c);
	print_depots(c, REPORT_RUNNING);
}

/* ---- the command --------------------------------------------------------------------------- */

static int collect_to_end(const struct cli_call *call, struct collect *c,
			  const struct collect_config *cfg, struct err *err)
{
	int r = collect_open(c, cfg, err);
	bool whole;

	if (r < 0)
		return cli_status(call, r);
	whole = collect_run(c);
	if (!call->out.quiet)
		print_collect(c);
	whole &= print_depots(c, 0);
	if (!whole)
		fputs("penstock: LOST: something that was received is not safe: it was not "
		      "acknowledged, and senders that wait for that send it again\n",
		      stderr);
	return whole ? CLI_OK : CLI_LOST;
}

static int collect_run_command(const struct cli_call *call, struct err *err)
{
	const struct collect_cfg *cfg = call->cfg;
	struct collect_config config = {.listen = cfg->listen,
					.write = call->out.write,
					.clients = cfg->clients,
					.hosts = cfg->hosts,
					.drain_ns = call->out.drain_ns,
					.insecure = call->out.insecure,
					.listening = print_listening,
					.ready = print_ready,
					.report = print_status,
					.arg = (void *)call};
	struct collect c = {.signals = {.fd = -1}, .epoll_fd = -1, .wake_fd = -1};
	int status = collect_to_end(call, &c, &config, err);

	collect_close(&c);
	return status;
}

const struct cli_command cmd_collect = {
	.name = "collect",
	.usage = "--listen URL... [OPTION...]",
	.summary = "receive what others record, and write it as if it had been recorded here",
	.text = "Senders are `penstock record -w fstrm://HOST:PORT` (acknowledged: nothing is "
		"lost and\nnothing comes twice, whoever of both is killed), `-w tcp://HOST:PORT` "
		"(as far as TCP goes),\nand whatever else sends penstock.v1.Event in Frame "
		"Streams or behind a length of four bytes.\nEach event is written once to each -w, "
		"whose files are synced to the disk before it is\nacknowledged (sync=data), and "
		"of which none is ever overwritten: the next start goes on\nwhere the last one "
		"ended, and an earlier file of the same name gets a number. {host} in an\noutput "
		"gives each host a file, or a folder, of its own; size= and every= begin new "
		"ones.\n\n"
		"Keys of --listen, for TLS: cert=FILE (ours, PEM), key=FILE, ca=FILE (senders need "
		"a\ncertificate of it), allow=NAME+NAME (with one of these names). An address that "
		"others can\nreach needs TLS, or --insecure-plaintext.\n\n"
		"Ends with SIGINT or SIGTERM; SIGHUP begins new files, SIGUSR1 reports on stderr. "
		"Exit\nstatus: 0, or 4 when something that was received could not be written.",
	.examples = "penstock collect -l 127.0.0.1:4780 -w all.pb.zst,size=256M,total=20G\tone "
		    "archive of all\n"
		    "penstock collect -l fstrms://*:4780,cert=c.pem,key=k.pem,ca=ca.pem -w "
		    "'{host}/%F.pb.zst,every=1d'\tfolders\n"
		    "penstock collect -l 127.0.0.1:4780 -w "
		    "tcp-listen://127.0.0.1:4781,format=pcapng\tfor Wireshark\n",
	.options = options,
	.cfg_size = sizeof(struct collect_cfg),
	.outputs = true,
	.run = collect_run_command,
};
