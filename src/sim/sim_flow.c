#include "sim/sim_priv.h"

/*
 * The definitions of the load, with ' for ": one task; retries and timers; two
 * signals with time-outs; an order with a Pivot; Parallel and Map; a trip whose
 * legs are undone at once, with each way to treat an unknown outcome; a scope
 * that is rolled back, tried again and given up; a choice; one that the
 * database refuses.
 */
static const struct {
    const char *name;
    const char *text;
} flows[] = {
    {"one", "{'StartAt':'Work','States':{'Work':{'Type':'Task','Resource':'odra"
            "dek:q:work','TimeoutSeconds':20,'End':true}}}"},
    {"retry",
     "{'StartAt':'Work','States':{'Work':{'Type':'Task','Resource':'odra"
     "dek:q:work','TimeoutSeconds':20,'HeartbeatSeconds':6,'Retry':[{'Er"
     "rorEquals':['States.ALL'],'IntervalSeconds':1,'BackoffRate':2,'Max"
     "Attempts':4}],'Catch':[{'ErrorEquals':['States.ALL'],'Next':'Other"
     "'}],'Next':'Nap'},'Nap':{'Type':'Wait','Seconds':3,'Next':'Again'}"
     ",'Again':{'Type':'Task','Resource':'odradek:q:again','TimeoutSecon"
     "ds':20,'Retry':[{'ErrorEquals':['States.ALL'],'IntervalSeconds':1,"
     "'BackoffRate':2,'MaxAttempts':4}],'End':true},'Other':{'Type':'Pas"
     "s','Result':{'caught':true},'End':true}}}"},
    {"signal",
     "{'TimeoutSeconds':300,'StartAt':'Nap','States':{'Nap':{'Type':'Wai"
     "t','Seconds':2,'Next':'First'},'First':{'Type':'Task','Resource':'"
     "odradek:wait-signal','Parameters':{'Name':'go'},'TimeoutSeconds':2"
     "0,'Catch':[{'ErrorEquals':['States.Timeout'],'Next':'Second'}],'Ne"
     "xt':'Second'},'Second':{'Type':'Task','Resource':'odradek:wait-sig"
     "nal','Parameters':{'Name':'go'},'TimeoutSeconds':15,'End':true}}}"},
    {"order",
     "{'Compensation':{'On':['FAILED','TIMED_OUT','ABORTED']},'TimeoutSe"
     "conds':200,'StartAt':'Reserve','States':{'Reserve':{'Type':'Task',"
     "'Resource':'odradek:q:reserve','TimeoutSeconds':20,'ResultPath':'$"
     ".reserve','Retry':[{'ErrorEquals':['States.ALL'],'IntervalSeconds'"
     ":1,'BackoffRate':2,'MaxAttempts':4}],'Compensate':{'Resource':'odr"
     "adek:q:undo-reserve','TimeoutSeconds':20,'SettleSeconds':15,'OnUnk"
     "nown':'COMPENSATE'},'Next':'Charge'},'Charge':{'Type':'Task','Reso"
     "urce':'odradek:q:charge','TimeoutSeconds':20,'ResultPath':'$.charg"
     "e','Compensate':{'Resource':'odradek:q:undo-charge','TimeoutSecond"
     "s':20,'SettleSeconds':15,'OnUnknown':'COMPENSATE'},'Next':'Ship'},"
     "'Ship':{'Type':'Task','Resource':'odradek:q:ship','TimeoutSeconds'"
     ":20,'Pivot':true,'SettleSeconds':10,'OnUnknown':'COMPENSATE','Resu"
     "ltPath':'$.ship','Next':'Notify'},'Notify':{'Type':'Task','Resourc"
     "e':'odradek:q:notify','TimeoutSeconds':20,'Retry':[{'ErrorEquals':"
     "['States.ALL'],'IntervalSeconds':1,'BackoffRate':2,'MaxAttempts':4"
     "}],'End':true}}}"},
    {"fan", "{'StartAt':'Both','States':{'Both':{'Type':'Parallel','ResultPath'"
            ":'$.both','Branches':[{'StartAt':'Left','States':{'Left':{'Type':'"
            "Task','Resource':'odradek:q:left','TimeoutSeconds':20,'Retry':[{'E"
            "rrorEquals':['States.ALL'],'IntervalSeconds':1,'BackoffRate':2,'Ma"
            "xAttempts':4}],'End':true}}},{'StartAt':'Rest','States':{'Rest':{'"
            "Type':'Wait','Seconds':4,'Next':'Right'},'Right':{'Type':'Task','R"
            "esource':'odradek:q:right','TimeoutSeconds':20,'Retry':[{'ErrorEqu"
            "als':['States.ALL'],'IntervalSeconds':1,'BackoffRate':2,'MaxAttemp"
            "ts':4}],'End':true}}}],'Next':'Each','Catch':[{'ErrorEquals':['Sta"
            "tes.ALL'],'ResultPath':'$.error','Next':'Each'}]},'Each':{'Type':'"
            "Map','ItemsPath':'$.items','MaxConcurrency':2,'ItemProcessor':{'St"
            "artAt':'Item','States':{'Item':{'Type':'Task','Resource':'odradek:"
            "q:item','TimeoutSeconds':20,'Retry':[{'ErrorEquals':['States.ALL']"
            ",'IntervalSeconds':1,'BackoffRate':2,'MaxAttempts':4}],'End':true}"
            "}},'End':true}}}"},
    {"trip",
     "{'Compensation':{'On':['FAILED','TIMED_OUT'],'Order':'PARALLEL'},'"
     "StartAt':'Book','States':{'Book':{'Type':'Map','ItemsPath':'$.item"
     "s','ResultPath':'$.booked','ItemProcessor':{'StartAt':'Leg','State"
     "s':{'Leg':{'Type':'Task','Resource':'odradek:q:leg','TimeoutSecond"
     "s':20,'Compensate':{'Resource':'odradek:q:undo-leg','TimeoutSecond"
     "s':20,'SettleSeconds':15,'OnUnknown':'STUCK'},'End':true}}},'Next'"
     ":'Pay'},'Pay':{'Type':'Task','Resource':'odradek:q:pay','TimeoutSe"
     "conds':20,'Compensate':{'Resource':'odradek:q:undo-pay','TimeoutSe"
     "conds':20,'SettleSeconds':15,'OnUnknown':'IGNORE'},'ResultPath':nu"
     "ll,'Next':'Print'},'Print':{'Type':'Task','Resource':'odradek:q:pr"
     "int','TimeoutSeconds':20,'End':true}}}"},
    {"again",
     "{'StartAt':'Try','States':{'Try':{'Type':'Parallel','Branches':[{'"
     "StartAt':'Hold','States':{'Hold':{'Type':'Task','Resource':'odrade"
     "k:q:hold','TimeoutSeconds':20,'Compensate':{'Resource':'odradek:q:"
     "undo-hold','TimeoutSeconds':20,'SettleSeconds':15,'OnUnknown':'COM"
     "PENSATE'},'End':true}}},{'StartAt':'Check','States':{'Check':{'Typ"
     "e':'Task','Resource':'odradek:q:check','TimeoutSeconds':20,'End':t"
     "rue}}}],'Retry':[{'ErrorEquals':['States.ALL'],'IntervalSeconds':2"
     ",'MaxAttempts':2}],'Catch':[{'ErrorEquals':['States.ALL'],'Compens"
     "ate':true,'Next':'Give'}],'Next':'Done'},'Done':{'Type':'Succeed'}"
     ",'Give':{'Type':'Wait','Seconds':1,'Next':'Up'},'Up':{'Type':'Fail"
     "','Error':'GivenUp'}}}"},
    {"loop",
     "{'StartAt':'Work','States':{'Work':{'Type':'Task','Resource':'odra"
     "dek:q:work','TimeoutSeconds':20,'ResultPath':'$.r','Catch':[{'Erro"
     "rEquals':['States.ALL'],'Next':'Work2'}],'Next':'More'},'Work2':{'"
     "Type':'Pass','Next':'Nap'},'More':{'Type':'Choice','Choices':[{'Va"
     "riable':'$.r.more','IsPresent':true,'Next':'Nap'}],'Default':'End'"
     "},'Nap':{'Type':'Wait','Seconds':1,'Next':'Last'},'Last':{'Type':'"
     "Task','Resource':'odradek:q:last','TimeoutSeconds':20,'Retry':[{'E"
     "rrorEquals':['States.ALL'],'IntervalSeconds':1,'BackoffRate':2,'Ma"
     "xAttempts':4}],'End':true},'End':{'Type':'Succeed'}}}"},
    {"poison",
     "{'StartAt':'Poisoned','States':{'Poisoned':{'Type':'Task','Resourc"
     "e':'odradek:q:work','TimeoutSeconds':20,'End':true}}}"},
};

