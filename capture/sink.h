/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a sink is: a place for bytes. It never sees an event. One instance serves one output; open()
 * is called before threads start, everything else by that output's delivery thread alone.
 *
 * What is written goes onto a medium: a file from its beginning, one reader of a FIFO, one
 * connection. The sink begins it when it is told to; delivery sees to it that what is written can
 * be understood from there. No call blocks for long: what would is said with -EAGAIN, and wait()
 * says for what to wait.
 *
 * A sink that streams to somebody else (SINK_STREAM) is given again what it took and did not report
 * as done when a connection fails: in the same order, under the same numbers, or, where it comes
 * out of a spool, under new ones. So it says done when the peer has acknowledged, and what it is
 * given may have arrived before.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/base/err.h"
#include "capture/base/opt.h"

/* Bytes of one chunk, which the medium takes as a whole or, when it fails, not at all. Unless a
 * filter made them (env.filtered), those of a number stay where they are until it is done or the
 * medium is over. */
struct parcel {
	const uint8_t *p;
	size_t n;
	uint64_t number;  /* of the chunk: grows by one each; 0 = opening bytes, which nobody counts
			   */
	uint32_t records; /* events in it that count */
	uint64_t first_seq; /* of these */
	uint64_t last_seq;
	size_t opening_n; /* so many bytes at its head tell of a run, or a new generation; n where
			   * the number is 0 */
	bool again;       /* it may have been sent before */
};

/* Everything up to that parcel is as safe as the sink can make it. Called from inside begin(),
 * write(), sync(), service() or end(). */
typedef void (*sink_done_fn)(void *arg, uint64_t number);
/* So many events of that parcel, which is neither done nor given back, were refused for good. Done
 * is reported as for any other. */
typedef void (*sink_refused_fn)(void *arg, uint64_t number, uint32_t events);

struct sink_env {
	const char
		*target; /* what the user wrote: a path, "-", "host:port"; borrowed for the run */
	uid_t uid;       /* who owns files made, (uid_t)-1 = leave as it is */
	gid_t gid;
	bool rotates; /* media follow each other by size= or every=: a file of its own for each */
	/* What a writer that died left at `path`, relative to the folder `folder`: makes it whole,
	 * idempotently, and says so on its end. Negative: leave it alone. NULL = nobody can. */
	int (*recover)(int folder, const char *path, struct err *err);
	/* What earlier media of this output hold stays, whatever begins in their place, and each of
	 * their files is told of at open(), after it was made whole: NULL = it may be replaced. */
	void (*kept)(void *arg, int folder, const char *name);
	void *kept_arg;
	const char *format; /* of what comes: name of the encoder */
	bool filtered;      /* a filter has made other bytes of it */
	bool context;       /* its encoder keeps context: nobody understands it but from where a
			     * generation opens */
	sink_done_fn done;
	sink_refused_fn refused;
	/* A newcomer needs a generation of its own, where the encoder keeps context: one is opened
	 * soon, while what is written goes on. Thread and time as for done. */
	void (*refresh)(void *arg);
	void *done_arg; /* of all three */
};

/* What a sink may know of the medium that it is to begin. */
struct sink_medium {
	uint64_t unix_ns; /* record time of its beginning: what a file is named after; 0 = not
			   * known before the first chunk */
};

/* What a sink waits for. */
struct sink_wait {
	int fd;         /* -1 = no descriptor */
	short events;   /* as in poll(2); 0 = only that the other end has gone */
	int timeout_ms; /* -1 = no time limit */
};

enum sink_flags {
	SINK_ROTATES = 1, /* one medium may follow another: size= and every= make sense */
	SINK_STREAM = 2,  /* to somebody who can be away: see above. Failures are tried again for
			   * ever, but at the end of a run there is a limit to the time. */
	SINK_AS_IS = 8,   /* it carries events as they are: nothing that a filter makes of them */
	SINK_APART = 4,   /* opening bytes come as parcels of their own, with the number 0, at the
			   * beginning of each medium and wherever they change */
};

