#include "harness/harness_graph.h"

#include <stdio.h>
#include <stdlib.h>

#include "json/json.h"

/* What a run did in a state. */
struct visit {
    int64_t n;
    int64_t n_open; /* entered and not left */
    odk_time_ms entered_at;
    odk_dur_ms total_ms;
    bool has_time;
};

enum edge_kind {
    EDGE_NEXT,
    EDGE_CATCH,
    EDGE_CHILD,
};

struct graph {
    const struct asl_machine *machine;
    struct odk_buf *out;
    enum harness_graph_format format;
    struct visit *visits; /* by index of states */
    json_t *taken;        /* "3>5" */
    bool has_history;
    bool is_ended; /* the run that the history is of */
};

/* ---- the history ---- */

static void
edge_key(int32_t from, int32_t to, char key[32])
{
    (void)snprintf(key, 32, "%d>%d", (int)from, (int)to);
}

static void
id_text(const json_t *event, const char *member, char text[24])
{
    (void)snprintf(text, 24, "%lld",
                   (long long)json_integer_value(json_get(event, member)));
}

static void
note_entered(struct graph *graph, const json_t *exits, const json_t *event,
             int32_t state)
{
    struct visit *visit = &graph->visits[state];
    char prev[24];
    char key[32];

    visit->n++;
    visit->n_open++;
    visit->entered_at = json_integer_value(json_get(event, "ts"));
    id_text(event, "prev", prev);
    const json_t *from = json_get(exits, prev);
    if (from) {
        edge_key((int32_t)json_integer_value(from), state, key);
        json_set(graph->taken, odk_str(key), json_true());
    }
}

static void
note_exited(struct graph *graph, json_t *exits, const json_t *event,
            int32_t state)
{
    struct visit *visit = &graph->visits[state];
    json_t *ts = json_get(event, "ts");
    char id[24];

    visit->n_open -= visit->n_open > 0;
    if (ts && visit->entered_at > 0) {
        visit->has_time = true;
        visit->total_ms += json_integer_value(ts) - visit->entered_at;
    }
    id_text(event, "id", id);
    json_set(exits, odk_str(id), json_integer(state));
}

static void
note_event(struct graph *graph, json_t *exits, const json_t *event)
{
    struct odk_str type = json_str(json_get(event, "type"));
    struct odk_str name =
        json_str(json_get(json_get(event, "details"), "name"));
    int32_t state = asl_state_find(graph->machine, name);

    if (odk_str_starts(type, ODK_STR("Execution")) &&
        !odk_str_is(type, "ExecutionStarted")) {
        graph->is_ended = true;
    } else if (state >= 0 && odk_str_ends(type, ODK_STR("StateEntered"))) {
        note_entered(graph, exits, event, state);
    } else if (state >= 0 && odk_str_ends(type, ODK_STR("StateExited"))) {
        note_exited(graph, exits, event, state);
    }
}

static void
take_history(struct graph *graph, const json_t *history)
{
    json_t *exits = json_object();

    for (size_t i = 0; i < json_array_size(history); i++) {
        note_event(graph, exits, json_array_get(history, i));
    }
    json_decref(exits);
}

/* ---- texts ---- */

/* What stands for a character in a quoted label; NULL: itself. */
static const char *
escape_of(char c, bool is_dot)
{
    switch (c) {
    case '"':
        return is_dot ? "\\\"" : "#quot;";
    case '\\':
        return is_dot ? "\\\\" : NULL;
    case '<':
        return is_dot ? NULL : "#lt;";
    case '>':
        return is_dot ? NULL : "#gt;";
    case '#':
        return is_dot ? NULL : "#35;";
    default:
        return (unsigned char)c < ' ' ? " " : NULL;
    }
}

static void
put_escaped(struct graph *graph, struct odk_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char *escape =
            escape_of(text.ptr[i], graph->format == HARNESS_GRAPH_DOT);
        if (escape) {
            odk_buf_put_cstr(graph->out, escape);
        } else {
            odk_buf_put_char(graph->out, text.ptr[i]);
        }
    }
}

