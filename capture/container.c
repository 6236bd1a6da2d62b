/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Container and pod in a cgroup path. Examples of what is recognised:
 *   /docker/<id>                                          docker, cgroupfs driver
 *   /system.slice/docker-<id>.scope                       docker, systemd driver
 *   /machine.slice/libpod-<id>.scope/container            podman
 *   /kubepods/burstable/pod<uid>/<id>                     Kubernetes, cgroupfs driver
 *   /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid with _>.slice/
 *                              cri-containerd-<id>.scope  Kubernetes, systemd driver
 *   /kubelet.slice/…:cri-containerd:<id>                  containerd, odd slices
 * An id is 64 hexadecimal digits.
 */
#include <ctype.h>
#include <string.h>

#include "capture/container.h"

enum {
	ID_LEN = 64,
	UID_LEN = 36
};

static size_t hex_run(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && isxdigit((unsigned char)p[i]) && !isupper((unsigned char)p[i]))
		i++;
	return i;
}

/* The last component that is an id, alone or between `-` or `:` and `.scope`. The conmon scopes
 * beside the containers of cri-o and podman belong to the host. */
struct bytes container_id(struct bytes path)
{
	struct bytes found = {0};

	for (size_t i = 0; i + ID_LEN <= path.n; i++) {
		size_t end = i + ID_LEN;

		if (hex_run(path.p + i, path.n - i) != ID_LEN) {
			i += hex_run(path.p + i, path.n - i);
			continue;
		}
		if (i && strchr("/-:", path.p[i - 1]) &&
		    (end == path.n || strchr("/.", path.p[end])) &&
		    !(i >= 7 && !memcmp(path.p + i - 7, "conmon-", 7)))
			found = (struct bytes){path.p + i, ID_LEN};
		i = end;
	}
	return found;
}

/* 8-4-4-4-12 digits; the systemd driver writes `_` for `-`. */
static bool is_uid(const char *p)
{
	for (unsigned i = 0; i < UID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? p[i] != '-' && p[i] != '_' : !isxdigit((unsigned char)p[i]))
			return false;
	}
	return true;
}

/* Static pods have a hash of 32 digits in place of a uid. */
struct bytes container_pod(struct bytes path)
{
	enum {
		HASH_LEN = 32
	};

	for (size_t i = 0; i + 4 + HASH_LEN <= path.n; i++) {
		const char *p = path.p + i + 4;
		size_t n = path.n - i - 4;

		if (!strchr("/-", path.p[i]) || memcmp(path.p + i + 1, "pod", 3))
			continue;
		if (n >= UID_LEN && is_uid(p))
			return (struct bytes){p, UID_LEN};
		if (hex_run(p, n) == HASH_LEN)
			return (struct bytes){p, HASH_LEN};
	}
	return (struct bytes){0};
}
