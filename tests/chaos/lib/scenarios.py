"""The faults. Each function does its harm while orders come; what they have in common
(load before, during and after, the count at the end) is in `run`."""
import os
import random
import shutil
import signal
import subprocess
import time

import e2e
from e2e import COMMANDS, wait_for

SCENARIOS = {}
SMOKE = []


def scenario(seconds, smoke=False):
    """Registers a fault by its name; orders come for so many seconds."""
    def register(function):
        name = function.__name__.replace("_", "-")
        SCENARIOS[name] = (function, seconds)
        if smoke:
            SMOKE.append(name)
        return function
    return register


class Skip(Exception):
    """What the machine does not allow: told in the table."""


# ---- processes of ours ----

@scenario(30, smoke=True)
def kill_orchestrators(world):
    """kill -9 of one and both, five times."""
    for serve in (0, 1, 0, 1, 1):
        world.crash(world.serves[serve], random.uniform(0.2, 1.5))
        time.sleep(2.5)
    for serve in world.serves:
        world.hold(serve)
        serve.kill()
    time.sleep(1)
    for serve in world.serves:
        serve.begin()
        world.free(serve)


@scenario(25)
def kill_workers(world):
    """kill -9 of each worker in turn, also while tasks run."""
    for worker in world.workers + world.workers[:1]:
        world.crash(worker, random.uniform(0.1, 1))
        time.sleep(2)


@scenario(40, smoke=True)
def pause_orchestrator(world):
    """STOP past its session, so that the other takes over, and CONT: a zombie, twice."""
    for serve in world.serves:
        serve.signal(signal.SIGSTOP)
        time.sleep(11)
        serve.signal(signal.SIGCONT)
        time.sleep(5)


@scenario(35)
def pause_workers(world):
    """STOP past the session of the group, with tasks in hand, and CONT."""
    for worker in (world.workers[0], world.workers[2]):
        worker.signal(signal.SIGSTOP)
        time.sleep(12)
        worker.signal(signal.SIGCONT)
        time.sleep(3)


@scenario(30)
def drain_orchestrators(world):
    """SIGTERM under load: what was begun is finished, nothing repeats because of it."""
    for serve in world.serves + world.serves[:1]:
        world.hold(serve)
        took = serve.stop(30)
        world.check("drain: %s ends by itself" % serve.name, took is not None and serve.process.returncode == 0, took)
        time.sleep(1)
        serve.begin()
        world.free(serve)
        time.sleep(4)


@scenario(35)
def rebalance_storm(world):
    """Members come and go every second or two."""
    extra = [e2e.Serve(world.cluster, "extra%d" % number, *world.serves[0].flags) for number in range(2)]
    for round_ in range(12):
        serve = extra[round_ % 2]
        if serve.is_running():
            serve.stop(30) if round_ % 3 else serve.kill()
        else:
            serve.begin()
        time.sleep(random.uniform(0.8, 2))
    for serve in extra:
        serve.end()
        world.cluster.processes.remove(serve)


# ---- brokers ----

def crash_broker(world, node, seconds):
    broker = world.cluster.broker_of(node)
    broker.kill()
    time.sleep(seconds)
    broker.begin()


def leader_of(world, topic, partition=0):
    known = world.kafka.admin.list_topics(topic, timeout=20).topics[topic]
    return known.partitions[partition].leader


@scenario(40, smoke=True)
def kill_leader(world):
    """kill -9 of the broker that leads most of odradek.commands."""
    known = world.kafka.admin.list_topics(COMMANDS, timeout=20).topics[COMMANDS].partitions.values()
    leaders = [partition.leader for partition in known]
    crash_broker(world, max(set(leaders), key=leaders.count), 6)
    world.cluster.wait_in_sync(world.kafka)


@scenario(40)
def kill_controller(world):
    """kill -9 of the active controller."""
    node = world.kafka.admin.describe_cluster().result(20).controller.id
    crash_broker(world, node, 6)
    world.cluster.wait_in_sync(world.kafka)


@scenario(40)
def kill_coordinator(world):
    """kill -9 of the broker that coordinates the orchestrators' group."""
    described = world.kafka.admin.describe_consumer_groups(["odradek"])["odradek"].result(20)
    crash_broker(world, described.coordinator.id, 6)
    world.cluster.wait_in_sync(world.kafka)


@scenario(45)
def pause_broker(world):
    """STOP of the leader of commands/0 for longer than its session, and CONT."""
    broker = world.cluster.broker_of(leader_of(world, COMMANDS))
    broker.signal(signal.SIGSTOP)
    time.sleep(10)
    broker.signal(signal.SIGCONT)
    world.cluster.wait_in_sync(world.kafka)


@scenario(50)
def restart_brokers(world):
    """All three die at once and come back."""
    for broker in world.cluster.brokers:
        broker.kill()
    time.sleep(2)
    for broker in world.cluster.brokers:
        broker.begin(0)
    time.sleep(8)
    world.cluster.wait_in_sync(world.kafka)


# ---- PostgreSQL ----

@scenario(30)
def restart_postgres(world):
    """kill -9 of the primary, which comes back with its data."""
    for _ in range(2):
        world.cluster.primary.kill()
        time.sleep(2)
        world.cluster.primary.begin()
        time.sleep(6)