static void
put_break(struct graph *graph)
{
    odk_buf_put_cstr(graph->out,
                     graph->format == HARNESS_GRAPH_DOT ? "\\n" : "<br/>");
}

static void
put_duration(struct graph *graph, odk_dur_ms ms)
{
    if (ms < 1000) {
        odk_buf_printf(graph->out, "%lld ms", (long long)ms);
    } else if (ms < 60000) {
        odk_buf_printf(graph->out, "%lld.%lld s", (long long)(ms / 1000),
                       (long long)(ms % 1000 / 100));
    } else {
        odk_buf_printf(graph->out, "%lld m %lld s", (long long)(ms / 60000),
                       (long long)(ms % 60000 / 1000));
    }
}

static const char *
type_name(enum asl_type type)
{
    static const char *const names[] = {"Pass",    "Task", "Choice",   "Wait",
                                        "Succeed", "Fail", "Parallel", "Map"};

    return names[type];
}

/* Name, type and resource, what undoes it, what a run did. */
static void
put_label(struct graph *graph, const struct asl_state *state)
{
    const struct visit *visit = &graph->visits[state->index];

    put_escaped(graph, state->name);
    put_break(graph);
    odk_buf_put_cstr(graph->out, type_name(state->type));
    if (state->type == ASL_TASK) {
        odk_buf_put_char(graph->out, ' ');
        put_escaped(graph, state->resource.text);
    }
    if (state->is_pivot) {
        odk_buf_put_cstr(graph->out, " (pivot)");
    }
    if (state->compensate) {
        put_break(graph);
        odk_buf_put_cstr(graph->out, "undo: ");
        put_escaped(graph, state->compensate->resource.text);
    }
    if (visit->n > 1 || visit->has_time) {
        put_break(graph);
    }
    if (visit->n > 1) {
        odk_buf_printf(graph->out, "%lld times%s", (long long)visit->n,
                       visit->has_time ? ", " : "");
    }
    if (visit->has_time) {
        put_duration(graph, visit->total_ms);
    }
}

/* ---- nodes ---- */

/* "done", "failed", "current"; NULL: the run was not there. */
static const char *
class_of(const struct graph *graph, const struct asl_state *state)
{
    const struct visit *visit = &graph->visits[state->index];

    if (visit->n_open > 0 && state->type != ASL_SUCCEED) {
        return graph->is_ended ? "failed" : "current";
    }
    return visit->n > 0 ? "done" : NULL;
}

static const char *
fill_of(const char *class)
{
    return !class                                  ? "white"
           : odk_str_is(odk_str(class), "done")    ? "#d4edda"
           : odk_str_is(odk_str(class), "current") ? "#fff3cd"
                                                   : "#f8d7da";
}

static void
indent(struct graph *graph, int depth)
{
    for (int i = 0; i < depth; i++) {
        odk_buf_put_cstr(graph->out, "  ");
    }
}

static void
put_node_dot(struct graph *graph, const struct asl_state *state)
{
    const char *shape = state->type == ASL_CHOICE ? "diamond" : "box";
    const char *class = class_of(graph, state);

    odk_buf_printf(graph->out, "s%d [shape=%s, ", (int)state->index, shape);
    if (class) {
        odk_buf_printf(graph->out, "fillcolor=\"%s\", ", fill_of(class));
    }
    if (state->is_pivot) {
        odk_buf_put_cstr(graph->out, "peripheries=2, ");
    }
    odk_buf_put_cstr(graph->out, "label=\"");
    put_label(graph, state);
    odk_buf_put_cstr(graph->out, "\"];\n");
}

