#include "cli/cli.h"
#include "cli/cli_client.h"
#include "cli/cli_letter.h"
#include "cli/cli_look.h"
#include "cli/cli_objects.h"

/* Every command: name, what follows, half a line, further sentences, examples.
 * docs/cli.md and `odradek help` come from here. */

static const struct cli_flag asl_check_flags[] = {
    {"express", NULL, "by the rules of an express workflow"},
    {NULL, NULL, NULL},
};

static const struct cli_flag asl_eval_flags[] = {
    {"jsonl", NULL, "one request a line, one answer a line"},
    {NULL, NULL, NULL},
};

static const struct cli_flag asl_test_flags[] = {
    {"jsonl", NULL, "without files: one request a line, one answer a line"},
    {"junit", "FILE", "also write the results as JUnit's XML"},
    {NULL, NULL, NULL},
};

static const struct cli_flag asl_graph_flags[] = {
    {"format", "FORMAT", "dot, mermaid or svg (dot)"},
    {"history", "FILE|-", "show what this run did"},
    {NULL, NULL, NULL},
};

static const struct cli_flag asl_fmt_flags[] = {
    {"check", NULL, "write nothing; exit code 1 when a file would change"},
    {NULL, NULL, NULL},
};

static const struct cli_flag db_migrate_flags[] = {
    {"partitions", "N",
     "number of shards, fixed for ever by the first migration (12)"},
    {"owner-role", "NAME", "who owns the tables (odradek_owner)"},
    {"server-role", "NAME", "what `odradek serve` may be (odradek_server)"},
    {"readonly-role", "NAME", "who may read (odradek_readonly)"},
    {"token-key", "FILE",
     "at the first migration: this key of the task tokens instead of a new "
     "one, as `odradek db token-key` wrote it"},
    {"without-roles", NULL,
     "make and grant no roles: all belongs to the connecting role"},
    {NULL, NULL, NULL},
};