static struct odk_str
text_of(struct sim *sim, const char *quoted)
{
    odk_buf_clear(&sim->buf);
    for (const char *c = quoted; *c; c++) {
        odk_buf_put_char(&sim->buf, *c == '\'' ? '"' : *c);
    }
    return odk_buf_str(&sim->buf);
}

static struct asl_machine *
compile(const char *name, struct odk_str text)
{
    struct asl_machine *machine = NULL;
    struct asl_problems problems;
    struct asl_options options = {0};

    asl_problems_init(&problems);
    int rc = asl_compile_text(text, &options, &machine, &problems);
    if (rc != 0 && problems.n) {
        (void)fprintf(stderr, "%s: %.*s\n", name,
                      ODK_STR_ARG(problems.list[0].message));
    }
    odk_assert(rc == 0);
    asl_problems_release(&problems);
    return machine;
}

void
sim_flows_define(struct sim *sim)
{
    for (size_t i = 0; i < ODK_ARRAY_LEN(flows); i++) {
        struct sim_flow *flow = &sim->flows[sim->n_flows++];
        struct odk_str text = text_of(sim, flows[i].text);
        flow->name = odk_str(flows[i].name);
        flow->machine = compile(flows[i].name, text);
        flow->version =
            store_mem_define(sim->db, ODK_STR("sim"), flow->name, text);
    }
}

const struct asl_machine *
sim_flow_machine(const struct sim *sim, struct odk_str name, int32_t version)
{
    for (size_t i = 0; i < sim->n_flows; i++) {
        if (odk_str_eq(sim->flows[i].name, name) &&
            sim->flows[i].version == version) {
            return sim->flows[i].machine;
        }
    }
    return NULL;
}