static void
put_node_mermaid(struct graph *graph, const struct asl_state *state)
{
    bool is_choice = state->type == ASL_CHOICE;
    const char *class = class_of(graph, state);

    odk_buf_printf(graph->out, "s%d%s\"", (int)state->index,
                   is_choice ? "{" : "[");
    put_label(graph, state);
    odk_buf_printf(graph->out, "\"%s%s%s\n", is_choice ? "}" : "]",
                   class ? ":::" : "", class ? class : "");
}

static void
open_cluster(struct graph *graph, int32_t scope, int depth)
{
    const struct asl_scope *of = &graph->machine->scopes[scope];
    const struct asl_state *parent = &graph->machine->states[of->parent_state];
    bool is_dot = graph->format == HARNESS_GRAPH_DOT;

    indent(graph, depth);
    odk_buf_printf(graph->out,
                   is_dot ? "subgraph cluster_%d {\n" : "subgraph c%d[\"",
                   (int)scope);
    if (is_dot) {
        indent(graph, depth + 1);
        odk_buf_put_cstr(graph->out, "label=\"");
    }
    put_escaped(graph, parent->name);
    if (parent->type == ASL_MAP) {
        odk_buf_put_cstr(graph->out, ": each item");
    } else {
        odk_buf_printf(graph->out, ": branch %d", (int)of->branch + 1);
    }
    odk_buf_put_cstr(graph->out, is_dot ? "\";\n" : "\"]\n");
}

static void
// NOLINTNEXTLINE(misc-no-recursion): a definition's nesting, ≤ JSON_DEPTH_MAX
put_scope(struct graph *graph, int32_t scope, int depth)
{
    for (int32_t i = 0; i < graph->machine->n_states; i++) {
        const struct asl_state *state = &graph->machine->states[i];
        if (state->scope != scope) {
            continue;
        }
        indent(graph, depth);
        if (graph->format == HARNESS_GRAPH_DOT) {
            put_node_dot(graph, state);
        } else {
            put_node_mermaid(graph, state);
        }
        for (int32_t k = 0; k < state->n_scopes; k++) {
            open_cluster(graph, state->first_scope + k, depth);
            put_scope(graph, state->first_scope + k, depth + 1);
            indent(graph, depth);
            odk_buf_put_cstr(graph->out, graph->format == HARNESS_GRAPH_DOT
                                             ? "}\n"
                                             : "end\n");
        }
    }
}

/* ---- edges ---- */

static bool
is_taken(const struct graph *graph, int32_t from, int32_t to,
         enum edge_kind kind)
{
    char key[32];

    if (kind == EDGE_CHILD) {
        return graph->visits[from].n > 0 && graph->visits[to].n > 0;
    }
    edge_key(from, to, key);
    return json_get(graph->taken, key) != NULL;
}

static void
put_edge_dot(struct graph *graph, const char *ends, struct odk_str label,
             enum edge_kind kind, bool taken)
{
    static const char *const styles[] = {"solid", "dashed", "dotted"};

    odk_buf_printf(graph->out, "  %s [style=%s", ends, styles[kind]);
    if (taken) {
        odk_buf_put_cstr(graph->out, ", color=\"#28a745\", penwidth=2");
    }
    if (label.len > 0) {
        odk_buf_put_cstr(graph->out, ", label=\"");
        put_escaped(graph, label);
        odk_buf_put_char(graph->out, '"');
    }
    odk_buf_put_cstr(graph->out, "];\n");
}

static void
put_edge(struct graph *graph, const struct asl_state *from, int32_t to,
         struct odk_str label, enum edge_kind kind)
{
    bool taken = is_taken(graph, from->index, to, kind);
    char ends[64];

    if (graph->format == HARNESS_GRAPH_DOT) {
        (void)snprintf(ends, sizeof(ends), "s%d -> s%d", (int)from->index,
                       (int)to);
        put_edge_dot(graph, ends, label, kind, taken);
        return;
    }
    odk_buf_printf(graph->out, "  s%d %s", (int)from->index,
                   taken               ? "==>"
                   : kind == EDGE_NEXT ? "-->"
                                       : "-.->");
    if (label.len > 0) {
        odk_buf_put_cstr(graph->out, "|\"");
        put_escaped(graph, label);
        odk_buf_put_cstr(graph->out, "\"|");
    }
    odk_buf_printf(graph->out, " s%d\n", (int)to);
}

