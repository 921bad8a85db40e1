#!/usr/bin/env python3
"""The shop's desk: asks for approvals, tells the customer, writes invoices.

A worker of the queue `desk` in Python, with nothing but a Kafka client and an Avro
library: the protocol is open (docs and schemas/README.md). It works in order, so what it
commits is simply all that it has answered; the commit's metadata carries the watermark by
which repeats are dropped. It reads no cancels, as its tasks take no time.

    ODRADEK_KAFKA    bootstrap servers
    SHOP_INSTANCE    a stable name: restarted soon, it goes on at once
"""
import glob
import io
import json
import os
import signal
import sys
import time

import fastavro
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from fastavro.schema import fingerprint, to_parsing_canonical_form

SCHEMAS = os.environ.get("ODRADEK_SCHEMAS") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "schemas")
TOPIC = "odradek.tasks.desk"
COMMIT_SECONDS = 0.2


def load(record):
    """Header and schema of a record's newest version."""
    files = glob.glob(os.path.join(SCHEMAS, "history", record, "*.avsc"))
    newest = max(files, key=lambda path: int(os.path.basename(path)[:-5]))
    with open(newest, encoding="utf-8") as file:
        schema = json.load(file)
    head = b"\xc3\x01" + bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))
    return head, fastavro.parse_schema(schema)


TASK, STARTED, SUCCEEDED, FAILED = (load(name) for name in ("Task", "TaskStarted", "TaskSucceeded", "TaskFailed"))


def encode(known, record):
    out = io.BytesIO()
    out.write(known[0])
    fastavro.schemaless_writer(out, known[1], record)
    return out.getvalue()


def decode(known, value):
    if not value or value[:10] != known[0]:
        raise ValueError("another record or version")
    return fastavro.schemaless_reader(io.BytesIO(value[10:]), known[1])


class Desk:
    def __init__(self):
        servers = {"bootstrap.servers": os.environ["ODRADEK_KAFKA"], "socket.nagle.disable": True}
        self.producer = Producer({**servers, "enable.idempotence": True, "partitioner": "murmur2_random",
                                  "message.timeout.ms": 0, "linger.ms": 0.5})
        instance = os.environ.get("SHOP_INSTANCE")
        self.consumer = Consumer({**servers, "group.id": "odradek-worker.desk", "enable.auto.commit": False,
                                  "isolation.level": "read_committed", "session.timeout.ms": 10000,
                                  "partition.assignment.strategy": "cooperative-sticky",
                                  **({"group.instance.id": instance} if instance else {})})
        self.consumer.subscribe([TOPIC], on_assign=self.on_assign, on_revoke=self.on_revoke, on_lost=self.on_lost)
        self.marks = {}      # partition -> {shard: seq}, as of `next`
        self.next = {}       # partition -> offset to be committed
        self.failures = []
        self.committed_at = 0.0
        self.running = True

    def on_assign(self, consumer, partitions):
        for place in consumer.committed(partitions, timeout=30):
            words = dict(w.split("=") for w in (place.metadata or "").split()[1:])
            marks = [pair.split(":") for pair in words.get("w", "").split(",") if pair]
            self.marks[place.partition] = {int(shard): int(seq) for shard, seq in marks}
            place.offset = place.offset if place.offset >= 0 else OFFSET_BEGINNING
        consumer.incremental_assign(partitions)

    def on_revoke(self, consumer, partitions):
        self.commit(asynchronous=False)
        self.forget(consumer, partitions)

    def on_lost(self, consumer, partitions):
        """The group has given them to others: a commit would be refused, or wait for a coordinator that is gone."""
        self.forget(consumer, partitions)

    def forget(self, consumer, partitions):
        for place in partitions:
            self.next.pop(place.partition, None)
            self.marks.pop(place.partition, None)
        consumer.incremental_unassign(partitions)

    def send(self, topic, value, key, headers=None):
        self.producer.produce(topic, value, key, headers=headers or [], on_delivery=self.on_delivery)

    def on_delivery(self, error, message):
        if error:
            self.failures.append(error)

    def is_repeat(self, message):
        headers = dict(message.headers() or [])
        if "odk-shard" not in headers or "odk-seq" not in headers:
            return False
        shard, seq = int(headers["odk-shard"]), int(headers["odk-seq"])
        marks = self.marks.setdefault(message.partition(), {})
        if seq <= marks.get(shard, -1):
            return True
        marks[shard] = seq
        return False

    def handle(self, message):
        """Answers one task."""
        if self.is_repeat(message) or message.value() is None:
            return  # no value: a marker, which only moves the watermark
        try:
            task = decode(TASK, message.value())
        except (ValueError, EOFError) as error:
            print("offset %d is no task: %s" % (message.offset(), error), file=sys.stderr)
            return
        until = task["schedule_to_close_at"]
        if until is not None and until < time.time() * 1000:
            return
        key = "%s/%s" % (task["namespace"], task["workflow_id"])
        answer = {n: task[n] for n in ("namespace", "workflow_id", "run_id", "activity_id", "attempt", "token")}
        trace = [h for h in message.headers() or [] if h[0] == "traceparent"]
        if task["wants_started"]:
            self.send("odradek.results", encode(STARTED, {**answer, "worker": "desk"}), key, trace)
        try:
            output = self.do(task["type"], json.loads(task["input"]))
            value = encode(SUCCEEDED, {**answer, "output": json.dumps(output).encode()})
        except (KeyError, ValueError) as error:
            value = encode(FAILED, {**answer, "error": "Shop.BadInput", "cause": repr(error), "effect": "NONE"})
        self.send("odradek.results", value, key, trace)

    def do(self, kind, order):
        if kind == "ask":
            # A person would take longer, and some never answer.
            if order["customer"] != "silent":
                event = {"order_id": order["order_id"], "approved": order["customer"] != "stingy", "by": "the desk"}
                self.send("shop.approvals", json.dumps(event), order["order_id"])
            return {"asked": order["order_id"]}
        if kind == "notify":
            return {"told": order["customer"]}
        if kind == "invoice":
            return {"invoice": "I-" + order["order_id"], "total": order["total"]}
        raise ValueError("no such activity: " + kind)

    def commit(self, asynchronous):
        """After the answers are acknowledged, never before."""
        self.producer.flush()
        if self.failures:
            raise KafkaException(self.failures[0])
        places = []
        for partition, offset in self.next.items():
            marks = ",".join("%d:%d" % pair for pair in self.marks.get(partition, {}).items())
            places.append(TopicPartition(TOPIC, partition, offset, metadata="odk1" + (" w=" + marks if marks else "")))
        self.next = {}
        self.committed_at = time.monotonic()
        if places:
            self.consumer.commit(offsets=places, asynchronous=asynchronous)

    def run(self):
        while self.running:
            first = self.consumer.poll(1.0 if not self.next else COMMIT_SECONDS)
            messages = [first] + self.consumer.consume(500, 0) if first else []
            for message in messages:
                if message.error():
                    print(message.error(), file=sys.stderr)
                    if message.error().fatal():
                        sys.exit(1)
                    continue
                self.handle(message)
                self.next[message.partition()] = message.offset() + 1
            self.producer.poll(0)
            if self.next and time.monotonic() - self.committed_at >= COMMIT_SECONDS:
                self.commit(asynchronous=True)
        self.commit(asynchronous=False)
        self.consumer.close()

    def stop(self, *_):
        self.running = False


desk = Desk()
signal.signal(signal.SIGTERM, desk.stop)
signal.signal(signal.SIGINT, desk.stop)
desk.run()
