/* redis_server: a private Redis for one test binary, on a unix socket in a folder of its own and no port, without
 * persistence. It dies with the process that started it. Functions end the process with a message when they fail.
 */
#ifndef PEK_TESTS_SUPPORT_REDIS_SERVER_H
#define PEK_TESTS_SUPPORT_REDIS_SERVER_H

struct redis_server;

/* Returns when the socket is there. `password` NULL for none. */
struct redis_server *redis_server_start(const char *password);
/* Takes NULL, returns NULL. Removes the folder. */
struct redis_server *redis_server_stop(struct redis_server *server);
/* "unix:/…": lives as long as the server. */
const char *redis_server_url(const struct redis_server *server);

/* Faults. `kill` ends it at once; `launch` after that starts it again, empty. `pause` and `resume` stop it as a hung
 * machine would. */
void redis_server_kill(struct redis_server *server);
void redis_server_launch(struct redis_server *server);
void redis_server_pause(struct redis_server *server);
void redis_server_resume(struct redis_server *server);
/* As an operator would: FLUSHALL. */
void redis_server_flush(struct redis_server *server);

#endif
