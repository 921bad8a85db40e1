#!/usr/bin/env python3
"""The SDK against a scripted orchestrator: this program writes Task records and
reads results, reads commands and writes replies, on a real broker.

    fake_orchestrator.py SDK_PEER [TEST…]     ODRADEK_KAFKA names the broker
"""
import glob
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import unittest
import uuid

import fastavro
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from fastavro.schema import fingerprint, to_parsing_canonical_form

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
BOOTSTRAP = os.environ.get("ODRADEK_KAFKA", "")
PEER = sys.argv[1] if len(sys.argv) > 1 else ""
PARTITIONS = 12


def load(record):
    files = glob.glob(os.path.join(ROOT, "schemas", "history", record, "*.avsc"))
    newest = max(files, key=lambda path: int(os.path.basename(path)[:-5]))
    with open(newest, encoding="utf-8") as file:
        schema = json.load(file)
    head = b"\xc3\x01" + bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))
    return head, fastavro.parse_schema(schema)


NAMES = ["Task", "CancelTask", "TaskStarted", "TaskSucceeded", "TaskFailed", "TaskHeartbeat",
         "StartWorkflow", "SignalWorkflow", "Reply"]
KNOWN = {name: load(name) for name in NAMES}


def encode(name, record):
    out = io.BytesIO()
    out.write(KNOWN[name][0])
    fastavro.schemaless_writer(out, KNOWN[name][1], record)
    return out.getvalue()


def decode(value):
    for name, (head, schema) in KNOWN.items():
        if value[:10] == head:
            return name, fastavro.schemaless_reader(io.BytesIO(value[10:]), schema)
    raise ValueError("unknown record")


def declared(queue):
    """Name, partitions and settings of the topics of topics/topics.json, for one broker."""
    with open(os.path.join(ROOT, "topics", "topics.json"), encoding="utf-8") as file:
        topics = json.load(file)
    return {t["name"].replace("<queue>", queue): (12 if t["partitions"] == "shards" else t["partitions"],
                                                  {**t["config"], "min.insync.replicas": "1"}) for t in topics}


# Topics of all queues that a test had to make. They live as long as the run: a topic that is made
# anew under a name just deleted confuses clients.
SHARED = set()


def delete_topics(admin, names):
    for future in admin.delete_topics(list(names)).values() if names else []:
        future.result(20)


def tearDownModule():
    """Nothing that a real orchestrator would read is left behind."""
    delete_topics(AdminClient({"bootstrap.servers": BOOTSTRAP}), SHARED)