static void
put_catchers(struct graph *graph, const struct asl_state *state)
{
    for (size_t i = 0; i < state->n_catchers; i++) {
        const struct asl_catcher *catcher = &state->catchers[i];
        struct odk_buf label;
        odk_buf_init(&label, 0);
        for (size_t k = 0; k < catcher->n_errors; k++) {
            odk_buf_put_cstr(&label, k > 0 ? ", " : "");
            odk_buf_put_str(&label, catcher->errors[k]);
        }
        put_edge(graph, state, catcher->next, odk_buf_str(&label), EDGE_CATCH);
        odk_buf_release(&label);
    }
}

static void
put_edges(struct graph *graph, const struct asl_state *state)
{
    char label[32];

    for (int32_t i = 0; i < state->n_scopes; i++) {
        put_edge(graph, state,
                 graph->machine->scopes[state->first_scope + i].start_at,
                 ODK_STR(""), EDGE_CHILD);
    }
    for (size_t i = 0; i < state->n_rules; i++) {
        (void)snprintf(label, sizeof(label), "rule %zu", i + 1);
        put_edge(graph, state, state->rules[i].next, odk_str(label), EDGE_NEXT);
    }
    if (state->type == ASL_CHOICE && state->default_next >= 0) {
        put_edge(graph, state, state->default_next, ODK_STR("otherwise"),
                 EDGE_NEXT);
    }
    if (state->next >= 0) {
        put_edge(graph, state, state->next, ODK_STR(""), EDGE_NEXT);
    }
    put_catchers(graph, state);
}

/* ---- the whole ---- */

static void
put_head(struct graph *graph)
{
    int start_at = (int)graph->machine->scopes[0].start_at;

    if (graph->format == HARNESS_GRAPH_DOT) {
        odk_buf_printf(
            graph->out,
            "digraph machine {\n"
            "  graph [fontname=\"Helvetica\", style=\"rounded\"];\n"
            "  node [fontname=\"Helvetica\", style=\"rounded,filled\", "
            "fillcolor=\"white\"];\n"
            "  edge [fontname=\"Helvetica\", fontsize=10];\n"
            "  start [shape=circle, label=\"\", width=0.2, "
            "fillcolor=\"black\"];\n"
            "  start -> s%d;\n",
            start_at);
        return;
    }
    odk_buf_printf(graph->out, "flowchart TD\n  start(( )) --> s%d\n",
                   start_at);
}

static void
put_tail(struct graph *graph)
{
    static const char *const classes[] = {"done", "failed", "current"};

    if (graph->format == HARNESS_GRAPH_DOT) {
        odk_buf_put_cstr(graph->out, "}\n");
        return;
    }
    for (size_t i = 0; graph->has_history && i < ODK_ARRAY_LEN(classes); i++) {
        odk_buf_printf(graph->out, "  classDef %s fill:%s\n", classes[i],
                       fill_of(classes[i]));
    }
}

void
harness_graph(const struct asl_machine *machine, const json_t *history,
              enum harness_graph_format format, struct odk_buf *out)
{
    struct graph graph = {
        .machine = machine,
        .out = out,
        .format = format,
        .visits = calloc((size_t)machine->n_states, sizeof(struct visit)),
        .taken = json_object(),
        .has_history = history != NULL,
    };

    if (!graph.visits) {
        odk_out_of_memory();
    }
    take_history(&graph, history);
    put_head(&graph);
    put_scope(&graph, 0, 1);
    for (int32_t i = 0; i < machine->n_states; i++) {
        put_edges(&graph, &machine->states[i]);
    }
    put_tail(&graph);
    free(graph.visits);
    json_decref(graph.taken);
}
