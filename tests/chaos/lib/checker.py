"""What held, seen from the outside: the topics and the ledger of the shop.

Odradek's tables are not asked. Inputs are the orders on shop.orders, effects the entries
of the ledger; each run's history is put together from odradek.history with a watermark,
as a reader would.
"""
import json
import os

import e2e
import shop
from e2e import HISTORY, HISTORY_RECORD, TASK

QUEUES = ("stock", "payments", "shipping", "desk")


class Run:
    def __init__(self, record):
        self.name, self.versions, self.events = record["workflow_id"], [], []
        self.status, self.error = None, None

    def add(self, record):
        if record["part"] == 0:
            self.versions.append(record["version"])
            self.events.append((record["first_event_id"], record["last_event_id"]))
        self.status = record["status"]
        if self.status not in ("RUNNING", "SUCCEEDED"):
            self.error = error_of(record) or self.error

    def is_gapless(self):
        numbered = [pair for pair in self.events if pair[0] > 0]
        return self.versions == list(range(1, len(self.versions) + 1)) and all(
            this[0] == last[1] + 1 for last, this in zip(numbered, numbered[1:]))


def error_of(record):
    """Of the run's last event."""
    try:
        entries = json.loads(record["entries"])
    except ValueError:
        return None
    errors = [entry["details"]["error"] for entry in entries
              if entry.get("type", "").startswith("Execution") and "error" in (entry.get("details") or {})]
    return errors[-1] if errors else None


class Outcome:
    """A row of the table at the end."""

    def __init__(self, scenario):
        self.scenario = scenario
        self.inputs = self.effects = self.lost = self.doubled = self.repeats = 0
        self.gap = 0.0
        self.wrong = []
        self.note = ""

    def holds(self):
        return not self.wrong and self.lost == 0 and self.doubled == 0


class Checker:
    """Follows the topics from their beginning; asked after each scenario."""

    def __init__(self, world):
        self.world, self.kafka = world, world.kafka
        self.runs, self.times, self.tasks = {}, [], {}
        self.repeats_told = 0
        self.readers = [e2e.Reader(self.kafka, HISTORY, self.on_history)]
        self.readers += [e2e.Reader(self.kafka, "odradek.tasks.%s" % queue, self.on_task) for queue in QUEUES]
        for reader in self.readers:
            reader.messages = Nothing()

    def on_history(self, message):
        record = HISTORY_RECORD.decode(message.value())
        if record is None:
            return
        self.times.append(message.timestamp()[1] / 1000)
        self.runs.setdefault(record["run_id"], Run(record)).add(record)

    def on_task(self, message):
        task = TASK.decode(message.value())
        if task is not None:
            place = (task["workflow_id"], task["run_id"], task["activity_id"], task["attempt"])
            self.tasks[place] = self.tasks.get(place, 0) + 1

    def settle(self):
        """Waits until the readers are at the ends that the topics have now."""
        for reader in self.readers:
            ends = [end for end in self.kafka.ends(reader_topic(reader))]
            e2e.wait_for(lambda: at_end(reader, ends), 60, 0.2)

    def outcome(self, scenario, load):
        self.settle()
        out = Outcome(scenario)
        rows = [line.split("\t")[0] for line in load.rows.splitlines()]
        out.inputs = len(rows)
        by_name = {}
        for run in list(self.runs.values()):
            by_name.setdefault(run.name, []).append(run)
        out.lost = sum(1 for name in rows if not by_name.get(name))
        out.doubled = sum(len(by_name.get(name, [])) - 1 for name in rows if by_name.get(name))
        twice = [place for place, count in self.tasks.items() if count > 1 and place[0].startswith(load.batch + "-")]
        out.doubled += len(twice)
        out.wrong += ["task twice: %s" % (place,) for place in twice[:3]]
        for name in rows:
            out.wrong += ["%s: history %s, events %s" % (name, run.versions, run.events)
                          for run in by_name.get(name, []) if not run.is_gapless()]
            out.wrong += ["%s: %s" % (name, run.status) for run in by_name.get(name, []) if run.status == "RUNNING"]
        out.effects = int(self.world.cluster.shop_sql(
            "SELECT count(*) FROM entry WHERE order_id LIKE '%s-%%'" % load.batch)[0][0])
        out.repeats = sum(reader.watermark.repeats for reader in self.readers) - self.repeats_told
        self.repeats_told += out.repeats
        out.gap = self.gap(load)
        if load.failed:
            out.wrong.append("load: %s" % load.failed)
        out.wrong += self.ledger()
        return out

    def gap(self, load):
        """The longest time without a transition while orders came."""
        inside = sorted(time for time in self.times if load.began <= time <= load.ended)
        points = [load.began] + inside + [load.ended]
        return max((later - sooner for sooner, later in zip(points, points[1:])), default=0.0)

    def ledger(self):
        """The example's own check, over what the topics told."""
        outcomes = "".join("%s\t%s\t%s\n" % (run.name, run.status, run.error or "\\N") for run in self.runs.values())
        try:
            self.world.cluster.psql(self.world.cluster.shop, "-f", os.path.join(shop.EXAMPLE, "check.sql"),
                                    stdin=outcomes)
        except RuntimeError as error:
            return ["ledger: %s" % str(error)[:600]]
        return []

    def close(self):
        for reader in self.readers:
            reader.stop()


class Nothing(list):
    """What a reader has read is not kept."""

    def append(self, _):
        pass


def reader_topic(reader):
    return reader.consumer.assignment()[0].topic


def at_end(reader, ends):
    places = [place for place in reader.consumer.position(reader.consumer.assignment())]
    return all(place.offset >= ends[place.partition] or ends[place.partition] == 0 for place in places)


