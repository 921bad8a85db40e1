"""What the end-to-end tests in Python share: servers of their own, processes,
records on the topics, and a count of what held.

Import it before anything that is not in Python's library: it starts the script
again with the interpreter of deploy/python where a Kafka client lacks.
"""
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
SKIPPED = 77


def settle_python():
    """Goes on in an interpreter that has the packages of deploy/lib/requirements.txt."""
    try:
        import confluent_kafka  # noqa: F401
        import fastavro  # noqa: F401
    except ImportError:
        if os.environ.get("E2E_PYTHON"):
            raise  # it was tried
        python = subprocess.run([os.path.join(ROOT, "deploy", "python")], check=True,
                                stdout=subprocess.PIPE, text=True).stdout.strip()
        os.environ["E2E_PYTHON"] = python
        os.execv(python, [python, "-B"] + sys.argv)


sys.dont_write_bytecode = True
settle_python()

import fastavro  # noqa: E402
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource,  # noqa: E402
                                   NewTopic)
from fastavro.schema import fingerprint, to_parsing_canonical_form  # noqa: E402

BUILD = os.environ.get("ODRADEK_BUILD_DIR") or os.path.join(ROOT, "build", "release")
ODRADEK = os.environ.get("ODRADEK") or os.path.join(BUILD, "src", "cli", "odradek")
COMMANDS, RESULTS, HISTORY = "odradek.commands", "odradek.results", "odradek.history"
DEADLETTER, REPLIES = "odradek.deadletter", "odradek.replies.default"
# Statuses as in engine.h.
STATUS = ["", "RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "TERMINATED"]


# ---- what held ----

class Report:
    """Counts checks; a part that raises counts as failed, and the next goes on."""

    def __init__(self):
        self.passed, self.failed, self.began = 0, [], time.monotonic()

    def check(self, name, holds, detail=""):
        if holds:
            self.passed += 1
            print("ok      %s" % name, flush=True)
        else:
            self.failed.append(name)
            print("FAILED  %s%s" % (name, ": %s" % (detail,) if detail != "" else ""), flush=True)
        return bool(holds)

    @contextlib.contextmanager
    def part(self, name):
        began = time.monotonic()
        print("--- %s" % name, flush=True)
        try:
            yield
        except Exception as error:  # a part must not take the others with it
            self.check("%s: ends" % name, False, "%s: %s" % (type(error).__name__, error))
        print("    (%.1f s)" % (time.monotonic() - began), flush=True)

    def end(self):
        print("%d passed, %d failed (%.0f s)" % (self.passed, len(self.failed), time.monotonic() - self.began))
        for name in self.failed:
            print("  failed: %s" % name)
        return 1 if self.failed or not self.passed else 0


def wait_for(what, seconds, step=0.05):
    """The first true answer of what(), or its last one when the time is over."""
    until = time.monotonic() + seconds
    answer = what()
    while not answer and time.monotonic() < until:
        time.sleep(step)
        answer = what()
    return answer


# ---- servers ----

def start_time(pid):
    """When the process began, so that its id is not taken for another's."""
    with open("/proc/%d/stat" % pid) as file:
        return file.read().rpartition(")")[2].split()[19]


class Servers:
    """A private Kafka and PostgreSQL in a directory of their own, ended with the test."""

    def __init__(self):
        # The name and the owner's record are those by which tests/run finds what
        # a killed run has left.
        self.directory = tempfile.mkdtemp(prefix="odradek-tests.", dir="/var/tmp")
        os.chmod(self.directory, 0o711)
        with open(os.path.join(self.directory, "owner.pid"), "w") as file:
            file.write("%d %s\n" % (os.getpid(), start_time(os.getpid())))
        self.environment = {name: value for name, value in os.environ.items()
                            if name not in ("ODRADEK_KAFKA", "ODRADEK_POSTGRES", "SHOP_POSTGRES")}
        self.environment["ODRADEK_RUN_DIR"] = os.path.join(self.directory, "run")
        self.environment.setdefault("ODRADEK_DEV_KAFKA_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
        self.processes = []
        self.addresses()

    def addresses(self):
        """Addresses hold from the first `up` on, and while a server is down."""
        text = self.run("deploy/dev/env").stdout
        known = dict(line[len("export "):].split("=", 1) for line in text.splitlines())
        self.kafka = known["ODRADEK_KAFKA"].strip("'")
        self.postgres = known["ODRADEK_POSTGRES"].strip("'")

    def run(self, *command, timeout=120):
        path = os.path.join(ROOT, command[0])
        done = subprocess.run((path,) + command[1:], env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=timeout, cwd=ROOT)
        if done.returncode:
            raise RuntimeError("%s: %s" % (" ".join(command), done.stderr.strip()[-600:]))
        return done

    def up(self, *parts):
        self.run("deploy/dev/up", "--free-ports", *parts)
        self.addresses()

    def down(self, *words):
        self.run("deploy/dev/down", *words)

    def settle(self):
        """Database and topics, as an operator makes them."""
        for words in (("db", "migrate"), ("topics", "apply", "--replication", "1")):
            done = self.odradek(*words)
            if done.returncode:
                raise RuntimeError("odradek %s: %s" % (" ".join(words), done.stderr))

    def odradek_environment(self):
        return {**self.environment, "ODRADEK_KAFKA": self.kafka, "ODRADEK_POSTGRES": self.postgres}

    def odradek(self, *words, stdin=None, timeout=60, **variables):
        """Runs a command of the binary as a person would."""
        return subprocess.run((ODRADEK,) + words, env={**self.odradek_environment(), **variables}, text=True,
                              input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)

    def sql(self, query):
        """Rows as lists of text."""
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d",
                               self.postgres, "-c", query], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=60)
        if done.returncode:
            raise RuntimeError("psql: %s" % done.stderr.strip())
        return [line.split("\t") for line in done.stdout.splitlines()]

    def close(self):
        for process in self.processes:
            process.end()
        try:
            self.run("deploy/dev/down", "--wipe")
        finally:
            subprocess.run(["rm", "-rf", "--", self.directory], check=False)


