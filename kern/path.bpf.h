/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * Absolute paths, as seen from the root of the mount namespace, by walking dentries and mounts in
 * kernel memory. Two passes: path_measure(), then path_write() into a record whose size was chosen
 * by the first. A deleted file ends in " (deleted)"; of a path that is deeper than PATH_STEPS or
 * longer than PATH_LEN the end is kept, behind "/...".
 */
#include "kern/common.bpf.h"

enum {
	PATH_STEPS = 64, /* components and mounts crossed, together */
	PATH_NAME = 255,
	PATH_CUT = 4,      /* "/..." */
	PATH_DELETED = 10, /* " (deleted)" */
	PATH_EXTRA = PATH_CUT + PATH_DELETED,
	PATH_LEN = 4096, /* of the whole text; user space relies on it */
};

/* All fields are 8 bytes wide: old verifiers keep track of nothing smaller on the stack. */
struct path_walk {
	struct dentry *dentry;
	struct mount *mount;
	__u64 top; /* the walk has reached the root */
	/* first pass */
	__u64 len; /* of the whole text */
	__u64 deleted, cut;
	/* second pass: writes before pos and not before from, both counted from `data` */
	char *data;
	__u64 from, pos, limit;
};

static __always_inline void path_start(struct path_walk *w, struct path *path)
{
	w->dentry = BPF_CORE_READ(path, dentry);
	w->mount = (void *)BPF_CORE_READ(path, mnt) - bpf_core_field_offset(struct mount, mnt);
	w->top = 0;
}

/* One step up: the length of the name that lies there, 0 when a mount was crossed or the root was
 * reached (w->top). */
static __always_inline __u32 path_up(struct path_walk *w, const unsigned char **ret_name)
{
	struct dentry *dentry = w->dentry, *parent;
	struct mount *mount = w->mount;
	__u32 len;

	if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
		w->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		w->mount = BPF_CORE_READ(mount, mnt_parent);
		w->top = w->mount == mount;
		return 0;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	len = BPF_CORE_READ(dentry, d_name.len);
	*ret_name = BPF_CORE_READ(dentry, d_name.name);
	w->dentry = parent;
	if (parent == dentry) {
		/* Connected to nothing, like a memfd, whose name is here; others have "/". */
		w->top = 1;
		if (len <= 1)
			return 0;
	}
	return len & PATH_NAME;
}

static long path_measure_step(__u32 i, void *arg)
{
	struct path_walk *w = arg;
	const unsigned char *name;
	__u64 n = path_up(w, &name), len = w->len + n + (n != 0);

	BARRIER(len);
	if (len > PATH_LEN - PATH_EXTRA) {
		w->cut = 1;
		return 1;
	}
	BARRIER(len);
	w->len = len & (2 * PATH_LEN - 1); /* the same range in every turn, for the verifier */
	return w->top ? 1 : 0;
}

/* Returns the length of the text, at most PATH_LEN; 0 = there is no such path. Takes a
 * struct path *. Not static: the verifier looks at it once, alone, and forgets in its callers what
 * went on inside; otherwise each way through it is followed to the end of the program. */
__noinline __u32 path_measure(struct path_walk *ret, __u64 address)
{
	struct path *path = (void *)address;
	struct dentry *dentry = BPF_CORE_READ(path, dentry);
	struct path_walk w;
	struct mount *mount;

	if (!ret)
		return 0;
	zero_unknown(&w, sizeof(w));
	if (dentry) {
		path_start(&w, path);
		mount = w.mount;
		w.deleted = !BPF_CORE_READ(dentry, d_hash.pprev) &&
			    dentry != BPF_CORE_READ(mount, mnt.mnt_root);
		loop_run(PATH_STEPS, path_measure_step, &w);
		if (!w.top)
			w.cut = 1;
		if (w.cut)
			w.len += PATH_CUT;
		else if (!w.len)
			w.len = 1;
		if (w.deleted)
			w.len += PATH_DELETED;
	}
	*ret = w;
	return w.len;
}

static long path_write_step(__u32 i, void *arg)
{
	struct path_walk *w = arg;
	const unsigned char *name;
	__u64 n = path_up(w, &name), pos = w->pos;

	if (n) {
		if (n > PATH_NAME || n + 1 > pos - w->from)
			return 1;
		pos -= n + 1;
		BARRIER(pos);
		if (pos > w->limit)
			return 1;
		w->pos = pos;
		w->data[pos] = '/';
		bpf_probe_read_kernel(w->data + pos + 1, n, name);
	}
	return w->top ? 1 : 0;
}

/*
 * Writes what path_measure() measured to data[from]. It must end before data[limit], and
 * PATH_EXTRA + PATH_NAME bytes more must be writable behind that. Returns the length; 0 when the
 * path has changed meanwhile (or there is none): half a name would be a wrong one.
 */
static __noinline __u32 path_write(struct path_walk *w, struct path *path, char *data, __u64 from,
				   const __u64 limit)
{
	__u64 end = from + w->len;

	if (!w->len || from > limit || end > limit)
		return 0;
	path_start(w, path);
	w->data = data;
	w->from = from;
	w->limit = limit;
	if (w->cut) {
		__builtin_memcpy(data + from, "/...", PATH_CUT);
		w->from += PATH_CUT;
	}
	w->pos = end;
	if (w->deleted && w->len > PATH_DELETED) {
		end -= PATH_DELETED;
		BARRIER(end);
		if (end > limit)
			return 0;
		__builtin_memcpy(data + end, " (deleted)", PATH_DELETED);
		w->pos = end;
	}
	if (w->len == 1) /* the root itself */
		data[from] = '/';
	else
		loop_run(PATH_STEPS, path_write_step, w);
	return w->pos == w->from || w->len == 1 ? w->len : 0;
}