@scenario(40)
def full_disk(world):
    """The database's disk runs full, and somebody makes room."""
    place = world.cluster.disk
    if place != world.cluster.primary.directory:
        raise Skip("no right to mount a disk" if not place else "a fail-over has left the small disk")
    ballast = os.path.join(place, "ballast")
    subprocess.run(["dd", "if=/dev/zero", "of=" + ballast, "bs=1M"], stderr=subprocess.DEVNULL, check=False)
    world.check("full disk: it is full", shutil.disk_usage(place).free < 1 << 20)
    time.sleep(10)
    os.unlink(ballast)
    if not world.cluster.primary.is_running():
        world.cluster.primary.begin()


@scenario(35)
def promote_synchronous(world):
    """A fail-over to a standby that has all commits."""
    world.cluster.set_synchronous(True)
    time.sleep(6)
    world.cluster.fail_over()
    time.sleep(6)
    world.after.append(world.cluster.add_standby)


@scenario(40)
def promote_asynchronous(world):
    """A fail-over to a standby that lacks the last commits: noticed, and repaired from the log."""
    time.sleep(4)
    world.cluster.proxy.do("hang", "replication")
    time.sleep(2)
    world.cluster.fail_over()
    time.sleep(10)
    lost = sum(len(serve.events(event="shard.quarantined")) for serve in world.serves)
    world.check("asynchronous: shards that lost commits stop", lost > 0)
    world.after.append(world.cluster.add_standby)
    return "%d shards repaired" % lost


@scenario(30, smoke=True)
def cut_at_commit(world):
    """The connection is cut at COMMIT: before the server has it, and with its answer on the way."""
    cut = 0
    for when in ("before", "after") * 4:
        world.cluster.proxy.do("commits", "postgres", when, 2)
        time.sleep(2)
        cut += int(world.cluster.proxy.do("count", "postgres")[0])
    world.cluster.proxy.do("heal", "postgres")
    world.check("cut at commit: connections were cut", cut >= 8, cut)
    return "%d cut" % cut


# ---- the network between them ----

@scenario(45, smoke=True)
def cut_network(world):
    """The ways to PostgreSQL, to one broker and to all brokers are cut in turn."""
    for gates in (["postgres"], ["kafka1"], ["kafka1", "kafka2", "kafka3"]):
        for gate in gates:
            world.cluster.proxy.do("cut", gate)
        time.sleep(6)
        for gate in gates:
            world.cluster.proxy.do("heal", gate)
        time.sleep(5)


@scenario(60)
def hang_network(world):
    """Connections stay, and nothing passes: what no error tells."""
    for gates in (["postgres"], ["kafka1", "kafka2", "kafka3"]):
        for gate in gates:
            world.cluster.proxy.do("hang", gate)
        time.sleep(12)
        for gate in gates:
            world.cluster.proxy.do("heal", gate)
        time.sleep(8)


@scenario(30)
def slow_network(world):
    """Each way takes 50 ms more, to the brokers and to PostgreSQL."""
    gates = ["kafka1", "kafka2", "kafka3", "postgres"]
    for gate in gates:
        world.cluster.proxy.do("delay", gate, 50)
    time.sleep(15)
    for gate in gates:
        world.cluster.proxy.do("heal", gate)


# ---- clocks and operators ----

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


@scenario(40)
def jump_clock(world):
    """One orchestrator's wall clock goes 2 s ahead, then a minute, then is right again."""
    library = next((path for path in (FAKETIME, FAKETIME.replace("x86_64", os.uname().machine)) if
                    os.path.exists(path)), None)
    if not library:
        raise Skip("libfaketime is not here")
    serve, offset = world.serves[0], os.path.join(world.cluster.directory, "clock")
    variables = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": offset, "FAKETIME_NO_CACHE": "1",
                 "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    set_clock(offset, 0)
    world.hold(serve)
    serve.stop(30)
    before = dict(world.cluster.environment)
    world.cluster.environment.update(variables)
    serve.begin()
    world.cluster.environment = before
    world.free(serve)
    for ahead in (2, 60, -60, 0):
        set_clock(offset, ahead)
        time.sleep(6)
    world.hold(serve)
    serve.stop(30)
    serve.begin()
    world.free(serve)


def set_clock(path, seconds):
    with open(path + ".new", "w") as file:
        file.write("%+d\n" % seconds)
    os.rename(path + ".new", path)


@scenario(35)
def reset_offsets(world):
    """Somebody sets the group's offsets to the start, then to the end, while all is stopped."""
    for where in ("start", "end"):
        for serve in world.serves:
            world.hold(serve)
            serve.stop(30)
        commit_offsets(world, where)
        for serve in world.serves:
            serve.begin()
            world.free(serve)
        world.wait_ready()
        time.sleep(5)
    said = sum(len(serve.events(event="shard.group_offset")) for serve in world.serves)
    world.check("offsets reset: the log tells", said > 0, said)


def commit_offsets(world, where):
    ends = world.kafka.ends(COMMANDS)
    consumer = e2e.Consumer({**world.kafka.settings, "group.id": "odradek", "enable.auto.commit": False})
    places = [e2e.TopicPartition(COMMANDS, number, end if where == "end" else 0) for number, end in enumerate(ends)]
    wait_for(lambda: try_commit(consumer, places), 30, 1)
    consumer.close()


def try_commit(consumer, places):
    try:
        consumer.commit(offsets=places, asynchronous=False)
        return True
    except e2e.KafkaException:
        return False
