/* redis_server: a private Redis for one test binary, on a unix socket in a folder of its own and no port unless one is asked
 * for, without persistence; or a sentinel, which is the same program. It dies with the process that started it. Functions end the process with a message when they fail.
 */
#ifndef PEK_TESTS_SUPPORT_REDIS_SERVER_H
#define PEK_TESTS_SUPPORT_REDIS_SERVER_H

struct redis_server;

/* Returns when the socket is there. `password` NULL for none. */
struct redis_server *redis_server_start(const char *password);
/* The same with more lines of its configuration, as "port 7000\n". */
struct redis_server *redis_server_start_as(const char *password, const char *lines);
struct redis_server *redis_server_start_sentinel(const char *lines);
/* A port of 127.0.0.1 that nobody had a moment ago. */
int redis_server_free_port(void);
/* Takes NULL, returns NULL. Removes the folder. */
struct redis_server *redis_server_stop(struct redis_server *server);
/* "unix:/…": lives as long as the server. */
const char *redis_server_url(const struct redis_server *server);

/* Sends one inline command, as "REPLICAOF NO ONE", by the socket. */
void redis_server_command(struct redis_server *server, const char *command);
/* Faults. `kill` ends it at once; `launch` after that starts it again, empty, with the configuration that it has now. `pause` and `resume` stop it as a hung
 * machine would. */
void redis_server_kill(struct redis_server *server);
void redis_server_launch(struct redis_server *server);
void redis_server_pause(struct redis_server *server);
void redis_server_resume(struct redis_server *server);

#endif
