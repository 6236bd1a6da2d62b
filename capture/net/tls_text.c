/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What went wrong, said so that its reader knows what to do about it. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>

#include "capture/net/tls_inside.h"

static const char *tls_verify_text(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return "has expired";
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "is not yet valid";
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return "is self-signed, and not one that is trusted";
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return "is of an authority that is not trusted";
	case X509_V_ERR_CERT_REVOKED:
		return "has been revoked";
	default:
		return NULL;
	}
}

static const char *tls_name_text(const struct tls_peer *peer, char ret[TLS_TEXT])
{
	if (*peer->name)
		snprintf(ret, TLS_TEXT, "its certificate is for %s, not for %s", peer->name,
			 peer->expected);
	else
		snprintf(ret, TLS_TEXT, "its certificate is not for %s", peer->expected);
	return ret;
}

const char *tls_peer_text(const struct tls_peer *peer, char ret[TLS_TEXT])
{
	bool of_authority = peer->depth > 0 && (peer->error == X509_V_ERR_CERT_HAS_EXPIRED ||
						peer->error == X509_V_ERR_CERT_NOT_YET_VALID);
	const char *subject = of_authority ? "the certificate of its authority" : "its certificate";
	const char *text = tls_verify_text(peer->error);

	if (peer->error == X509_V_ERR_HOSTNAME_MISMATCH ||
	    peer->error == X509_V_ERR_IP_ADDRESS_MISMATCH)
		return tls_name_text(peer, ret);
	if (peer->error == X509_V_ERR_CERT_REJECTED)
		snprintf(ret, TLS_TEXT, "its name, '%s', is not one that is allowed", peer->name);
	else if (text)
		snprintf(ret, TLS_TEXT, "%s %s", subject, text);
	else
		snprintf(ret, TLS_TEXT, "%s cannot be trusted: %s", subject,
			 X509_verify_cert_error_string(peer->error));
	return ret;
}

/* What a peer says when it refuses us. */
static const char *tls_alert_text(int reason, const struct tls_peer *peer, int *ret_code)
{
	*ret_code = -EACCES;
	switch (reason) {
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
		return "it wants a certificate of ours (cert=)";
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
	case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
		return "it does not accept our certificate";
	case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
		return "it says that our certificate has been revoked";
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
		return "it says that our certificate has expired or is not yet valid";
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
		return "it does not trust the authority of our certificate";
	default:
		break;
	}
	*ret_code = -EPROTO;
	switch (reason) {
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
		if (!peer->asks)
			return "its TLS and ours have nothing in common";
		*ret_code = -EACCES; /* TLS 1.2 has no alert of its own for that */
		return "it wants a certificate of ours (cert=)";
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
		return "it does not speak TLS 1.2 or later";
	case SSL_R_TLSV1_UNRECOGNIZED_NAME:
		return "it does not know the name that it was asked for";
	default:
		return NULL;
	}
}

const char *tls_reason_text(int reason, const struct tls_peer *peer, bool fresh, int *ret_code)
{
	const char *text = tls_alert_text(reason, peer, ret_code);

	if (text)
		return text;
	switch (reason) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
	case SSL_R_RECORD_LENGTH_MISMATCH:
	case SSL_R_RECORD_TOO_SMALL:
	case SSL_R_BAD_RECORD_TYPE:
		return fresh ? "it does not speak TLS" : NULL;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
		return "it does not speak TLS 1.2 or later";
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		*ret_code = -EACCES;
		return "it shows no certificate";
	case SSL_R_NO_SHARED_CIPHER:
		return "its TLS and ours have nothing in common";
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		*ret_code = -ECONNRESET;
		return fresh ? "it hung up during the handshake"
			     : "it hung up without the farewell of TLS";
	default:
		return NULL;
	}
}
