/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What dialled and accepted sockets have in common. Inside net only. */
#include <sys/socket.h>

#include "capture/net/address.h"

/* Of a TCP socket: what is written goes out at once, and a peer that has died without a word is
 * noticed in half a minute. Others are left as they are. */
void socket_tune(int fd);
/* "127.0.0.1:4000", "[::1]:4000", the path of a unix socket, "unix" where it has none. */
const char *socket_text(const struct sockaddr_storage *sa, socklen_t n, char ret[ADDRESS_TEXT]);
