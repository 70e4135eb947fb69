/* tunnel: the calls that one turn of the loop makes to one server travel together. Private to shared/rpc.
 *
 * A gRPC call costs some 25 us of CPU beside its work, most of it for the batches, the HTTP/2 frames, and the write and the read of
 * its own. So a channel that carries (rpc_channel_carry) keeps one gRPC stream open, the tunnel: at the end of a turn one
 * message with all calls of that turn goes out, and the server answers with one message for what it has ready at the end of
 * its turn. The host sees ordinary incoming calls: each has its own token, metadata, deadline, limits and cancellation, and the guard
 * judges each as if it had come alone. tunnel_frame.h has the bytes.
 *
 * No call waits for another: answers leave when they are ready, in parts of at most TUNNEL_SHARE_BYTES in turn. A stream that
 * nobody reads holds at most its window (RPC_CALL_QUEUE_BYTES, and one message) at the caller, and RPC_STREAM_QUEUE_BYTES at the handler.
 *
 * What cannot be carried goes as an ordinary gRPC call, and nobody notices: while no tunnel is open (the first calls; a server that
 * has none, asked again every TUNNEL_ABSENT_MS), a request above RPC_REQUEST_BYTES_MAX, a deadline behind the tunnel's own end,
 * more than TUNNEL_CALLS_MAX calls or TUNNEL_OPENINGS_BYTES_MAX waiting to be sent.
 *
 * A channel with several addresses (dns:///, ipv4:a,b) has a tunnel to each server, up to TUNNEL_CLIENT_MAX. gRPC gives streams to the
 * servers in turn, so the client opens one after the other and keeps those that lead to another server than the ones it has; when none
 * does it looks again after a pause, from TUNNEL_RETRY_MS after a loss to a quarter of the age. The calls of a turn go to the server
 * that has the fewest of this client's to answer: one that hangs soon gets none. One that said UNAVAILABLE, or did not answer in time,
 * rests for TUNNEL_REST_MS while others are there, so that who asks once more asks another one. One that fails otherwise is quick to, and
 * would have the fewest to answer: so a call that failed for no reason of the caller's counts as one that is still to be answered, and less and
 * less so until TUNNEL_REST_MS are over. One that says UNAUTHENTICATED takes neither the caller's tokens nor those of the others (another key, another
 * clock): it rests for TUNNEL_REFUSED_MS, if it is not the last that does not, and whoever asks again asks one that may. A limit that one user is over at every server counts for each of them alike, and moves nobody's calls.
 *
 * A tunnel lives for TUNNEL_AGE_MS. The next one to the same server takes its place once the server has said HELLO, and the
 * old one ends when its calls have ended. So GOAWAY, new certificates and new addresses are
 * followed as by ordinary calls, only later. Where gRPC gives none to that server, since its address is gone, the old one goes on to its
 * deadline, TUNNEL_CALL_MS_MAX behind its age. A server that drains, or does not serve for a while, says LEAVING: the client opens no more calls
 * there, what is open is answered, what was under way is taken, and then the tunnel ends.
 *
 * When a tunnel breaks its calls end UNAVAILABLE, as with a connection. Who breaks the protocol loses the tunnel, and
 * with it its own calls only.
 *
 * tunnel_client.c is the life of a channel's tunnels, tunnel_client_call.c a call that goes out through one; tunnel_server.c is the
 * server's end, tunnel_server_call.c a call that came through one.
 */
#ifndef PEK_SHARED_RPC_TUNNEL_H
#define PEK_SHARED_RPC_TUNNEL_H

#include <grpc/grpc.h>

#include "shared/rpc/outgoing.h"
#include "shared/rpc/runtime.h"

/* Not in any proto: reflection does not tell of it. Another version would be another path. */
#define TUNNEL_PATH "/pek.rpc.v1.Tunnel/Carry"

/* Far below RPC_CONNECTION_AGE_MS and the grace that a server gives a connection of that age. */
#define TUNNEL_AGE_MS (60 * 1000)
/* How long a call may take that is begun in a tunnel at the end of its age. */
#define TUNNEL_CALL_MS_MAX (90 * 1000)
/* How long a server may take to say HELLO. */
#define TUNNEL_HELLO_MS_MAX 5000
/* After a tunnel ended otherwise than by age: until another is tried. */
#define TUNNEL_RETRY_MS 1000
/* The same of a server that does not know them. */
#define TUNNEL_ABSENT_MS 60000
/* Servers that one channel has tunnels to; more are asked by calls that go by themselves. */
#define TUNNEL_CLIENT_MAX 16
/* While nothing changes: how often it is looked whether there is another server. */
#define TUNNEL_LOOKS_PER_AGE 4
#define TUNNEL_REST_MS 1000
#define TUNNEL_REFUSED_MS 10000 /* longer than a call that is asked again takes */
/* What openings may fill of a message; the rest is for cancellations and credits. */
#define TUNNEL_OPENINGS_BYTES_MAX (192u * 1024)
/* What one call may put into a message before the others had their turn. */
#define TUNNEL_SHARE_BYTES (32u * 1024)
/* Tunnels open at a port at a time; more are refused, and their clients call as before. */
#define TUNNEL_SERVER_MAX 64

/* ---- the client ---- */

struct tunnel_client;

/* `channel` and `grpc` outlive it. NULL without memory. */
struct tunnel_client *tunnel_client_new(struct rpc_runtime *runtime, struct rpc_channel *channel,
                                        grpc_channel *grpc);
/* Ends its tunnels. All calls were freed. Takes NULL, returns NULL. */
struct tunnel_client *tunnel_client_free(struct tunnel_client *client);
/* False when the call has to go by itself. */
bool tunnel_client_start(struct tunnel_client *client, const struct rpc_call_options *options,
                         struct rpc_call **ret_call);
/* Calls that were carried so far. */
uint64_t tunnel_client_carried(const struct tunnel_client *client);
/* See rpc_channel_on_refused, rpc_channel_servers and rpc_channel_reaches. */
void tunnel_client_on_refused(struct tunnel_client *client, rpc_refused_fn refused, void *arg);
size_t tunnel_client_servers(const struct tunnel_client *client);
bool tunnel_client_reaches(const struct tunnel_client *client, const char *address);

/* Of a channel that carries, NULL of another; and another age than TUNNEL_AGE_MS. For tests. */
struct tunnel_client *rpc_channel_tunnels(const struct rpc_channel *channel);
void tunnel_client_set_age(struct tunnel_client *client, int64_t age_ms);

/* ---- the server ---- */

struct rpc_server;
struct tunnel_server;

/* Before the server starts. */
PEK_MUST_CHECK enum status tunnel_server_new(struct rpc_server *server,
                                             struct tunnel_server **ret_tunnels,
                                             struct fault *fault);
/* After the server started: asks for the first tunnel. */
void tunnel_server_start(struct tunnel_server *tunnels);
/* While the server does not serve clients are told to open no more calls, and get no tunnel: where another server is, theirs go there. */
void tunnel_server_set_serving(struct tunnel_server *tunnels, bool serving);
/* Tunnels that are open. */
size_t tunnel_server_open(const struct tunnel_server *tunnels);
/* After the server was drained. Takes NULL, returns NULL. */
struct tunnel_server *tunnel_server_free(struct tunnel_server *tunnels);

#endif