class Serve:
    """A process of `odradek serve` and what it logs."""

    def __init__(self, servers, name, *flags):
        self.servers, self.name, self.flags = servers, name, flags
        self.log = os.path.join(servers.directory, "%s.log" % name)
        self.ready_file = os.path.join(servers.directory, "%s.ready" % name)
        self.process = None
        servers.processes.append(self)

    def begin(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                (ODRADEK, "serve", "--serve-ready-file", self.ready_file) + self.flags, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=self.servers.odradek_environment())
        return self

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def is_ready(self):
        return os.path.exists(self.ready_file)

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, seconds=20):
        """SIGTERM; the seconds that it took, or None when it had to be killed."""
        began = time.monotonic()
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None
        return time.monotonic() - began

    def kill(self):
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.ready_file)

    def end(self):
        if self.is_running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGCONT)
            self.stop(10)

    def mark(self):
        """A place in the log: events after it are news."""
        return os.path.getsize(self.log) if os.path.exists(self.log) else 0

    def events(self, since=0, event=None):
        if not os.path.exists(self.log):
            return []
        with open(self.log, "rb") as file:
            file.seek(since)
            lines = file.read().decode("utf-8", "replace").splitlines()
        found = []
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                entry = {"event": "no.json", "message": line}
            if event is None or entry.get("event") == event:
                found.append(entry)
        return found

    def wait_event(self, event, seconds, since=0, text=""):
        """The first such event, or None."""
        return wait_for(lambda: next((entry for entry in self.events(since, event)
                                      if text in entry.get("message", "")), None), seconds)


# ---- records ----

