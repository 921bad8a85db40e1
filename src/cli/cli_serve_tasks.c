#include "bus_kafka/bus_kafka_admin.h"
#include "cli/cli_serve_priv.h"
#include "cli/cli_topics_spec.h"

/* Topics described in one call. */
#define PAGE            500
#define PAGE_BYTES_MAX  ((size_t)32 << 20)
#define NAMES_BYTES_MAX ((size_t)64 << 20)

/* Shortest retention so far, in milliseconds; -1: kept for ever. */
static void
shorten(int64_t *shortest, const struct bus_kafka_config *configs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t ms = 0;
        if (odk_str_is(configs[i].name, "retention.ms") &&
            configs[i].value.ptr && odk_str_to_i64(configs[i].value, &ms) &&
            ms >= 0 && (*shortest < 0 || ms < *shortest)) {
            *shortest = ms;
        }
    }
}

/* Moves the names of task topics to the front. */
static size_t
keep_tasks(struct odk_str *names, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        if (odk_str_starts(names[i], ODK_STR(LANE_TOPIC_TASKS))) {
            names[kept++] = names[i];
        }
    }
    return kept;
}

/* Of topics to come: as they are declared. */
static int
declared(int64_t *shortest, struct odk_err *err)
{
    struct cli_topics_spec spec;
    int rc = cli_topics_spec_read(NULL, &spec, err);

    if (rc == 0) {
        const struct cli_topic_spec *tasks =
            cli_topics_spec_template(&spec, ODK_STR(LANE_TOPIC_TASKS));
        odk_assert(tasks);
        shorten(shortest, tasks->configs, tasks->n_configs);
    }
    cli_topics_spec_release(&spec);
    return rc;
}

static int
describe_page(const struct bus_kafka_options *kafka,
              const struct odk_str *names, size_t n, int64_t *shortest,
              struct odk_err *err)
{
    struct bus_kafka_topic *found = NULL;
    struct odk_arena arena;

    odk_arena_init(&arena, PAGE_BYTES_MAX);
    int rc = bus_kafka_topics_describe(kafka, names, n, &arena, &found, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        shorten(shortest, found[i].configs, found[i].n_configs);
    }
    odk_arena_release(&arena);
    return rc;
}

static int
find_shortest(const struct bus_kafka_options *kafka, int64_t *shortest,
              struct odk_err *err)
{
    struct odk_str *names = NULL;
    struct odk_arena arena;
    size_t n = 0;

    odk_arena_init(&arena, NAMES_BYTES_MAX);
    int rc = bus_kafka_topics_list(kafka, &arena, &names, &n, err);
    n = rc == 0 ? keep_tasks(names, n) : 0;
    for (size_t at = 0; rc == 0 && at < n; at += PAGE) {
        rc = describe_page(kafka, names + at, n - at < PAGE ? n - at : PAGE,
                           shortest, err);
    }
    odk_arena_release(&arena);
    return rc == 0 && n == 0 ? declared(shortest, err) : rc;
}

int
serve_task_republish(struct serve *serve, const struct bus_kafka_options *kafka,
                     struct odk_err *err)
{
    int64_t shortest = -1;

    serve->task_republish_ms = config_i64(serve->config, CONFIG_LANE_REPUBLISH);
    if (serve->task_republish_ms > 0) {
        return 0;
    }
    int rc = find_shortest(kafka, &shortest, err);
    if (rc != 0) {
        return rc;
    }
    serve->task_republish_ms = shortest < 0 ? 0 : shortest / 4 * 3;
    serve_log(serve, ODK_LOG_INFO, "serve.task_republish",
              "a task without an answer for %lld s is sent again (0: never): "
              "the task topics keep %lld ms",
              (long long)serve->task_republish_ms / 1000, (long long)shortest);
    return 0;
}
