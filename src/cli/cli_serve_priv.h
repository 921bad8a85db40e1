#ifndef CLI_SERVE_PRIV_H
#define CLI_SERVE_PRIV_H

/*
 * The server: one thread a lane, one a relay, and the main thread, which waits
 * for signals, watches the lanes and looks for new bindings. Threads share only
 * what is written before they begin, a flag to stop, and an eventfd by which
 * they make the main thread look.
 *
 *   main: connect, check -> start lanes -> loop -> stop -> join
 *   lane: open store, open bus (retried) -> lane_tick ... -> lane_close
 */

#include <pthread.h>
#include <stdatomic.h>

#include "binding/binding.h"
#include "cli/cli_connect.h"
#include "lane/lane.h"
#include "objects/objects.h"
#include "relay/relay.h"
#include "sdk/odradek.h"
#include "store_pg/store_pg_retention.h"
#include "telemetry/telemetry.h"

#define SERVE_LANES_MAX    64
#define SERVE_RELAYS_MAX   256
#define SERVE_PAUSE_MS_MIN 250
#define SERVE_PAUSE_MS_MAX 10000
#define SERVE_TICK_MS      5000
/* A lane counts as ready with a shard of its own, or after this: a group may
 * have more members than shards. */
#define SERVE_READY_MS 5000

struct serve {
    struct cli *cli;
    const struct config *config;
    struct telemetry_log log;
    struct odk_logger logger;
    struct cli_kafka kafka; /**< without topics and group */
    struct odk_buf conninfo;
    struct store_pg_options postgres;
    struct codec *codec; /**< for writing; nobody adds to it: shared */
    struct store_pg_cluster cluster;
    odk_dur_ms task_republish_ms; /**< 0: never */
    char host[128];
    char instance[160]; /**< of the group's members; lane n adds "-n" */
    bool is_leaving;    /**< a stop makes them leave the group */
    atomic_bool is_stopping;
    int event_fd;       /**< a thread has news */
    int stop_fd;        /**< readable once everyone is to stop */
    atomic_int failure; /**< enum cli_exit of what no retry mends */
};

enum serve_state {
    SERVE_OPENING,
    SERVE_RUNNING,
    SERVE_READY,
    SERVE_ENDED,
};

struct serve_lane {
    struct serve *serve;
    int index;
    pthread_t thread;
    bool is_started;
    bool is_taken;    /**< by the lane's thread: another process has joined
                         the group under its instance id */
    atomic_int state; /**< enum serve_state */
    atomic_int n_quarantined; /**< shards, as of its last round */
    pthread_mutex_t lock;     /**< of lane, against its end */
    struct lane *lane;
    struct codec *codec;       /**< its own: it learns ids */
    struct registry *registry; /**< NULL: none is configured */
    uint64_t beat;             /**< main thread: last heartbeat seen */
    odk_dur_ms beat_at;
};

struct serve_relay {
    struct serve *serve;
    char name[BINDING_NAME_MAX + 1];
    char topic[256];
    int32_t incarnation;
    pthread_t thread;
    atomic_bool is_stopping; /**< this one only: its binding was reset */
    atomic_int state;
    pthread_mutex_t lock;
    struct relay *relay;
    struct store_pg_query *query;
};

/** The worker of the object store; NULL members: none is configured. */
struct serve_objects {
    struct serve *serve;
    struct objects objects;
    pthread_t thread;
    bool is_started;
    atomic_bool is_ended;
    pthread_mutex_t lock; /**< of worker */
    struct odradek_worker *worker;
};

odk_dur_ms serve_monotonic(void);

/** Says something under an event's name. */
void serve_log(const struct serve *serve, enum odk_log_level level,
               const char *event, const char *fmt, ...) ODK_PRINTF(4, 5);

/** Waits between attempts; false: everyone is to stop. Doubles *pause up to its
 * bound. */
bool serve_pause(struct serve *serve, odk_dur_ms *pause);

/** Whether an error may go away by itself: brokers, databases and topics
 * appear. */
bool serve_is_transient(int code);

/** Notes what no retry mends and wakes the main thread, which stops all. */
void serve_give_up(struct serve *serve, const char *event,
                   const struct odk_err *err);

/** Wakes the main thread. */
void serve_notify(struct serve *serve);

/** librdkafka's lines go to the log. */
void serve_kafka_log(void *ctx, int severity, const char *facility,
                     const char *text);

/** Puts the server's bus in place of a lane's Kafka bus, which it owns from now
 * on; codec and registry (may be NULL) stay the lane's. */
void serve_bus_wrap(struct serve_lane *lane, struct bus *bus);

/** Sets task_republish_ms from the configuration, or from the retention that
 * the task topics have. */
int serve_task_republish(struct serve *serve,
                         const struct bus_kafka_options *kafka,
                         struct odk_err *err) ODK_MUST_USE;

/** Starts a lane's thread; ODK_EAGAIN. */
int serve_lane_start(struct serve_lane *lane, struct odk_err *err) ODK_MUST_USE;
/** Makes a waiting lane look at the stop flag. */
void serve_lane_wake(struct serve_lane *lane);
/** False: it made no round since `timeout`. */
bool serve_lane_is_alive(struct serve_lane *lane, odk_dur_ms now,
                         odk_dur_ms timeout);

/** Gives shards back the commits that the database lost; main thread only. */
struct serve_repair {
    struct serve *serve;
    pthread_t thread;
    bool is_started;
    atomic_int state;
    odk_dur_ms next_at;
    odk_dur_ms pause_ms;
};

/** n_quarantined: shards of our lanes. Starts the thread where the
 * configuration wants it (shards.repair) and there may be something to do. */
void serve_repair_check(struct serve_repair *repair, int n_quarantined);
bool serve_repair_is_ended(const struct serve_repair *repair);
/** Joins it when it has ended. */
void serve_repair_release(struct serve_repair *repair);

/** Closed runs leave the database, a step at a time; main thread only. */
struct serve_retention {
    struct serve *serve;
    struct store_pg_query *query;   /**< NULL: none is under way */
    struct store_pg_retention *run; /**< likewise */
    odk_dur_ms next_at;             /**< monotonic: of the next step or look */
};

/** Does a step when it is time for one. Errors are logged and tried again. */
void serve_retention_tick(struct serve_retention *retention, odk_dur_ms now);
void serve_retention_release(struct serve_retention *retention);

/** The relays of all published bindings; main thread only. */
struct serve_relays {
    struct serve *serve;
    struct serve_relay *list[SERVE_RELAYS_MAX];
    size_t n;
};

/** Reads the bindings and starts and restarts relays. Errors are logged. */
void serve_relays_check(struct serve_relays *relays,
                        struct store_pg_query *query);
/** A relay has ended by itself: check again, which starts its successor. */
bool serve_relays_is_one_ended(const struct serve_relays *relays);
/** Makes all of them stop, without waiting. */
void serve_relays_stop(struct serve_relays *relays);
bool serve_relays_are_ended(const struct serve_relays *relays);
/** Joins and frees those that have ended. */
void serve_relays_release(struct serve_relays *relays);

/** Starts the worker's thread where a directory is configured. */
int serve_objects_start(struct serve_objects *self,
                        struct odk_err *err) ODK_MUST_USE;
/** Makes it stop, without waiting. */
void serve_objects_stop(struct serve_objects *self);
bool serve_objects_is_ended(const struct serve_objects *self);
/** Joins it once it has ended. */
void serve_objects_release(struct serve_objects *self);

#endif
