#include "cli/cli.h"

/* Every command: name, what follows, half a line, further sentences, examples.
 * docs/cli.md and `odradek help` come from here. */

static const struct cli_flag asl_eval_flags[] = {
    {"jsonl", NULL, "one request a line, one answer a line"},
    {NULL, NULL, NULL},
};

static const struct cli_flag db_migrate_flags[] = {
    {"partitions", "N",
     "number of shards, fixed for ever by the first migration (12)"},
    {"owner-role", "NAME", "who owns the tables (odradek_owner)"},
    {"server-role", "NAME", "what `odradek serve` may be (odradek_server)"},
    {"readonly-role", "NAME", "who may read (odradek_readonly)"},
    {"without-roles", NULL,
     "make and grant no roles: all belongs to the connecting role"},
    {NULL, NULL, NULL},
};

static const struct cli_flag topics_apply_flags[] = {
    {"file", "FILE", "declaration instead of the built-in topics.json"},
    {"replication", "N",
     "instead of the declared 3; 1 for a single broker in development"},
    {"partitions", "N", "number of shards where there is no database yet"},
    {"create-queues", "A,B", "also the topics of these task queues"},
    {NULL, NULL, NULL},
};

static const struct cli_flag topics_diff_flags[] = {
    {"file", "FILE", "declaration instead of the built-in topics.json"},
    {"replication", "N", "instead of the declared 3"},
    {"partitions", "N", "number of shards where there is no database yet"},
    {NULL, NULL, NULL},
};

static const struct cli_flag definition_publish_flags[] = {
    {"name", "NAME", "name of the definition; default: the file's name"},
    {"create-queues", NULL,
     "make the topics of its task queues where they lack"},
    {NULL, NULL, NULL},
};

static const struct cli_flag definition_show_flags[] = {
    {"version", "N", "instead of the newest"},
    {NULL, NULL, NULL},
};

static const struct cli_flag help_flags[] = {
    {"markdown", NULL, "with `config` or `commands`: as the manual's source"},
    {NULL, NULL, NULL},
};

static const struct cli_command commands[] = {
    {"serve", "", "run the orchestrator",
     "Waits for Kafka and the database where they are absent, and says what it "
     "waits for; ends by itself only for what no waiting mends (configuration, "
     "log-in, schema). Logs JSON lines to standard error; `serve.ready` says "
     "that it works. SIGTERM or SIGINT: finishes what was begun (bounded by "
     "lane.drain-timeout), a second one ends at once. SIGHUP: reads the "
     "configuration file again and looks for new bindings. Several processes "
     "of one group share the shards.",
     "  odradek serve --lanes 2 --serve-ready-file /run/odradek.ready\n"
     "  odradek serve --kafka-instance-id slot-1     a restart moves no "
     "shard\n",
     NULL, 0, 0, cli_serve},
    {"topics apply", "", "create the topics that lack",
     "Creates what lacks, reports what differs, deletes and changes nothing.",
     "  odradek topics apply --replication 1 --create-queues payments,stock\n",
     topics_apply_flags, 0, 0, cli_topics_apply},
    {"topics diff", "", "compare the topics with their declaration",
     "Exit code 1 when a topic is missing or differs.", NULL, topics_diff_flags,
     0, 0, cli_topics_diff},
    {"db migrate", "", "bring the database to this version's schema",
     "Needs a role that may create tables (and roles, unless "
     "--without-roles). Does nothing when all is there.",
     NULL, db_migrate_flags, 0, 0, cli_db_migrate},
    {"db status", "", "show the schema's migrations",
     "Exit code 1 when one is pending, changed or unknown.", NULL, NULL, 0, 0,
     cli_db_status},
    {"definition publish", "FILE|-", "check a definition and publish it",
     "Publishes the next version of its name; the same text again changes "
     "nothing. Every problem is printed with its place. Task topics that lack "
     "are listed, and nothing is published, unless --create-queues.",
     "  odradek definition publish order.asl.json --create-queues\n",
     definition_publish_flags, 1, 1, cli_definition_publish},
    {"definition list", "[NAME]", "list published definitions", NULL, NULL,
     NULL, 0, 1, cli_definition_list},
    {"definition show", "NAME", "print a definition as it was published", NULL,
     NULL, definition_show_flags, 1, 1, cli_definition_show},
    {"config", "", "show the options in effect",
     "Each option with its value and where that was set. Secrets are masked.",
     NULL, NULL, 0, 0, cli_config},
    {"help", "[COMMAND|config|exit-codes|commands]", "explain a command", NULL,
     NULL, help_flags, 0, 2, cli_help},
    {"version", "", "print the versions of odradek and its libraries", NULL,
     NULL, NULL, 0, 0, cli_version},
};

const struct cli_command *
cli_commands(size_t *n)
{
    (void)asl_eval_flags;
    *n = ODK_ARRAY_LEN(commands);
    return commands;
}
