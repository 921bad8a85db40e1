"""Three Kafka brokers and a PostgreSQL primary with a streaming standby, behind a proxy.

Programs reach the brokers by the addresses that they advertise, which are the proxy's, and
PostgreSQL by one address that the proxy leads to whoever is the primary.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "e2e", "lib"))
import e2e  # noqa: E402
from e2e import wait_for  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SERVERS, PROXY = os.path.join(HERE, "servers"), os.path.join(HERE, "proxy.py")
BROKERS = (1, 2, 3)
DISK_BYTES = 1 << 30


def servers(*words, timeout=120):
    done = subprocess.run((SERVERS,) + tuple(str(word) for word in words), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=timeout)
    if done.returncode:
        raise RuntimeError("servers %s: %s" % (" ".join(str(word) for word in words), done.stderr.strip()[-800:]))
    return done.stdout.strip()


def ports_free(count):
    """Ports below the kernel's range for outgoing connections, each taken once."""
    script = ". deploy/lib/common.sh; . deploy/lib/ports.sh; T=; for i in $(seq %d); do P=$(port_choose $T); " \
             "T=\"$T $P\"; done; echo $T" % count
    done = subprocess.run(["bash", "-c", script], cwd=e2e.ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return [int(port) for port in done.stdout.split()]


class Part:
    """A server's process in a directory of its own."""

    def __init__(self, directory, name):
        self.directory, self.record = directory, name

    def pid(self):
        return int(servers("pid", self.directory, self.record))

    def is_running(self):
        try:
            return self.pid() > 0
        except RuntimeError:
            return False

    def signal(self, number):
        os.kill(self.pid(), number)

    def kill(self):
        if self.is_running():
            self.signal(signal.SIGKILL)
            wait_for(lambda: not self.is_running(), 10)


class Broker(Part):
    def __init__(self, directory, node, ports):
        super().__init__(os.path.join(directory, "kafka%d" % node), "kafka")
        self.node = node
        self.controller, self.internal, self.client, self.advertised = ports
        self.log = os.path.join(self.directory, "kafka.log")

    def make(self, cluster, quorum):
        servers("broker-make", self.directory, cluster, self.node, quorum, self.controller, self.internal, self.client,
                self.advertised)

    def begin(self, seconds=60):
        mark = os.path.getsize(self.log)
        servers("broker-begin", self.directory)
        if seconds and not wait_for(lambda: self.says("Kafka Server started", mark), seconds, 0.2):
            raise RuntimeError("broker %d did not start: %s" % (self.node, self.log))

    def says(self, text, mark):
        with open(self.log, "rb") as file:
            file.seek(mark)
            return text.encode() in file.read()


class Postgres(Part):
    def __init__(self, directory, name, port):
        super().__init__(os.path.join(directory, name), "postgres")
        self.port = port

    def begin(self):
        # What a crash leaves behind needs a moment to be gone.
        if not wait_for(self.try_begin, 30, 0.5):
            raise RuntimeError("PostgreSQL in %s did not start" % self.directory)

    def try_begin(self):
        try:
            servers("postgres-begin", self.directory, self.port)
            return self.is_running()
        except RuntimeError:
            return False

    def sql(self, query):
        return servers("postgres-sql", self.directory, self.port, query)

    def stop(self):
        if self.is_running():
            self.signal(signal.SIGINT)
            wait_for(lambda: not self.is_running(), 30)


class Proxy:
    def __init__(self, gates):
        self.process = subprocess.Popen([sys.executable, "-B", PROXY] + gates, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        if self.process.stdout.readline().strip() != "ok":
            raise RuntimeError("the proxy did not start")

    def do(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        answer = self.process.stdout.readline().split()
        if answer[:1] != ["ok"]:
            raise RuntimeError("proxy: %s: %s" % (words, answer))
        return answer[1:]

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


class Cluster:
    """Looks like e2e.Servers to what runs on it: environment, directory, processes."""

    odradek = e2e.Servers.odradek
    odradek_environment = e2e.Servers.odradek_environment

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="odradek-tests.", dir="/var/tmp")
        os.chmod(self.directory, 0o711)
        with open(os.path.join(self.directory, "owner.pid"), "w") as file:
            file.write("%d %s\n" % (os.getpid(), e2e.start_time(os.getpid())))
        os.environ.setdefault("ODRADEK_DEV_KAFKA_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
        self.processes, self.proxy, self.disk = [], None, None
        ports = ports_free(20)
        self.brokers = [Broker(self.directory, node, ports[4 * index:4 * index + 4])
                        for index, node in enumerate(BROKERS)]
        self.primary = Postgres(self.directory, "postgres1", ports[12])
        self.standby = Postgres(self.directory, "postgres2", ports[13])
        self.port, self.replication_port = ports[14], ports[15]
        self.kafka = ",".join("127.0.0.1:%d" % broker.advertised for broker in self.brokers)
        self.postgres = "host=127.0.0.1 port=%d dbname=odradek user=odradek" % self.port
        self.environment = {name: value for name, value in os.environ.items()
                            if name not in ("ODRADEK_KAFKA", "ODRADEK_POSTGRES", "SHOP_POSTGRES")}
        self.shop_run = os.path.join(self.directory, "shop")
        self.shop = None

    def up(self):
        self.mount_disk()
        gates = ["kafka%d:%d:%d" % (broker.node, broker.advertised, broker.client) for broker in self.brokers]
        self.proxy = Proxy(gates + ["postgres:%d:%d" % (self.port, self.primary.port),
                                    "replication:%d:%d" % (self.replication_port, self.primary.port)])
        cluster = servers("cluster-id")
        quorum = ",".join("%d@127.0.0.1:%d" % (broker.node, broker.controller) for broker in self.brokers)
        for broker in self.brokers:
            broker.make(cluster, quorum)
        for broker in self.brokers:
            broker.begin(0)
        servers("postgres-make", self.primary.directory, self.primary.port)
        self.primary.begin()
        self.add_standby()
        for broker in self.brokers:
            if not wait_for(lambda: broker.says("Kafka Server started", 0), 60, 0.2):
                raise RuntimeError("broker %d did not start: %s" % (broker.node, broker.log))
        self.shop_up()

    def add_standby(self):
        """A new standby of the primary, through its gate of the proxy."""
        self.standby.stop()
        # Not the directory: it may be a disk of its own.
        for name in os.listdir(self.standby.directory) if os.path.isdir(self.standby.directory) else ():
            subprocess.run(["rm", "-rf", "--", os.path.join(self.standby.directory, name)], check=True)
        self.proxy.do("target", "replication", self.primary.port)
        self.proxy.do("heal", "replication")
        servers("postgres-standby", self.standby.directory, self.standby.port, self.replication_port)
        self.standby.begin()
        if not wait_for(lambda: self.primary.sql("SELECT state FROM pg_stat_replication") == "streaming", 30, 0.2):
            raise RuntimeError("the standby does not stream")

    def set_synchronous(self, is_synchronous):
        names = "*" if is_synchronous else ""
        self.primary.sql("ALTER SYSTEM SET synchronous_standby_names = '%s'" % names)
        self.primary.sql("SELECT pg_reload_conf()")
        wanted = "sync" if is_synchronous else "async"
        wait_for(lambda: self.primary.sql("SELECT sync_state FROM pg_stat_replication") == wanted, 10, 0.2)

    def fail_over(self):
        """The primary dies for good, the standby takes its place: a fenced fail-over."""
        self.primary.kill()
        self.proxy.do("cut", "postgres")
        servers("postgres-promote", self.standby.directory)
        self.primary, self.standby = self.standby, self.primary
        self.primary.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
        self.primary.sql("SELECT pg_reload_conf()")
        self.proxy.do("target", "postgres", self.primary.port)
        self.proxy.do("heal", "postgres")

    def mount_disk(self):
        """A disk of its own for the first primary, which may run full; only root can."""
        place = self.primary.directory
        os.makedirs(place)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d,mode=0711" % DISK_BYTES, "tmpfs", place],
                              stderr=subprocess.DEVNULL)
        self.disk = place if done.returncode == 0 else None

    def shop_up(self):
        """The ledger lives in a server of the shop, which no fault of ours touches."""
        environment = {**self.environment, "ODRADEK_RUN_DIR": self.shop_run}
        subprocess.run([os.path.join(e2e.ROOT, "deploy/dev/up"), "--free-ports", "postgres"], env=environment,
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
        done = subprocess.run([os.path.join(e2e.ROOT, "deploy/dev/env")], env=environment, check=True,
                              stdout=subprocess.PIPE, text=True)
        self.shop = re.search(r"SHOP_POSTGRES='?([^'\n]*)", done.stdout).group(1)

    def psql(self, address, *words, stdin=None):
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", address, *words],
                              input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError("psql: %s%s" % (done.stdout[-2000:], done.stderr.strip()[-600:]))
        return [line.split("\t") for line in done.stdout.splitlines()]

    def sql(self, query):
        return self.psql("host=127.0.0.1 port=%d dbname=odradek user=odradek" % self.primary.port, "-c", query)

    def shop_sql(self, query):
        return self.psql(self.shop, "-c", query)

    def broker_of(self, node):
        return next(broker for broker in self.brokers if broker.node == node)

    def mend(self):
        """All is there and heals, as after the operators' work."""
        for gate in ["kafka%d" % node for node in BROKERS] + ["postgres"]:
            self.proxy.do("heal", gate)
        for broker in self.brokers:
            if broker.is_running():
                broker.signal(signal.SIGCONT)
            else:
                broker.begin()

    def wait_in_sync(self, kafka, seconds=60):
        """Each partition has all its replicas again."""
        def is_whole():
            topics = kafka.admin.list_topics(timeout=20).topics.values()
            return all(len(part.isrs) == len(part.replicas) and part.leader >= 0
                       for topic in topics for part in topic.partitions.values())
        return wait_for(is_whole, seconds, 0.5)

    def close(self):
        for process in self.processes:
            process.end()
        for broker in self.brokers:
            broker.kill()
        for server in (self.standby, self.primary):
            server.stop()
            server.kill()
        if self.proxy:
            self.proxy.close()
        subprocess.run([os.path.join(e2e.ROOT, "deploy/dev/down"), "--wipe"], check=False,
                       env={**self.environment, "ODRADEK_RUN_DIR": self.shop_run},
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if self.disk:
            if not wait_for(lambda: subprocess.run(["umount", self.disk], stderr=subprocess.DEVNULL).returncode == 0, 10):
                print("left mounted: %s" % self.disk, file=sys.stderr)
                return
        subprocess.run(["rm", "-rf", "--", self.directory], check=False)
