/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Container id and pod uid in a cgroup path (docker, containerd, cri-o, podman; cgroupfs and
 * systemd drivers), pointing into path; none when there is none. The systemd driver writes the `-`
 * of a pod uid as `_`.
 */
#include "capture/base/bytes.h"

struct bytes container_id(struct bytes cgroup_path);
struct bytes container_pod(struct bytes cgroup_path);