struct sink_ops {
	unsigned flags;   /* enum sink_flags */
	const char *name; /* scheme: "file", "stdout", "tcp" */
	const char *summary;
	const struct opt *options;
	size_t cfg_size, ctx_size;
	const char *format; /* where the user names none; NULL = by the ending of the name */
	const char *const *formats; /* the only ones that it can carry, NULL = any */

	/* Does the target make sense? Opens and looks up nothing. *ret_bare: what is written could
	 * be read by others on its way (it leaves this machine, and is not encrypted). -EINVAL with
	 * one line, without the target's name in front. NULL = it always does, and none. */
	int (*check)(const void *cfg, const char *target, bool *ret_bare, struct err *err);
	/* ctx is zeroed. Refuses what is not a place for output (a link, a directory, a file that
	 * another penstock is writing) with a negative errno and text. Destroys nothing yet. */
	int (*open)(void *ctx, const void *cfg, const struct sink_env *env, struct err *err);
	/* Begins a medium: 0; -EAGAIN = not yet (no reader); other errors: tried again after a
	 * pause. NULL = there is nothing to do. */
	int (*begin)(void *ctx, const struct sink_medium *medium);
	/* Takes the rest of the parcel, from its byte *done on, and advances *done by what it took:
	 *   0         all of it is taken
	 *   -EAGAIN   nothing more now
	 *   -ENOSPC, -EDQUOT, -EFBIG   no room: the medium is whole up to the parcel before, *done
	 *             is 0 again; tried again after a pause, on the same medium
	 *   -ESTALE   somebody else has removed the medium, or what was written on it: that is lost
	 *   others    the medium is over, and has been restored to the end of the parcel before
	 *             where that is possible; begin() comes next, then this parcel from its start
	 */
	int (*write)(void *ctx, const struct parcel *parcel, size_t *done);
	/* After -EAGAIN (blocked), or while there is nothing to write. NULL = a short pause. */
	void (*wait)(void *ctx, bool blocked, struct sink_wait *ret);
	/* What wait() asked for has come while there was nothing to write. Negative: the medium is
	 * over; -EPIPE = because the other end has left, which is no error. NULL = nothing to do.
	 */
	int (*service)(void *ctx);
	/* Makes safe what was taken (where the options say so) and reports it as done. An error is
	 * as one of write(). NULL = what is taken is done. */
	int (*sync)(void *ctx);
	/* Puts n bytes beside the medium that is about to end, under its name and that extension
	 * ("idx"). What goes wrong is no fault of the medium. NULL = there is no place beside it.
	 */
	int (*beside)(void *ctx, const char *extension, const void *p, size_t n);
	/* Ends the medium in good order: what close() says counts. begin() may follow. -ESTALE as
	 * above; -EIO and no room: what was written is not there, either; -EAGAIN: not yet. NULL =
	 * nothing to do. */
	int (*end)(void *ctx);
	/* Why the last call failed, in a line that names the peer; NULL, or the function missing =
	 * what strerror(3) has. */
	const char *(*why)(const void *ctx);
	/* What keeps things from getting through at present, although no call failed, since the
	 * sink tries again by itself: a negative errno, for which why() has the words (-EAGAIN =
	 * its peer is there, and asks for patience). 0, or the function missing = nothing does. */
	int (*trouble)(const void *ctx);
	/* What there is to say of the present ("2 readers, 1 cut off"), for a status report; called
	 * from the thread of all other calls, valid until the next one. NULL = nothing. */
	const char *(*state)(const void *ctx);
	/* Accepts a ctx whose open() failed. */
	void (*close)(void *ctx);
};

extern const struct sink_ops *const sink_registry[];
/* "tcp" of tcp://…; NULL = none. */
const struct sink_ops *sink_by_name(const char *name);