class Orchestrator:
    """One queue of its own a test."""

    def __init__(self, queue):
        self.queue = queue
        self.producer = Producer({"bootstrap.servers": BOOTSTRAP, "linger.ms": 1})
        self.seq = {}
        self.admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
        have = self.admin.list_topics(timeout=10).topics
        lacking = [NewTopic(t, n, 1, config=c) for t, (n, c) in declared(queue).items() if t not in have]
        for future in self.admin.create_topics(lacking).values() if lacking else []:
            future.result(20)
        self.made = [t.topic for t in lacking if t.topic.endswith("." + queue)]
        SHARED.update(t.topic for t in lacking if t.topic not in self.made)
        self.reader = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": "fake", "enable.auto.commit": False,
                                "fetch.wait.max.ms": 50})
        ends = []
        for topic in ("odradek.results", "odradek.commands"):
            for p in range(len(self.admin.list_topics(topic, timeout=10).topics[topic].partitions)):
                ends.append(TopicPartition(topic, p, self.end_of(topic, p)))
        self.reader.assign(ends)

    def end_of(self, topic, partition):
        """A new topic has no leader for a moment."""
        for _ in range(50):
            try:
                return self.reader.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1]
            except KafkaException:
                time.sleep(0.1)
        raise TimeoutError(topic)

    def close(self):
        self.producer.flush(10)
        self.reader.close()
        delete_topics(self.admin, self.made)

    def task(self, kind, text="1", shard=0, seq=None, **more):
        """Sends a Task of the next seq of its shard, or again one of an old seq."""
        if seq is None:
            seq = self.seq[shard] = self.seq.get(shard, 100) + 1
        record = {"namespace": "default", "workflow_id": "w%d" % shard, "run_id": "run-%s" % self.queue,
                  "activity_id": seq, "attempt": 1, "queue": self.queue, "type": kind, "input": text.encode(),
                  "scheduled_at": int(time.time() * 1000), "wants_started": "heartbeat_ms" in more,
                  "token": "%s/%d/%d" % (self.queue, shard, seq), **more}
        self.producer.produce("odradek.tasks." + self.queue, encode("Task", record), "default/w%d" % shard,
                              partition=shard % PARTITIONS,
                              headers={"odk-shard": str(shard), "odk-seq": str(seq), "traceparent": "00-ab-cd-01"})
        self.producer.poll(0)
        return record

    def cancel(self, task):
        record = {k: task[k] for k in ("namespace", "workflow_id", "run_id", "activity_id", "attempt", "queue", "token")}
        self.producer.produce("odradek.cancels." + self.queue, encode("CancelTask", record), "k")
        self.producer.flush(10)

    def read(self, seconds, until):
        """Records for this queue (name, record, message) until the condition or the time."""
        found, end = [], time.time() + seconds
        while time.time() < end and not until(found):
            message = self.reader.poll(0.1)
            if message is None or message.error():
                continue
            name, record = decode(message.value())
            if name.startswith("Task") and not record["token"].startswith(self.queue + "/"):
                continue
            found.append((name, record, message))
        return found


class Peer:
    def __init__(self, *words):
        self.lines = []
        self.process = subprocess.Popen([PEER, *[str(w) for w in words]], stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.split())

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.wait()

    def wait(self):
        code = self.process.wait(40)
        self.thread.join()
        self.process.stdout.close()
        return code

    def did(self, word="did"):
        return [line[2] for line in self.lines if line[0] == word]


