#ifndef SIM_PRIV_H
#define SIM_PRIV_H

/*
 * Inside of the simulator: sim.c (time and events), sim_node.c (processes),
 * sim_bus.c and sim_store.c (the ports with faults), sim_fault.c (faults of the
 * world), sim_flow.c (definitions), sim_client.c, sim_hand.c and sim_kafka.c
 * (worker processes and their ports), sim_worker.c (what handlers do),
 * sim_read.c (the reader with a watermark), sim_model.c (what was committed),
 * sim_history.c (odradek.history against it), sim_end.c and sim_saga.c (the
 * last word).
 */

#include "asl/asl.h"
#include "base/base.h"
#include "bus/bus_mem.h"
#include "codec/codec.h"
#include "engine/engine.h"
#include "lane/lane.h"
#include "sdk/odradek.h"
#include "sim/sim.h"
#include "store/store_mem.h"

#define SIM_TOPIC_TASKS   "odradek.tasks.q"
#define SIM_TOPIC_CANCELS "odradek.cancels.q"
#define SIM_GROUP_WORKERS "odradek-worker.q"

#define SIM_NODES_MAX      4
#define SIM_HANDS_MAX      3
#define SIM_ACKS_MAX       64 /* records of a worker in flight */
#define SIM_PARTITIONS_MAX 6
#define SIM_TOPICS_MAX     20
#define SIM_RING           120 /* events of a story */
#define SIM_LINE_BYTES     200
#define SIM_FLOWS_MAX      12
#define SIM_SESSION_MS     6000
#define SIM_DBS_MAX        8
#define SIM_START          INT64_C(1764032523456)

struct sim;
struct sim_node;

/* ---- events ---- */

typedef void sim_event_f(struct sim *sim, void *arg);

struct sim_event {
    odk_time_ms due;
    uint64_t order; /**< among those of one moment: first come, first served */
    sim_event_f *run;
    void *arg;
};

/** Calls run(arg) after a while. */
void sim_after(struct sim *sim, odk_dur_ms wait, sim_event_f *run, void *arg);
/** Lets the world go on for a while, from inside of a step. */
void sim_pass(struct sim *sim, odk_dur_ms ms);
/** Memory that lives as long as the simulation. */
void *sim_alloc(struct sim *sim, size_t bytes);
struct odk_str sim_keep(struct sim *sim, struct odk_str s);

/* ---- chance: all of it from the seed ---- */

static inline uint64_t
sim_below(struct odk_rand *rand, uint64_t n)
{
    return odk_rand_below(rand, n);
}

static inline int64_t
sim_between(struct odk_rand *rand, int64_t low, int64_t high)
{
    return low + (int64_t)odk_rand_below(rand, (uint64_t)(high - low + 1));
}

/** True n times in 1,000. */
static inline bool
sim_chance(struct odk_rand *rand, uint64_t permille)
{
    return odk_rand_below(rand, 1000) < permille;
}

struct sim_vec {
    void *items;
    size_t n;
    size_t size;
};

/** Room for one more item, zeroed. */
void *sim_push(struct sim_vec *vec, size_t item_bytes);

/** What kind of a world a seed is. */
struct sim_profile {
    int nodes;
    int32_t partitions;
    bool is_static; /**< members with instance ids */
    int64_t n_commands;
    int64_t keys;                /**< workflow ids */
    uint64_t misrouted_permille; /**< clients' records on a wrong partition */
    odk_dur_ms storm_ms;         /**< faults and load for so long, then calm */
    uint64_t point_every;        /**< port calls between faults; 0: none */
    uint64_t commit_permille;    /**< commits that fail in some way */
    odk_dur_ms fault_every_ms;   /**< faults of the world; 0: none */
    bool is_refusing;            /**< the database refuses a value */
    bool has_skew;
    bool is_losing;     /**< ends with a fail-over that loses commits */
    bool is_truncating; /**< ends with a topic that lost its tail */
    size_t batch_max;
    size_t cache_bytes_max;
    size_t record_bytes_max;
    uint64_t backlog_max;
    size_t timers_in_memory;
    size_t queue_max;
    size_t poll_max;
    int hands;           /**< worker processes */
    uint64_t hand_every; /**< port calls of workers between faults; 0: none */
    size_t window;       /**< of a worker */
};