def murmur2(data):
    """The Java client's hash of keys."""
    mask, m = 0xffffffff, 0x5bd1e995
    h = (0x9747b28c ^ len(data)) & mask
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at:at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    rest = data[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def home(key, partitions=12):
    return (murmur2(key) & 0x7fffffff) % partitions


class Schema:
    """A record's newest version, in Avro's single-object encoding."""

    def __init__(self, record):
        folder = os.path.join(ROOT, "schemas", "history", record)
        newest = max(os.listdir(folder), key=lambda name: int(name[:-5]))
        with open(os.path.join(folder, newest), encoding="utf-8") as file:
            schema = json.load(file)
        self.head = b"\xc3\x01" + bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))
        self.schema = fastavro.parse_schema(schema)

    def encode(self, **fields):
        out = io.BytesIO()
        out.write(self.head)
        fastavro.schemaless_writer(out, self.schema, fields)
        return out.getvalue()

    def decode(self, value):
        if value is None or value[:10] != self.head:
            return None
        return fastavro.schemaless_reader(io.BytesIO(value[10:]), self.schema)


START, SIGNAL, CANCEL, TERMINATE, FORWARDED, REPLY, TASK, STARTED, SUCCEEDED, FAILED = (
    Schema(name) for name in ("StartWorkflow", "SignalWorkflow", "CancelWorkflow", "TerminateWorkflow",
                              "ForwardedRecord", "Reply", "Task", "TaskStarted", "TaskSucceeded", "TaskFailed"))
HISTORY_RECORD = Schema("HistoryRecord")


def header(message, name):
    """The last one of the name, as text."""
    found = [value for key, value in message.headers() or [] if key == name]
    return found[-1].decode("utf-8", "replace") if found and found[-1] is not None else None


class Watermark:
    """Tells repeats: numbers at or below the last one of (shard, topic, partition)."""

    def __init__(self):
        self.seen = {}
        self.repeats = 0

    def is_new(self, message):
        shard, seq = header(message, "odk-shard"), header(message, "odk-seq")
        if shard is None:
            return True
        place = (shard, message.topic(), message.partition())
        if int(seq) <= self.seen.get(place, 0):
            self.repeats += 1
            return False
        self.seen[place] = int(seq)
        return True


class Kafka:
    """A producer and readers that outlive a broker's restart."""

    SETTINGS = {"socket.nagle.disable": True, "reconnect.backoff.max.ms": 500, "log_level": 0}

    def __init__(self, bootstrap, **more):
        self.settings = {"bootstrap.servers": bootstrap, **self.SETTINGS}
        self.producer = Producer({**self.settings, "enable.idempotence": True, "linger.ms": 0,
                                  "message.timeout.ms": 0, "message.max.bytes": 8 << 20, **more})
        self.admin = AdminClient(self.settings)
        self.refused = []

    def send(self, topic, partition, key, value, headers=None):
        """Queues a record; what the broker refuses is kept in `refused`."""
        def report(error, message):
            if error:
                self.refused.append((message.topic(), message.key(), error))
        while True:
            try:
                self.producer.produce(topic, value, key, partition, on_delivery=report, headers=headers)
                break
            except BufferError:
                self.producer.poll(0.1)
        self.producer.poll(0)

    def put(self, topic, partition, key, value, headers=None, timeout=15):
        """Sends a record and returns its offset, or raises why not."""
        answer = []
        self.producer.produce(topic, value, key, partition, headers=headers,
                              on_delivery=lambda error, message: answer.append((error, message)))
        until = time.monotonic() + timeout
        while not answer and time.monotonic() < until:
            self.producer.poll(0.05)
        if not answer:
            raise TimeoutError("no broker took the record")
        if answer[0][0]:
            raise KafkaException(answer[0][0])
        return answer[0][1].offset()

    def consumer(self):
        return Consumer({**self.settings, "group.id": "e2e.none", "enable.auto.commit": False,
                         "auto.offset.reset": "earliest", "isolation.level": "read_committed",
                         "fetch.message.max.bytes": 8 << 20, "fetch.wait.max.ms": 50})

    def partitions(self, topic):
        known = self.admin.list_topics(topic, timeout=20).topics[topic]
        if known.error:
            raise KafkaException(known.error)
        return len(known.partitions)

    def ends(self, topic):
        """The offset behind the last record of each partition."""
        consumer = self.consumer()
        try:
            return [consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)[1]
                    for partition in range(self.partitions(topic))]
        finally:
            consumer.close()

    def read(self, topic, seconds=30):
        """All records that the topic has now."""
        ends = self.ends(topic)
        consumer, messages = self.consumer(), []
        left = {partition for partition, end in enumerate(ends) if end > 0}
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in left])
        until = time.monotonic() + seconds
        while left and time.monotonic() < until:
            for message in consumer.consume(1000, 0.2):
                if not message.error():
                    messages.append(message)
            for place in consumer.position([TopicPartition(topic, partition) for partition in left]):
                if place.offset >= ends[place.partition]:
                    left.discard(place.partition)
        consumer.close()
        if left:
            raise TimeoutError("%s was not read to its end" % topic)
        return messages

    def make_topic(self, name, partitions=1, **config):
        self.admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(20)

    def alter_topic(self, name, key, value):
        resource = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=[
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)])
        for future in self.admin.incremental_alter_configs([resource]).values():
            future.result(20)


