#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: core
# Whoever receives what penstock sends, by TLS and on this machine, is not recorded in doing so: else what he reads would be sent to
# him, he would read that, and so on for ever. What else he does is recorded.
. tests/support/lib.sh
. tests/support/tls.sh
need_root
need jq python3 curl nginx openssl

certificate
nginx_start
echo "body $NONCE" >"$T/web/n.txt"

# socket PORT, memory PORT: servers that append what they are sent, with OpenSSL on the socket or beside it. relay PORT TO: passes
# on bytes that it cannot read. visit PORT: connects, as a client.
cat >"$T/receive.py" <<'EOF'
import asyncio, socket, ssl, sys
how, port, got = sys.argv[1], int(sys.argv[2]), open(sys.argv[3], "ab", 0)

def tls(role):
    context = ssl.SSLContext(role)
    if role == ssl.PROTOCOL_TLS_SERVER:
        context.load_cert_chain(sys.argv[4] + "/cert.pem", sys.argv[4] + "/key.pem")
    else:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context

def append(sock):
    while data := sock.recv(65536):
        got.write(data)

async def copy(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()

async def store(reader, writer):
    while data := await reader.read(65536):
        got.write(data)
    writer.close()

async def pass_on(reader, writer):
    to_reader, to_writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[5]))
    await asyncio.gather(copy(reader, to_writer), copy(to_reader, writer))

async def serve(handler, **options):
    async with await asyncio.start_server(handler, "127.0.0.1", port, **options) as server:
        await server.serve_forever()

if how == "socket":
    family, host = (socket.AF_INET6, "::1") if sys.argv[5:] == ["six"] else (socket.AF_INET, "127.0.0.1")
    server = socket.create_server((host, port), family=family)
    while True:
        try:
            append(tls(ssl.PROTOCOL_TLS_SERVER).wrap_socket(server.accept()[0], server_side=True))
        except OSError: # somebody has looked whether we listen
            pass
elif how == "visit":
    append(tls(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(socket.create_connection(("127.0.0.1", port))))
elif how == "relay":
    asyncio.run(serve(pass_on))
else:
    asyncio.run(serve(store, ssl=tls(ssl.PROTOCOL_TLS_SERVER)))
EOF
receiver() { serve "$2" python3 "$T/receive.py" "$1" "$2" "$got" "$T" "${@:3}"; } # HOW PORT [MORE]
statistics() { [ "$(grep -c '"type":"stats"' "$got")" -ge "$1" ]; }

# What else goes on here is none of this test's business (--tree).
# quiet WHAT: of a request that is made now only its two ends are recorded, while statistics go out each second: each would be a
# reason for more. RECEIVER is the pid of who receives.
quiet() {
	local told

	fetch "$URL/n.txt?$NONCE-$1" >/dev/null
	seen "$got" "$NONCE-$1"
	told=$(grep -c '"type":"stats"' "$got")
	holds "$1: statistics arrive" await 15 statistics $((told + 3))
	stop
	check "$1: exit status" "$STATUS" 0
	check "$1: the receiver is not recorded" "$(json "$got" "select(.type == \"tls_data\" and .process.pid == $RECEIVER) | 1" | wc -l)" 0
	check "$1: the request is, at both ends" \
		"$(json "$got" 'select(.type == "tls_data" and (.tls_data.payload // "" | startswith("GET /n.txt"))) | .process.comm' | sort | tr '\n' ' ')" "curl nginx "
	at_least "$1: what was left out is counted" "$(sed -n 's/^penstock: .* \([0-9]*\) self.*/\1/p' "$T/log" | tail -n 1)" 3
}

got=$T/socket.got port=$(free_port)
receiver socket "$port"
RECEIVER=$SERVER
start record -p tls --tree $$ --stats 1s -w "tcps://127.0.0.1:$port,ca=$T/cert.pem,format=jsonl"
quiet socket

if [ -n "${URL6:-}" ]; then
	got=$T/six.got port=$(free_port)
	python3 "$T/receive.py" socket "$port" "$got" "$T" six &
	RECEIVER=$!
	children+=("$RECEIVER")
	start record -p tls --tree $$ --stats 1s -w "tcps://[::1]:$port,ca=$T/cert.pem,servername=localhost,format=jsonl"
	quiet six
fi

# the receiver's connection is one with the relay: it is known by its ClientHello alone
got=$T/relay.got port=$(free_port) relay=$(free_port)
receiver memory "$port"
RECEIVER=$SERVER
receiver relay "$relay" "$port"
start record -p tls --tree $$ --stats 1s -w "tcps://127.0.0.1:$relay,ca=$T/cert.pem,format=jsonl"
quiet relay

# he who comes to us
got=$T/visit.got port=$(free_port)
start record -p tls --tree $$ --stats 1s -w "tcps-listen://127.0.0.1:$port,cert=$T/cert.pem,key=$T/key.pem,format=jsonl"
python3 "$T/receive.py" visit "$port" "$got" "$T" &
RECEIVER=$!
children+=("$RECEIVER")
seen "$got" '"type"'
quiet visit
done_testing