/* ---- processes ---- */

struct sim_node {
    struct sim *sim;
    int id;
    char instance[8];
    struct lane *lane;       /**< NULL: not running */
    struct bus bus;          /**< the real one below the port */
    struct store store;      /**< likewise */
    struct store_mem_db *db; /**< that store talks to */
    bool is_busy;            /**< inside of a tick */
    bool is_doomed;          /**< killed: what it still does has no effect */
    size_t n_arriving;       /**< of its records in flight */
    bool is_stopped;         /**< paused: answers no heartbeats of the group */
    uint64_t life;           /**< counts its processes */
    odk_dur_ms offset_ms;    /**< of its wall clock */
    int64_t drift_ppm;
    int idle; /**< ticks without work in a row */
};

/** Starts a process soon. */
void sim_node_start(struct sim *sim, struct sim_node *node, odk_dur_ms wait);
/** kill -9, wherever it is. */
void sim_node_kill(struct sim_node *node);
/** SIGTERM: drains and goes. */
void sim_node_close(struct sim_node *node);
/** SIGSTOP … SIGCONT around it; the caller is inside of its tick. */
void sim_node_pause(struct sim_node *node, odk_dur_ms ms);
void sim_nodes_end(struct sim *sim);
/** One call of a port: may kill, pause or disturb. False: the process is dead,
 * the call has no effect. */
bool sim_point(struct sim_node *node);
struct bus sim_bus(struct sim_node *node);
struct store sim_store(struct sim_node *node);

/* ---- worker processes ---- */

struct sim_hand {
    struct sim *sim;
    int id;
    char name[8];
    struct odradek_worker *worker; /**< NULL: not running */
    struct sdk_pool *pool;
    struct bus *producer; /**< NULL: closed */
    struct bus *consumer; /**< likewise */
    bool is_busy;         /**< inside of a turn */
    bool is_doomed;       /**< killed: what it still does has no effect */
    bool is_stopped;      /**< paused */
    bool is_fenced;       /**< to be told */
    uint64_t life;        /**< counts its processes */
};

/** Starts a process soon. */
void sim_hand_start(struct sim *sim, struct sim_hand *hand, odk_dur_ms wait);
/** kill -9, wherever it is. */
void sim_hand_kill(struct sim_hand *hand);
/** Something happens to a process that is between two turns. */
void sim_hand_fault(struct sim_hand *hand, uint64_t roll);
/** Ends what holds its records up. */
void sim_hand_heal(struct sim_hand *hand);
/** One call of a port, as sim_point. */
bool sim_hand_point(struct sim_hand *hand);
void sim_hands_end(struct sim *sim);

/** A task as sent. */
struct sim_task {
    struct odk_map_node node; /**< key: token */
    int32_t partition;
    int64_t offset;
    bool is_cancelled;
    int n_begun;
};

/** The handler of all types. */
void sim_handle(struct odradek_task *task, void *ctx);
/** How long a handler will work on it. */
odk_dur_ms sim_task_duration(struct sim *sim, const struct odradek_task *task);
void sim_task_begun(struct sim *sim, const struct sim_hand *hand,
                    struct odk_str token);
void sim_tasks_check(struct sim *sim);

/* ---- the model ---- */

/** An output as committed. */
struct sim_output {
    uint64_t seq;
    int topic;
    int32_t partition;
    uint64_t hash;
    bool is_void; /**< parked: its owner sends it no more */
    bool is_seen;
};

struct sim_shard {
    const struct sim_node *owner; /**< who acquired last */
    uint64_t owner_life;
    int64_t next[2];
    uint64_t outbox_seq;
    odk_time_ms clock;
    struct sim_vec outputs; /**< struct sim_output */
    bool must_stop;         /**< the last act: has to be quarantined */
    const char *cut_topic;  /**< whose tail was lost below cut_next */
    int64_t cut_next;
};

