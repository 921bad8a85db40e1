"""The load: orders of the example, from events on shop.orders to the shop's ledger."""
import os
import signal
import subprocess
import sys
import threading
import time

import e2e
from e2e import wait_for

EXAMPLE = os.path.join(e2e.ROOT, "examples", "order")
WORKER = os.path.join(e2e.BUILD, "examples", "order", "shop_worker")
SESSION = "6s"
FLAGS = ("--kafka-session-timeout", SESSION, "--serve-binding-check", "2s", "--serve-watchdog-timeout", "60s",
         "--shards-repair", "auto")


class Process:
    """A worker of the shop."""

    def __init__(self, world, name, command, **variables):
        self.world, self.name, self.command, self.variables = world, name, command, variables
        self.log = os.path.join(world.cluster.directory, "%s.log" % name)
        self.process = None
        world.cluster.processes.append(self)

    def begin(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**self.world.environment(), **self.variables})
        return self

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        if self.is_running():
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


class Load:
    """Orders of one batch at a rate, placed by a process of the shop's."""

    def __init__(self, world, batch, count, rate):
        self.world, self.batch, self.count = world, batch, count
        self.began = time.time()
        self.ended = None
        self.rows, self.failed = "", None
        self.process = subprocess.Popen(
            [sys.executable, "-B", os.path.join(EXAMPLE, "orders.py"), "send", batch, str(count), str(rate)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=world.environment())
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        self.rows, errors = self.process.communicate()
        self.ended = time.time()
        if self.process.returncode:
            self.failed = errors.strip()[-300:]

    def is_over(self):
        return self.ended is not None

    def finish(self, seconds=180):
        """Waits until all are sent and writes down what the shop has placed."""
        self.thread.join(seconds)
        if not self.is_over():
            self.process.kill()
            self.thread.join(10)
            self.failed = self.failed or "not sent within %d s" % seconds
        self.world.cluster.psql(self.world.cluster.shop, "-c", "COPY placed FROM STDIN", stdin=self.rows)


class World:
    """A cluster with Odradek and the shop on it."""

    def __init__(self, cluster, report):
        self.cluster, self.report, self.check = cluster, report, report.check
        self.kafka = None
        self.serves = [e2e.Serve(cluster, name, *FLAGS) for name in ("one", "two")]
        python = [sys.executable, "-B", os.path.join(EXAMPLE, "desk.py")]
        self.workers = [Process(self, "stock", [WORKER, "stock", "shipping"]),
                        Process(self, "stock2", [WORKER, "stock", "shipping"]),
                        Process(self, "payments", [WORKER, "payments"], SHOP_CONCURRENCY="64"),
                        Process(self, "desk", python, SHOP_INSTANCE="desk")]
        self.is_mending, self.mender = True, None
        self.paused, self.ended = set(), []

    def environment(self):
        return {**self.cluster.odradek_environment(), "SHOP_POSTGRES": self.cluster.shop}

    def command(self, *words, **more):
        done = self.cluster.odradek(*words, **more)
        if done.returncode:
            raise RuntimeError("odradek %s: %s%s" % (" ".join(words), done.stdout, done.stderr))
        return done.stdout

    def set_up(self):
        self.kafka = e2e.Kafka(self.cluster.kafka)
        self.command("db", "migrate")
        self.command("topics", "apply")
        subprocess.run([sys.executable, "-B", os.path.join(EXAMPLE, "orders.py"), "topics"], check=True,
                       env=self.environment(), stderr=subprocess.DEVNULL)
        self.cluster.psql(self.cluster.shop, "-f", os.path.join(EXAMPLE, "ledger.sql"))
        self.command("definition", "publish", os.path.join(EXAMPLE, "order.asl.json"), "--name", "order",
                     "--create-queues")
        self.command("binding", "publish", os.path.join(EXAMPLE, "binding.json"), "--from-start")
        for process in self.serves + self.workers:
            process.begin()
        self.wait_ready()
        self.mender = threading.Thread(target=self.mend, daemon=True)
        self.mender.start()

    def wait_ready(self, seconds=60):
        if not wait_for(lambda: all(serve.is_ready() for serve in self.serves), seconds, 0.2):
            raise RuntimeError("odradek is not ready: %s" % [serve.events()[-3:] for serve in self.serves])

    def mend(self):
        """What an init system does: what has ended by itself is started again."""
        while self.is_mending:
            for process in self.serves + self.workers:
                if not process.is_running() and process not in self.paused:
                    self.ended.append("%s: code %s" % (process.name, process.process.returncode))
                    process.begin()
            time.sleep(1)

    def hold(self, process):
        """From now on its end is wanted."""
        self.paused.add(process)

    def free(self, process):
        self.paused.discard(process)

    def crash(self, process, seconds):
        """kill -9, an absence, and again."""
        self.hold(process)
        process.kill()
        time.sleep(seconds)
        process.begin()
        self.free(process)

    def left(self, batch, count):
        closed = self.cluster.sql("SELECT count(DISTINCT workflow_id) FROM odradek.visibility WHERE "
                                  "definition = 'order' AND status > 1 AND workflow_id LIKE '%s-%%'" % batch)
        return count - int(closed[0][0])

    def wait_closed(self, batch, count, seconds):
        def is_done():
            try:
                return self.left(batch, count) <= 0
            except RuntimeError:
                return False
        return wait_for(is_done, seconds, 1)

    def close(self):
        self.is_mending = False
        if self.mender:
            self.mender.join(10)