class WorkerTest(unittest.TestCase):
    def setUp(self):
        self.queue = "t" + uuid.uuid4().hex[:8]
        self.fake = Orchestrator(self.queue)
        self.addCleanup(self.fake.close)

    def peer(self, concurrency=4):
        peer = Peer("worker", BOOTSTRAP, self.queue, concurrency)
        self.addCleanup(lambda: peer.process.poll() is None and peer.end(signal.SIGKILL))
        return peer

    def wait_for(self, condition):
        end = time.time() + 25
        while not condition() and time.time() < end:
            time.sleep(0.05)

    def read(self, name, n, seconds=25):
        return self.fake.read(seconds, lambda found: sum(f[0] == name for f in found) >= n)

    def test_answers_every_task_once_and_drops_repeats(self):
        for concurrency in (0, 4):
            peer = self.peer(concurrency)
            tasks = [self.fake.task("echo", "[%d]" % i, shard=i % 6) for i in range(200)]
            for old in tasks[:50]:
                self.fake.task("echo", "again", shard=int(old["workflow_id"][1:]), seq=old["activity_id"])
            found = self.read("TaskSucceeded", 200)
            found += self.fake.read(1, lambda f: False)
            results = {r["token"]: r for n, r, m in found if n == "TaskSucceeded"}
            self.assertEqual(len([1 for n, r, m in found]), 200)
            for task in tasks:
                self.assertEqual(results[task["token"]]["output"], task["input"])
            self.assertEqual(dict(found[0][2].headers())["traceparent"], b"00-ab-cd-01")
            self.assertEqual(peer.end(), 0)
            self.assertEqual(len(peer.did()), 200)

    def test_a_successor_goes_on_where_a_killed_worker_was(self):
        peer = self.peer()
        slow = self.fake.task("sleep", "60000")
        for i in range(60):
            self.fake.task("echo", shard=12 * (i % 2))
        self.read("TaskSucceeded", 60)
        time.sleep(0.6)
        peer.end(signal.SIGKILL)
        self.assertEqual(len(peer.did()), 60)
        peer = self.peer()
        for i in range(10):
            self.fake.task("echo", shard=12)
        self.read("TaskSucceeded", 10)
        self.fake.cancel(slow)
        self.read("TaskFailed", 1)
        self.assertEqual(peer.end(), 0)
        self.assertEqual(len(peer.did()), 10)
        self.assertEqual(len(peer.did("began")), 1)
        self.assertEqual(len(peer.did("cancelled")), 1)

    def test_failures_carry_error_cause_and_effect(self):
        peer = self.peer()
        for kind in ("fail", "none", "unheard"):
            self.fake.task(kind)
        failed = {r["error"]: r for n, r, m in self.read("TaskFailed", 3)}
        self.assertEqual(failed["Shop.Refused"]["effect"], "UNKNOWN")
        self.assertEqual(failed["Shop.Refused"]["cause"], 'no "money"')
        self.assertEqual(failed["Odradek.NoAnswer"]["effect"], "UNKNOWN")
        self.assertEqual(failed["Odradek.UnknownType"]["effect"], "NONE")
        self.assertEqual(peer.end(), 0)

    def test_tasks_that_nobody_wants_are_skipped(self):
        cancelled = self.fake.task("echo", "cancelled")
        self.fake.cancel(cancelled)
        self.fake.task("echo", "late", schedule_to_close_at=int(time.time() * 1000) - 1)
        self.fake.producer.produce("odradek.tasks." + self.queue, b"rubbish", "k", partition=0)
        self.fake.producer.produce("odradek.tasks." + self.queue, None, "k", partition=0)
        self.fake.task("leave")
        self.fake.task("echo", "wanted")
        peer = self.peer()
        found = self.read("TaskSucceeded", 1)
        self.assertEqual([r["output"] for n, r, m in found], [b"wanted"])
        self.assertEqual(peer.end(), 0)
        self.assertEqual(len(peer.did("left")), 1)

    def test_a_task_with_heartbeats_holds_nobody_back(self):
        peer = self.peer()
        self.fake.task("sleep", "2500", heartbeat_ms=800)
        found = self.read("TaskSucceeded", 1)
        names = [n for n, r, m in found]
        self.assertEqual(names[0], "TaskStarted")
        self.assertGreaterEqual(names.count("TaskHeartbeat"), 5)
        self.assertEqual(found[1][1]["details"], b"half")
        peer.end(signal.SIGKILL)
        # Again: killed while it works, its successor does not get it.
        peer = self.peer()
        self.fake.task("sleep", "60000", heartbeat_ms=800)
        self.read("TaskHeartbeat", 2)
        time.sleep(0.5)
        peer.end(signal.SIGKILL)
        peer = self.peer()
        self.fake.task("echo")
        self.read("TaskSucceeded", 1)
        self.assertEqual(peer.end(), 0)
        self.assertEqual(len(peer.did("began")), 0)

    def test_a_stop_waits_for_running_tasks(self):
        peer = self.peer(2)
        for _ in range(20):
            self.fake.task("sleep", "700")
        self.wait_for(lambda: len(peer.did("began")) >= 2)
        self.assertEqual(peer.end(), 0)
        self.assertEqual(len(peer.did()), 2)
        peer = self.peer(20)
        self.read("TaskSucceeded", 20)
        self.assertEqual(peer.end(), 0)
        self.assertEqual(len(peer.did()), 18)

    def test_two_workers_share_and_one_takes_over(self):
        # Tasks on every partition: each worker has work whichever half it is assigned.
        first = self.peer(4)
        for i in range(100):
            self.fake.task("sleep", "20", shard=i % PARTITIONS)
        second = self.peer(4)
        sent, end = 100, time.time() + 25
        while (sent < 400 or not second.did()) and time.time() < end:
            self.fake.task("sleep", "20", shard=sent % PARTITIONS)
            sent += 1
            time.sleep(0.01)
        self.read("TaskSucceeded", sent, 40)
        self.assertEqual(second.end(), 0)
        for i in range(40):
            self.fake.task("echo", shard=i % PARTITIONS)
        self.read("TaskSucceeded", 40)
        self.assertEqual(first.end(), 0)
        self.assertGreater(len(second.did()), 0)
        self.assertEqual(len(first.did()) + len(second.did()), sent + 40)

    def test_a_running_task_whose_partition_comes_back_is_not_finished_yet(self):
        first = self.peer(8)
        tasks = [self.fake.task("sleep", "90000", shard=i) for i in range(6)]
        self.wait_for(lambda: len(first.did("began")) == 6)
        second = self.peer(8)
        self.wait_for(lambda: second.did("began"))
        second.end(signal.SIGKILL)
        # When its session has timed out, the first has all partitions again.
        time.sleep(13)
        self.assertEqual(len(first.did("began")), 6)
        first.end(signal.SIGKILL)
        third = self.peer(8)
        self.wait_for(lambda: len(third.did("began")) == 6)
        self.assertEqual(len(third.did("began")), 6)
        for task in tasks:
            self.fake.cancel(task)
        self.assertEqual(third.end(), 0)

    def test_a_fenced_worker_joins_again(self):
        os.environ["SDK_PEER_INSTANCE"] = self.queue
        self.addCleanup(os.environ.pop, "SDK_PEER_INSTANCE")
        first = self.peer()
        self.fake.task("echo")
        self.read("TaskSucceeded", 1)
        second = self.peer()
        sent = 1
        while not second.did() and sent < 100:
            self.fake.task("echo")
            self.read("TaskSucceeded", 1)
            sent += 1
            time.sleep(0.1)
        self.assertGreater(len(second.did()), 0)
        second.end(signal.SIGKILL)
        for i in range(20):
            self.fake.task("echo", shard=i)
        self.read("TaskSucceeded", 20)
        self.assertEqual(first.end(), 0)
        # What the killed one had done is perhaps done again, as it had not committed yet.
        self.assertGreaterEqual(len(first.did()) + len(second.did()), sent + 20)