class Reader(threading.Thread):
    """Follows a topic from its beginning in a thread of its own."""

    def __init__(self, kafka, topic, on_message=None):
        super().__init__(daemon=True)
        self.consumer = kafka.consumer()
        self.consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)
                              for partition in range(kafka.partitions(topic))])
        self.messages, self.watermark = [], Watermark()
        self.changed = threading.Condition()
        self.is_stopping = False
        self.on_message = on_message
        self.start()

    def run(self):
        while not self.is_stopping:
            for message in self.consumer.consume(500, 0.1):
                if message.error():
                    continue
                with self.changed:
                    if self.watermark.is_new(message):
                        self.messages.append(message)
                        if self.on_message:
                            self.on_message(message)
                    self.changed.notify_all()
        self.consumer.close()

    def stop(self):
        self.is_stopping = True
        self.join(10)

    def wait(self, what, seconds):
        """The first true answer of what(), which looks at what was read."""
        until = time.monotonic() + seconds
        with self.changed:
            answer = what()
            while not answer and time.monotonic() < until:
                self.changed.wait(max(0.0, until - time.monotonic()))
                answer = what()
            return answer


class Replies(Reader):
    """Answers by correlation id, repeats dropped by their watermark."""

    def __init__(self, kafka):
        self.by_id = {}
        super().__init__(kafka, REPLIES, self.keep)

    def keep(self, message):
        reply = REPLY.decode(message.value())
        if reply:
            self.by_id.setdefault(reply["correlation_id"], []).append(reply)

    def of(self, correlation, kind):
        return [reply for reply in self.by_id.get(correlation, []) if reply["kind"] == kind]

    def get(self, correlation, kind, seconds=10):
        found = self.wait(lambda: self.of(correlation, kind), seconds)
        return found[0] if found else None


def workflow_key(workflow_id):
    return ("default/%s" % workflow_id).encode()


def reply_to(correlation):
    return {"topic": REPLIES, "partition": murmur2(correlation.encode()) % 12, "correlation_id": correlation}


def exit_on_signals():
    """SIGTERM ends the script as an exception does, so that servers are ended."""
    def leave(number, frame):
        sys.exit(128 + number)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, leave)


def main(test):
    """Runs test(report, servers) on servers of its own."""
    exit_on_signals()
    if not os.path.exists(ODRADEK):
        sys.exit("there is no %s: deploy/build release" % ODRADEK)
    report = Report()
    servers = Servers()
    try:
        test(report, servers)
    finally:
        keep_logs(servers, report.failed)
        servers.close()
    sys.exit(report.end())


def keep_logs(servers, is_failed):
    """After a failure the logs are wanted, and the directory goes."""
    folder = os.environ.get("E2E_LOGS") or os.path.join(ROOT, "build", "tests", "e2e")
    if is_failed or os.environ.get("E2E_LOGS"):
        os.makedirs(folder, exist_ok=True)
        script = os.path.basename(sys.argv[0])
        for process in servers.processes:
            if os.path.exists(process.log):
                subprocess.run(["cp", "-f", process.log, os.path.join(folder, "%s-%s.log" % (script, process.name))],
                               check=False)
        print("logs of the processes: %s" % folder)