static const struct cli_flag db_retention_flags[] = {
    {"dry-run", NULL, "say what there is to do"},
    {"run", NULL, "do it now; servers do it every retention.check"},
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

static const struct cli_flag binding_publish_flags[] = {
    {"from-start", NULL,
     "a first version begins at the logs' start, not at their end"},
    {NULL, NULL, NULL},
};

static const struct cli_flag binding_reset_flags[] = {
    {"from-start", NULL, "begin at the logs' start, not at their end"},
    {NULL, NULL, NULL},
};

static const struct cli_flag start_flags[] = {
    {"id", "ID", "the workflow's id; default: a new UUID"},
    {"input", "JSON|@FILE|-", "input of the run ({})"},
    {"version", "N", "of the definition, instead of the newest"},
    {"reuse", "POLICY",
     "the id has a closed run: allow, allow-failed-only or reject (allow)"},
    {"conflict", "POLICY",
     "the id has an open run: fail, use-existing or terminate-existing (fail)"},
    {"timeout", "DURATION", "the run is TIMED_OUT after it"},
    {"request-id", "ID", "a repeat under it gets the same answer"},
    {"wait", NULL, "until the run has ended; prints its output"},
    {"wait-timeout", "DURATION",
     "wait for the answer no longer (30s; with --wait: for ever)"},
    {NULL, NULL, NULL},
};

static const struct cli_flag signal_flags[] = {
    {"payload", "JSON|@FILE|-", "what the waiting state gets (null)"},
    {"run", "RUN", "this run instead of the current one"},
    {"request-id", "ID", "a repeat under it gets the same answer"},
    {NULL, NULL, NULL},
};

static const struct cli_flag end_flags[] = {
    {"reason", "TEXT", "why, for the history"},
    {"run", "RUN", "this run instead of the current one"},
    {"request-id", "ID", "a repeat under it gets the same answer"},
    {NULL, NULL, NULL},
};

static const struct cli_flag run_flags[] = {
    {"run", "RUN", "this run instead of the current one"},
    {NULL, NULL, NULL},
};

static const struct cli_flag history_flags[] = {
    {"run", "RUN", "this run instead of the current one"},
    {"facts", NULL, "also what has no event: timers, retries, signals"},
    {"full", NULL, "payloads whole, not cut"},
    {"follow", NULL, "go on until the run has ended"},
    {NULL, NULL, NULL},
};

static const struct cli_flag result_flags[] = {
    {"run", "RUN", "this run instead of the current one"},
    {"timeout", "DURATION", "wait no longer; exit code 5"},
    {NULL, NULL, NULL},
};

static const struct cli_flag list_flags[] = {
    {"status", "STATUS",
     "RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED or TERMINATED"},
    {"definition", "NAME", "runs of this definition"},
    {"id", "ID", "all runs of this workflow id"},
    {"stuck", NULL, "only those whose compensation waits for an operator"},
    {"limit", "N", "at most so many, newest first (100)"},
    {NULL, NULL, NULL},
};

static const struct cli_flag jsonata_flags[] = {
    {"input", "JSON|@FILE|-", "the document (none)"},
    {"jsonl", NULL, "cases {id, expr, data|dataset, bindings}, one a line"},
    {"datasets", "FILE", "with --jsonl: a JSON object of named documents"},
    {NULL, NULL, NULL},
};

static const struct cli_flag rebuild_flags[] = {
    {"until-time", "TIME", "only transitions up to this time (RFC 3339)"},
    {"until-offsets", "SHARD=N,...",
     "only records of odradek.history below these offsets"},
    {"compare", "CONNINFO",
     "then compare with this database; exit code 1 when they differ"},
    {"accept-lost-outputs", NULL,
     "go on where an output that never arrived cannot be made again"},
    {NULL, NULL, NULL},
};

static const struct cli_flag shards_release_flags[] = {
    {"reason", "TEXT", "why it may go on, for the journal"},
    {NULL, NULL, NULL},
};

static const struct cli_flag shards_repair_flags[] = {
    {"all", NULL, "every shard that a repair is for"},
    {"dry-run", NULL, "say what there is to do, and do nothing"},
    {"accept-lost-outputs", NULL,
     "go on where an output that never arrived cannot be made again"},
    {NULL, NULL, NULL},
};

static const struct cli_flag saga_flags[] = {
    {"entry", "N", "this entry only; default: every stuck one"},
    {"reason", "TEXT", "why, for the history"},
    {"run", "RUN", "this run instead of the current one"},
    {"request-id", "ID", "a repeat under it gets the same answer"},
    {NULL, NULL, NULL},
};

static const struct cli_flag saga_complete_flags[] = {
    {"entry", "N", "this entry only; default: every stuck one"},
    {"result", "JSON|@FILE|-", "what came of it (null)"},
    {"reason", "TEXT", "why, for the history"},
    {"run", "RUN", "this run instead of the current one"},
    {"request-id", "ID", "a repeat under it gets the same answer"},
    {NULL, NULL, NULL},
};

static const struct cli_flag parked_list_flags[] = {
    {"topic", "TOPIC", "only those for this topic"},
    {"limit", "N", "at most so many (100)"},
    {NULL, NULL, NULL},
};

static const struct cli_flag parked_operate_flags[] = {
    {"all", NULL, "all that are parked now"},
    {"topic", "TOPIC", "with --all: only those for this topic"},
    {"reason", "TEXT", "why, for the server's log"},
    {"request-id", "ID", "a repeat under it gets the same answer"},
    {NULL, NULL, NULL},
};

static const struct cli_flag offsets_reset_flags[] = {
    {"commands", "OFFSET|start|end", "where it goes on in odradek.commands"},
    {"results", "OFFSET|start|end", "where it goes on in odradek.results"},
    {"reason", "TEXT", "why, for the journal"},
    {"yes", NULL, "do it; without, only what would happen is said"},
    {NULL, NULL, NULL},
};

static const struct cli_flag deadletter_list_flags[] = {
    {"code", "CODE", "only those with this code, such as NotJson"},
    {"topic", "TOPIC", "only those from this topic"},
    {"since", "DURATION|TIME",
     "only those of the last 2h, 7d, or since a time"},
    {"handled", NULL, "also those that were sent again or dropped"},
    {"after", "PARTITION/OFFSET", "go on behind this one"},
    {"limit", "N", "at most so many (100)"},
    {NULL, NULL, NULL},
};

static const struct cli_flag deadletter_act_flags[] = {
    {"all", NULL, "all that nobody has dealt with"},
    {"code", "CODE", "with --all: only those with this code"},
    {"topic", "TOPIC", "with --all: only those from this topic"},
    {"since", "DURATION|TIME",
     "with --all: only those of the last 2h, 7d, or since a time"},
    {"reason", "TEXT", "why, on record"},
    {NULL, NULL, NULL},
};

static const struct cli_flag show_flags[] = {
    {"raw", NULL, "the value's bytes and nothing else"},
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
     "of one group share the shards. Its own options may be given without "
     "their section: --ready-file, --stats-interval, --watchdog-timeout, "
     "--leave.",
     "  odradek serve --lanes 2 --ready-file /run/odradek.ready\n"
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
    {"db token-key", "", "print the key that authenticates task tokens",
     "A secret: with it, results can be forged. Keep it with the backups: a "
     "database that `odradek rebuild` makes needs it, or it ignores the "
     "answers "
     "to tasks that are under way.",
     "  odradek db token-key > token-key && chmod 600 token-key\n", NULL, 0, 0,
     cli_db_token_key},
    {"db status", "", "show the schema's migrations",
     "Exit code 1 when one is pending, changed or unknown.", NULL, NULL, 0, 0,
     cli_db_status},
    {"db retention", "", "let closed runs leave the database",
     "Those that closed longer ago than retention.closed, in small steps, with "
     "the history partitions that hold no other run. odradek.history is not "
     "touched. Exit code 6 while another process is about it.",
     "  odradek db retention --dry-run --retention-closed 30d\n",
     db_retention_flags, 0, 0, cli_db_retention},
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
    {"binding publish", "FILE|-", "turn events of a topic into workflows",
     "Publishes the next version of the binding's rules. It holds from the "
     "end that each log has now; earlier records keep the version before.",
     "  odradek binding publish orders.binding.json\n", binding_publish_flags,
     1, 1, cli_binding_publish},
    {"binding list", "", "list published bindings", NULL, NULL, NULL, 0, 0,
     cli_binding_list},
    {"binding show", "NAME", "print a binding's rules as published", NULL, NULL,
     definition_show_flags, 1, 1, cli_binding_show},
    {"binding reset", "NAME", "start a quarantined binding again",
     "Begins a new life (incarnation) at the end of each log: records between "
     "where it stopped and that end are not read.",
     NULL, binding_reset_flags, 1, 1, cli_binding_reset},
    {"start", "DEFINITION", "start a workflow",
     "Says the run once the start took effect. With --wait: prints the output "
     "and ends with 0 if the run succeeded, 1 if not.",
     "  odradek start order --id order-7 --input '{\"total\": 12}' --wait\n"
     "  odradek start order --id order-7 --input @order.json --reuse reject\n",
     start_flags, 1, 1, cli_start},
    {"signal", "ID NAME", "hand a payload to a workflow",
     "Kept until a state waits for its name; the oldest is taken first.",
     "  odradek signal order-7 approval --payload '{\"approved\": true}'\n",
     signal_flags, 2, 2, cli_signal},
    {"cancel", "ID", "ask a workflow to stop",
     "Open tasks are cancelled; the run ends ABORTED, after its compensation "
     "where the definition lists that.",
     NULL, end_flags, 1, 1, cli_cancel},
    {"terminate", "ID", "end a workflow at once",
     "Nothing is compensated; the history says what was left.", NULL, end_flags,
     1, 1, cli_terminate},
    {"result", "ID", "wait for a workflow's end and print its output",
     "Exit code 0 if it succeeded, 1 if not, 5 when the time is over.",
     "  odradek result order-7 --timeout 1m\n", result_flags, 1, 1, cli_result},
    {"maprun list", "ID", "list the Map Runs of a workflow",
     "A row for each time that a distributed Map ran, the last hundred and "
     "those that run now, with its children by how they are.",
     "  odradek maprun list order-7\n", run_flags, 1, 1, cli_map_run_list},
    {"maprun describe", "ID MAPRUN", "show one Map Run",
     "MAPRUN is its ARN, or the UUID at its end.", NULL, run_flags, 2, 2,
     cli_map_run_describe},
    {"objects", "", "run the worker of the object store",
     "Reads items and writes results of distributed Maps in "
     "objects.directory, as `odradek serve` does where that is set: for a "
     "process, or a machine, of its own. SIGTERM or SIGINT: finishes what was "
     "begun.",
     "  odradek objects --objects-directory /var/lib/odradek/objects\n", NULL,
     0, 0, cli_objects},
    {"describe", "ID", "show what a workflow is doing",
     "Its states, activities with attempts and last failure, timers, signals, "
     "and its compensation: what is stuck, and the commands that free it.",
     NULL, run_flags, 1, 1, cli_describe},
    {"history", "ID", "tell what a workflow did",
     "An event a line: time, number, type, state, and what happened.",
     "  odradek history order-7\n  odradek history order-7 --json | jq .type\n",
     history_flags, 1, 1, cli_history},
    {"list", "", "list workflows, newest first", NULL,
     "  odradek list --stuck\n  odradek list --status RUNNING --definition "
     "order\n",
     list_flags, 0, 0, cli_list},
    {"saga retry", "ID", "run a stuck compensation again", NULL, NULL,
     saga_flags, 1, 1, cli_saga_retry},
    {"saga skip", "ID", "leave a stuck compensation undone, on record",
     "Needs --reason.", NULL, saga_flags, 1, 1, cli_saga_skip},
    {"saga complete", "ID", "record a compensation that was done by hand", NULL,
     NULL, saga_complete_flags, 1, 1, cli_saga_complete},
    {"shards", "", "show the shards and who owns them",
     "LAG counts records of odradek.commands and odradek.results that the "
     "database has not taken; UNPUBLISHED counts outputs that Kafka has not "
     "acknowledged as far as the database knows.",
     NULL, NULL, 0, 0, cli_shards},
    {"shards release", "SHARD", "take a shard out of quarantine",
     "After its reason was looked into: its owner takes it again, with every "
     "check. Needs --reason, which the journal keeps.",
     "  odradek shards release 3 --reason 'topic made again, see INC-7'\n",
     shards_release_flags, 1, 1, cli_shards_release},
    {"shards repair", "[SHARD]", "give a shard back the commits it lost",
     "For a shard in quarantine because the database lost commits, and for one "
     "that `odradek rebuild` made: takes what odradek.history has behind the "
     "database, puts outputs that never arrived into the outbox again, says "
     "what it did, and releases the shard. Produces nothing itself. See "
     "docs/restore.md.",
     "  odradek shards repair 3 --dry-run\n  odradek shards repair --all\n",
     shards_repair_flags, 0, 1, cli_shards_repair},
    {"rebuild", "", "make the database anew from odradek.history",
     "The restore drill: into an empty database that `odradek db migrate "
     "--token-key` has prepared, from odradek.definitions and odradek.history. "
     "Emits nothing; the shards stay in quarantine until `odradek shards "
     "repair`. Begun again it goes on. Needs a log that was never cut. See "
     "docs/restore.md.",
     "  odradek rebuild --postgres-conninfo 'dbname=drill' --compare "
     "'dbname=odradek'\n"
     "  odradek rebuild --until-time 2026-11-25T01:00:00Z\n",
     rebuild_flags, 0, 0, cli_rebuild},
    {"offsets", "", "show where the shards and bindings read",
     "What the database holds, what the consumer groups hold, and the logs' "
     "starts and ends; and what a reset of a group by Kafka's tools would do: "
     "nothing.",
     NULL, NULL, 0, 0, cli_offsets},
    {"offsets reset", "SHARD", "make a shard go on at other offsets",
     "For a topic that was made anew or whose inputs expired unread; says what "
     "is read again or never applied, and does it with --yes and --reason "
     "(else exit code 4): in the database, under a new fence, so that nothing "
     "of the old owner "
     "is mixed in.",
     "  odradek offsets reset 3 --commands start\n"
     "  odradek offsets reset 3 --commands 1718 --yes --reason INC-7\n",
     offsets_reset_flags, 1, 1, cli_offsets_reset},
    {"parked list", "", "list outputs that no topic takes",
     "What Kafka refuses for good (no such topic, no right, too large) is kept "
     "with its bytes; what comes after it goes on. The reason says what to "
     "mend.",
     NULL, parked_list_flags, 0, 0, cli_parked_list},
    {"parked show", "SHARD/SEQ", "print a parked output", NULL, NULL,
     show_flags, 1, 1, cli_parked_show},
    {"parked retry", "SHARD/SEQ...", "publish parked outputs again",
     "The owner of the shard gives the output a new number, as readers have "
     "passed the old one. What is refused again is parked again. A rejection "
     "says why and changes nothing (exit code 4).",
     "  odradek parked retry 3/1718\n"
     "  odradek parked retry --all --topic odradek.tasks.payments\n",
     parked_operate_flags, 0, CLI_ARGS_MAX, cli_parked_retry},
    {"parked drop", "SHARD/SEQ...", "give parked outputs up",
     "They are gone: save the bytes by `odradek parked show --raw` first. "
     "Needs "
     "--reason.",
     NULL, parked_operate_flags, 0, CLI_ARGS_MAX, cli_parked_drop},
    {"deadletter list", "", "list records that could not be applied",
     "By partition and offset of odradek.deadletter, without those that were "
     "sent again or dropped.",
     "  odradek deadletter list --code NotJson --since 2h\n",
     deadletter_list_flags, 0, 0, cli_deadletter_list},
    {"deadletter show", "PARTITION/OFFSET", "print a dead letter",
     "Where it came from, what was wrong, its headers and bytes.", NULL,
     show_flags, 1, 1, cli_deadletter_show},
    {"deadletter retry", "PARTITION/OFFSET...", "send dead letters again",
     "A record of Odradek's topics goes to its topic again; a command gets a "
     "request id of the letter, so it takes effect once, however often it is "
     "sent. A record of a foreign topic is never written back: its binding, "
     "as it is published now, makes the command. What fails again is a new "
     "letter. A refusal says why (exit code 4).",
     "  odradek deadletter retry 2/17\n"
     "  odradek deadletter retry --all --code DefinitionNotFound\n",
     deadletter_act_flags, 0, CLI_ARGS_MAX, cli_deadletter_retry},
    {"deadletter drop", "PARTITION/OFFSET...",
     "mark dead letters as dealt with",
     "They are listed no more; the topic keeps them for its retention. Needs "
     "--reason.",
     NULL, deadletter_act_flags, 0, CLI_ARGS_MAX, cli_deadletter_drop},
    {"asl check", "FILE...", "check definitions without publishing them",
     "Every problem with its line, column, JSON pointer and sentence. Exit "
     "code 1 when one has errors. A Resource that is still a placeholder is a "
     "warning here.",
     NULL, asl_check_flags, 1, CLI_ARGS_MAX, cli_asl_check},
    {"asl eval", "", "evaluate a workflow on virtual time",
     "Reads a request {id, definition, input, tasks} from standard input and "
     "answers {id, status, output, history}: waits take no time, tasks end "
     "as the request says.",
     NULL, asl_eval_flags, 0, 0, cli_asl_eval},
    {"asl test", "[FILE...]", "test whole workflows, or a single state",
     "With files: runs the cases of each over the definition that it names, on "
     "virtual time with mocks of the tasks, and shows which states and "
     "transitions they went through; exit code 1 when a case fails. See "
     "docs/asl-test.md. Without: reads a request {definition, stateName, "
     "input, mock, inspectionLevel} from standard input and answers as "
     "TestState does.",
     "  odradek asl test order.test.json --junit results.xml\n", asl_test_flags,
     0, CLI_ARGS_MAX, cli_asl_test},
    {"asl graph", "FILE", "draw a definition",
     "States, transitions, branches, what is caught and what is undone. With "
     "the history of a run: the way it took, the state that failed, times. "
     "SVG needs Graphviz.",
     "  odradek asl graph order.asl.json --format svg > order.svg\n"
     "  odradek history order-7 --json | odradek asl graph order.asl.json "
     "--history -\n",
     asl_graph_flags, 1, 1, cli_asl_graph},
    {"asl fmt", "FILE...|-", "lay out definitions",
     "Members in one order, two spaces a level; the content stays. Writes the "
     "files where they differ; `-` from standard input to standard output.",
     NULL, asl_fmt_flags, 1, CLI_ARGS_MAX, cli_asl_fmt},
    {"jsonata", "[EXPRESSION]", "evaluate a JSONata expression", NULL,
     "  odradek jsonata '$sum(lines.price)' --input @order.json\n",
     jsonata_flags, 0, 1, cli_jsonata},
    {"doctor", "", "check that everything Odradek needs is there",
     "Libraries, Kafka and its topics, the database, its schema and clock, "
     "shards, bindings, parked outputs: a line each with what to do. Exit code "
     "1 when something fails.",
     NULL, NULL, 0, 0, cli_doctor},
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
    *n = ODK_ARRAY_LEN(commands);
    return commands;
}