class ClientTest(unittest.TestCase):
    def test_starts_are_answered_with_many_in_flight(self):
        fake = Orchestrator("c" + uuid.uuid4().hex[:8])
        self.addCleanup(fake.close)
        peer = Peer("client", BOOTSTRAP, 500, 64)
        seen, end = set(), time.time() + 30
        while time.time() < end and peer.process.poll() is None:
            for name, record, message in fake.read(0.1, lambda f: len(f) >= 20):
                self.answer(fake, name, record, seen)
            fake.producer.poll(0)
        self.assertEqual(peer.wait(), 0)
        self.assertEqual(peer.lines, [["closed", "480", "rejected", "20", "signal", "3"]])
        self.assertEqual(len(seen), 501)

    def answer(self, fake, name, record, seen):
        seen.add(record["request_id"])
        to = record["reply"]
        base = {"correlation_id": to["correlation_id"], "namespace": "default", "workflow_id": record["workflow_id"]}
        if name == "StartWorkflow" and int(record["workflow_id"][5:]) % 25 == 7:
            answers = [{"kind": "REJECTED", "code": "AlreadyExists", "message": "there is one"}]
        else:
            answers = [{"kind": "ACCEPTED", "run_id": "r"}]
            if name == "StartWorkflow":
                answers.append({"kind": "CLOSED", "run_id": "r", "status": "SUCCEEDED", "output": record["input"]})
        for answer in answers:
            fake.producer.produce(to["topic"], encode("Reply", {**base, **answer}), to["correlation_id"],
                                  partition=to["partition"])


if __name__ == "__main__":
    if not BOOTSTRAP:
        print("skipped: ODRADEK_KAFKA is not set")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[2:]])
