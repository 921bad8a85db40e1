#ifndef CONFIG_CONFIG_TABLE_H
#define CONFIG_CONFIG_TABLE_H

/*
 * Every option that there is. A row: key, dotted name, type, default, min, max,
 * choices, reloadable, secret, short environment variable, help. A new option
 * is a new row and nothing else: flags, variables, the file, `odradek config`
 * and docs/configuration.md come from here.
 */

#include <stdint.h>

/* clang-format off */
#define CONFIG_TABLE(X)                                                        \
    X(NAMESPACE, "namespace", STR, "default", 1, 128, NULL, false, false,      \
      NULL, "Namespace that the client commands mean.")                        \
    X(KAFKA_BOOTSTRAP, "kafka.bootstrap", STR, "localhost:9092", 1, 4096,      \
      NULL, false, false, "ODRADEK_KAFKA",                                     \
      "Brokers to connect to first: host:port, separated by commas.")          \
    X(KAFKA_CLIENT_ID, "kafka.client-id", STR, "odradek", 1, 128, NULL,        \
      false, false, NULL, "Name by which the broker's logs and quotas know "   \
      "this process.")                                                         \
    X(KAFKA_GROUP, "kafka.group", STR, "odradek", 1, 128, NULL, false, false,  \
      NULL, "Consumer group of the lanes. Processes of one group share the "   \
      "shards; one database has one group.")                                   \
    X(KAFKA_INSTANCE_ID, "kafka.instance-id", STR, "", 0, 128, NULL, false,    \
      false, NULL, "Static membership: a name that is this process's own and " \
      "survives its restarts, such as its slot. Lane n adds \"-n\". A restart " \
      "within the session then moves no shard. Empty: a name made at the "      \
      "start, which leaves the group with the process.")      \
    X(KAFKA_SESSION, "kafka.session-timeout", DURATION, "10s", 1000, 300000,   \
      NULL, false, false, NULL, "A process that was not heard of for so long " \
      "loses its shards to the others.")                                       \
    X(KAFKA_CONNECT, "kafka.connect-timeout", DURATION, "10s", 100, 300000,    \
      NULL, false, false, NULL, "How long one attempt to reach Kafka waits.")  \
    X(KAFKA_LINGER, "kafka.linger", DURATION, "0ms", 0, 1000, NULL, false,     \
      false, NULL, "How long the producer waits for more records before it "   \
      "sends. Batches form by themselves under load; 0 is best for latency.")  \
    X(KAFKA_USER, "kafka.sasl-user", STR, "", 0, 256, NULL, false, false,      \
      NULL, "User for SASL; set kafka.security.protocol and "                  \
      "kafka.sasl.mechanism too.")                                             \
    X(KAFKA_PASSWORD, "kafka.sasl-password", STR, "", 0, 4096, NULL, false,    \
      true, NULL, "Password for SASL. Prefer kafka.sasl-password-file.")       \
    X(KAFKA_PASSWORD_FILE, "kafka.sasl-password-file", FILE, "", 0, 4096,      \
      NULL, false, false, NULL, "File that holds the password for SASL; "      \
      "a line end at its end is cut off.")                                     \
    X(POSTGRES_CONNINFO, "postgres.conninfo", STR, "", 0, 4096, NULL, false,   \
      false, "ODRADEK_POSTGRES", "libpq's connection string or URI. Empty: "   \
      "libpq's own variables (PGHOST …).")                                     \
    X(POSTGRES_PASSWORD, "postgres.password", STR, "", 0, 4096, NULL, false,   \
      true, NULL, "Password. Prefer postgres.password-file or libpq's "        \
      "password file.")                                                        \
    X(POSTGRES_PASSWORD_FILE, "postgres.password-file", FILE, "", 0, 4096,     \
      NULL, false, false, NULL, "File that holds the password; a line end at " \
      "its end is cut off.")                                                   \
    X(POSTGRES_CONNECT, "postgres.connect-timeout", DURATION, "5s", 1000,      \
      300000, NULL, false, false, NULL, "How long one attempt to connect "     \
      "waits, in whole seconds.")                                              \
    X(POSTGRES_LOCK_WAIT, "postgres.lock-wait", DURATION, "3s", 100, 60000,    \
      NULL, false, false, NULL, "How long a lane that takes a shard waits for " \
      "its former owner's transaction before it ends that connection.")        \
    X(LANES, "lanes", INT, "0", 0, 64, NULL, false, false, NULL,               \
      "Threads that own shards, each with a consumer, a producer and a "       \
      "database connection. 0: one for every two processors, at least one. "   \
      "More lanes than shards are idle.")                                      \
    X(LANE_BATCH, "lane.batch", INT, "500", 1, 10000, NULL, false, false,      \
      NULL, "Most inputs in one transaction. 100 to 500 is the knee.")         \
    X(LANE_CACHE, "lane.cache", SIZE, "64MiB", 1048576, 68719476736, NULL,     \
      false, false, NULL, "Memory for open executions, a lane.")               \
    X(LANE_INPUT, "lane.input-max", SIZE, "1MiB", 1024, 67108864, NULL, false, \
      false, NULL, "Larger inbound records are dead letters.")                 \
    X(LANE_RECORD, "lane.record-max", SIZE, "900000", 10000, 67108864, NULL,   \
      false, false, NULL, "Larger history records are written in parts; must " \
      "fit the topic's max.message.bytes.")                                    \
    X(LANE_BACKLOG, "lane.backlog-max", INT, "100000", 1000, 100000000, NULL,  \
      false, false, NULL, "Outputs that the broker has not acknowledged, a "   \
      "shard; at the bound the shard stops reading.")                          \
    X(LANE_TIMERS, "lane.timers-in-memory", INT, "4096", 4, 1000000, NULL,     \
      false, false, NULL, "Next timers kept in memory, a shard.")              \
    X(LANE_REPUBLISH, "lane.task-republish", DURATION, "0s", 0, 31536000000,   \
      NULL, false, false, NULL, "A task without start or result for so long "  \
      "is sent again (same attempt); holds for runs that start from now on. "  \
      "0: three quarters of the retention of the task topics, the shortest "   \
      "that Kafka has at the start of the server; never, where all are kept "  \
      "for ever.")                                                             \
    X(LANE_DRAIN, "lane.drain-timeout", DURATION, "5s", 0, 300000, NULL,       \
      false, false, NULL, "How long a lane that lets shards go waits for the " \
      "broker's acknowledgements.")                                            \
    X(LIMIT_PAYLOAD, "limits.payload", SIZE, "256KiB", 1024, 16777216, NULL,   \
      false, false, NULL, "Input or output of a state, a task or a run, as "   \
      "JSON; larger is States.DataLimitExceeded. Beyond 512 KiB "              \
      "lane.input-max must grow too.")                                         \
    X(LIMIT_ASSIGN, "limits.assign", SIZE, "256KiB", 1024, 16777216, NULL,     \
      false, false, NULL, "Variables that one state assigns.")                 \
    X(LIMIT_VARIABLES, "limits.variables", SIZE, "10MiB", 1024, 268435456,     \
      NULL, false, false, NULL, "All variables of a run.")                     \
    X(LIMIT_STATES, "limits.states", INT, "100000", 100, 1000000000, NULL,     \
      false, false, NULL, "States that a run enters without anything from "    \
      "outside: an endless loop ends in States.Runtime.")                      \
    X(LIMIT_HISTORY, "limits.history", INT, "25000", 100, 1000000000, NULL,    \
      false, false, NULL, "Events of a run after which the log warns; the run " \
      "goes on.")                                                              \
    X(LIMIT_DEFINITION, "limits.definition", SIZE, "1MiB", 1024, 16777216,     \
      NULL, false, false, NULL, "A definition that is checked or published.")  \
    X(LIMIT_NAME, "limits.name", INT, "80", 1, 1000, NULL, false, false, NULL, \
      "Characters of a state's name, when it is checked or published.")        \
    X(LIMIT_CHILDREN, "limits.map-children", INT, "1000", 1, 10000, NULL,      \
      false, false, NULL, "Children of a distributed Map at once, whatever "   \
      "its MaxConcurrency says. AWS has 10,000.")                              \
    X(OBJECTS_DIRECTORY, "objects.directory", STR, "", 0, 4096, NULL, false,   \
      false, NULL, "Directory of the object store of distributed Maps "        \
      "(ItemReader, ResultWriter): a bucket is a subdirectory. Where it is "   \
      "set, `odradek serve` reads and writes there, and `odradek objects` "    \
      "does. Empty: this process does not.")                                   \
    X(OBJECTS_CONCURRENCY, "objects.concurrency", INT, "4", 1, 64, NULL,       \
      false, false, NULL, "Reads and writes of objects at once, a process.")   \
    X(CODEC_FRAMING, "codec.framing", CHOICE, "single-object", 0, 0,           \
      "single-object|confluent", false, false, NULL, "How records are framed: " \
      "Avro's single-object encoding, or a schema registry's id. Both are "    \
      "read always.")                                                          \
    X(REGISTRY_URLS, "registry.urls", STR, "", 0, 4096, NULL, false, false,    \
      NULL, "URLs of the schema registry, separated by commas. Needed for "    \
      "codec.framing = confluent.")                                            \
    X(REGISTRY_USER, "registry.user", STR, "", 0, 256, NULL, false, false,     \
      NULL, "User for the registry (HTTP basic).")                             \
    X(REGISTRY_PASSWORD, "registry.password", STR, "", 0, 4096, NULL, false,   \
      true, NULL, "Its password. Prefer registry.password-file.")              \
    X(REGISTRY_PASSWORD_FILE, "registry.password-file", FILE, "", 0, 4096,     \
      NULL, false, false, NULL, "File that holds the registry's password.")    \
    X(REGISTRY_CA, "registry.ca-file", STR, "", 0, 4096, NULL, false, false,   \
      NULL, "Certificates that the registry's is checked against. Empty: the " \
      "system's.")                                                             \
    X(REGISTRY_MISSING, "registry.missing", CHOICE, "add", 0, 0, "add|refuse", \
      false, false, NULL, "A schema of ours that the registry lacks: register " \
      "it, or refuse to start until an administrator has.")                    \
    X(SHARDS_REPAIR, "shards.repair", CHOICE, "manual", 0, 0, "manual|auto",   \
      false, false, NULL, "A shard whose database lost commits in a "          \
      "fail-over: wait for `odradek shards repair`, or take them from "        \
      "odradek.history at once and go on. The old primary must be fenced by "  \
      "the fail-over tool.")                                                   \
    X(SERVE_WAIT, "serve.wait-timeout", DURATION, "0s", 0, 86400000, NULL,     \
      false, false, NULL, "How long a start waits for Kafka and the database " \
      "before it gives up with exit code 6. 0: for ever.")                     \
    X(SERVE_WATCHDOG, "serve.watchdog-timeout", DURATION, "60s", 1000,         \
      86400000, NULL, true, false, NULL, "A lane that finished no round for "  \
      "so long is stuck: the process logs it and aborts, so that its "         \
      "supervisor starts it again.")                                           \
    X(SERVE_STATS, "serve.stats-interval", DURATION, "0s", 0, 86400000, NULL,  \
      false, false, NULL, "A log line with each lane's counters every so "      \
      "often. 0: none.")                                                       \
    X(SERVE_READY_FILE, "serve.ready-file", STR, "", 0, 4096, NULL, false,     \
      false, NULL, "File made once the server is ready and removed when it "   \
      "stops; holds the process id.")                                          \
    X(SERVE_BINDINGS, "serve.binding-check", DURATION, "10s", 1000, 86400000,  \
      NULL, true, false, NULL, "How often published bindings are looked up. "  \
      "SIGHUP looks at once.")                                                 \
    X(SERVE_LEAVE, "serve.leave", BOOL, "false", 0, 0, NULL, false, false,     \
      NULL, "A stop is for good: a static member leaves its group, so that "   \
      "others take its shards at once.")                                       \
    X(RETENTION_CLOSED, "retention.closed", DURATION, "90d", 0, 315360000000,  \
      NULL, true, false, NULL, "How long closed runs stay in the database. "   \
      "Their history leaves with its partition, once no run of it is open or " \
      "closed more recently; odradek.history keeps it. 0: for ever.")          \
    X(RETENTION_CHECK, "retention.check", DURATION, "1h", 1000, 2592000000,    \
      NULL, true, false, NULL, "How often a server looks for closed runs that " \
      "are to leave; one server at a time does it.")                           \
    X(LOG_LEVEL, "log.level", CHOICE, "info", 0, 0, "debug|info|warn|error",   \
      true, false, NULL, "Events below this level are not logged.")

/* clang-format on */

enum config_key {
#define X(key, ...) CONFIG_##key,
    CONFIG_TABLE(X)
#undef X
    CONFIG_KEYS
};

#endif