/** One committed transition. */
struct sim_row {
    uint64_t hash; /**< of its entries */
    size_t len;
    odk_time_ms at;
};

struct sim_timer {
    uint64_t id;
    odk_time_ms due;
    bool is_fired;
    bool is_dropped;
};

struct sim_run {
    struct odk_map_node node; /**< key: run id, 16 bytes */
    struct odk_uuid run_id;
    int32_t shard;
    struct odk_str key;
    struct sim_key *workflow;
    struct sim_vec rows;   /**< struct sim_row, by version - 1 */
    struct sim_vec timers; /**< struct sim_timer, as odradek.history tells */
    int64_t seen;          /**< versions seen on odradek.history */
    int64_t last_event_id;
    int64_t next[2]; /**< origins below were applied to this run */
    struct odk_buf parts;
    int32_t part; /**< of the version being put together */
    int status;
    struct engine *replayed; /**< at the end, from the stored history */
    const struct asl_machine *machine;
    struct sim_saga *saga;
    struct sim_run *next_run;
};

/** What a run's history says of its compensation; sim_saga.c. */
struct sim_saga;

/** A workflow id. */
struct sim_key {
    struct odk_map_node node;
    int64_t next[2]; /**< origins below were applied to some run of it */
};

/** A reader's view of one partition. */
struct sim_mark {
    uint64_t seq;
    uint64_t seen; /**< likewise without markers */
    size_t at;     /**< index in the shard's outputs of the next to look at */
};

struct sim_topic {
    char name[40];
    int32_t partitions;
    int64_t offset[SIM_PARTITIONS_MAX];
    struct sim_mark marks[SIM_PARTITIONS_MAX][SIM_PARTITIONS_MAX];
    void (*seen)(struct sim *sim, const struct bus_message *message,
                 const struct codec_record *record);
};

/** A command as sent, once or several times. */
struct sim_command {
    int kind; /**< enum codec_kind */
    bool has_reply;
    bool is_answered;
    bool is_closed;   /**< the closed reply came */
    bool is_conflict; /**< repeats a request id with another content */
    enum codec_reply_kind reply;
    char code[40];
    char run_id[40];
    size_t first; /**< index of the command that it repeats, or its own */
    bool is_garbage;
    bool is_flaky; /**< its reply topic fails now and then */
    bool is_signal;
    int n_effects; /**< signals seen in histories; dead letters of garbage */
};

struct sim_flow {
    struct odk_str name;
    int32_t version;
    struct asl_machine *machine;
};

struct sim_stats {
    uint64_t events;
    uint64_t faults;
    uint64_t transitions;
    uint64_t runs;
};

struct sim {
    const struct sim_options *options;
    struct sim_profile profile;
    struct odk_rand rand;  /**< of the world */
    struct odk_rand chaos; /**< of the faults */
    uint64_t fences;       /**< numbers of the lanes' own random source */
    odk_time_ms now;
    odk_time_ms calm_at;
    bool is_calm;
    bool is_ended;
    int depth; /**< steps inside of steps */
    struct sim_vec heap;
    uint64_t order;
    struct odk_arena arena;   /**< of the simulation */
    struct odk_arena scratch; /**< of a record being read */
    struct odk_buf buf;

    struct bus_mem_broker *broker;
    bool is_broker_down;
    struct store_mem_db *db;
    struct store_mem_db *dbs[SIM_DBS_MAX];
    size_t n_dbs;
    struct store_mem_db *backup; /**< for a losing fail-over */
    odk_time_ms full_until;      /**< the database's disk is full */
    bool is_db_down;
    bool is_losing; /**< commits were lost: the rest is another story */
    bool is_expecting_quarantine;
    uint64_t server;
    struct codec *codec;
    struct sim_node nodes[SIM_NODES_MAX];
    uint64_t until_fault; /**< port calls */
    struct sim_hand hands[SIM_HANDS_MAX];
    uint64_t until_hand_fault;
    bool is_hand_disturbed; /**< tasks may be begun again */
    struct odk_map tasks;   /**< struct sim_task by token */

    struct sim_topic topics[SIM_TOPICS_MAX];
    int n_topics;
    bool is_dirty; /**< records may have been appended */
    struct sim_shard shards[SIM_PARTITIONS_MAX];
    struct odk_map runs;
    struct odk_map keys;
    struct sim_run *first_run;
    struct sim_flow flows[SIM_FLOWS_MAX];
    size_t n_flows;
    struct sim_vec commands; /**< struct sim_command */

    struct sim_stats stats;
    uint64_t hash;
    bool is_failed;
    enum sim_check check;
    char problem[512];
    char ring[SIM_RING][SIM_LINE_BYTES];
    uint64_t n_lines;
};

/** One line of the story, and of the hash. */
void sim_trace(struct sim *sim, const char *fmt, ...) ODK_PRINTF(2, 3);
/** A promise is broken: the first one counts. */
void sim_fail(struct sim *sim, enum sim_check check, const char *fmt, ...)
    ODK_PRINTF(3, 4);
bool sim_is_mutant(const struct sim *sim, enum sim_mutant mutant);

/** What was committed. before holds the shard rows as they were. */
void sim_model_commit(struct sim_node *node, const struct store_batch *batch,
                      const struct store_shard *before);
void sim_model_acquire(const struct sim_node *node, int32_t shard);
struct sim_run *sim_run_find(struct sim *sim, struct odk_uuid run_id);
struct sim_output *sim_output_find(struct sim *sim, int32_t shard,
                                   uint64_t seq);
uint64_t sim_output_hash(struct odk_str key, struct odk_str value);
int sim_topic_find(const struct sim *sim, struct odk_str name);
void sim_model_release(struct sim *sim);

/** Reads what was appended to all topics. */
void sim_read(struct sim *sim);
void sim_read_topics(struct sim *sim);

/** One first appearance of each kind. */
void sim_history_seen(struct sim *sim, const struct bus_message *message,
                      const struct codec_record *record);
void sim_task_seen(struct sim *sim, const struct bus_message *message,
                   const struct codec_record *record);
void sim_cancel_seen(struct sim *sim, const struct bus_message *message,
                     const struct codec_record *record);
void sim_reply_seen(struct sim *sim, const struct bus_message *message,
                    const struct codec_record *record);
void sim_deadletter_seen(struct sim *sim, const struct bus_message *message,
                         const struct codec_record *record);

/* ---- load ---- */

void sim_flows_define(struct sim *sim);
const struct asl_machine *
sim_flow_machine(const struct sim *sim, struct odk_str name, int32_t version);
void sim_clients_start(struct sim *sim);
void sim_signal_seen(struct sim *sim, const json_t *value);
/** Appends a record to an inbound topic, now and then on a wrong partition. */
void sim_append(struct sim *sim, const char *topic, enum codec_kind kind,
                const void *record, struct odk_str workflow_id);
void sim_operator_start(struct sim *sim);

/* ---- faults ---- */

void sim_profile_draw(struct sim *sim);
/** What the world has of each thing. */
void sim_profile_amounts(const struct sim_profile *profile,
                         int64_t out[SIM_AMOUNT_COUNT]);
void sim_faults_start(struct sim *sim);
void sim_faults_end(struct sim *sim);

/* ---- the end ---- */

bool sim_is_done(struct sim *sim);
void sim_check_end(struct sim *sim);
void sim_check_owners(struct sim *sim, void *arg);
void sim_check_lost(struct sim *sim);
/** Takes one transition's entries. */
void sim_saga_apply(struct sim *sim, struct sim_run *run, json_t *entries);
void sim_saga_end(struct sim *sim, const struct sim_run *run,
                  const struct store_execution_write *row);

#endif
