#!/usr/bin/env python3
"""Places orders: plain JSON events on shop.orders, which knows nothing of Odradek.

    orders.py topics                        makes shop.orders and shop.approvals
    orders.py send BATCH COUNT [RATE]       sends those that are not in standard
                                            input (one order id a line), at most
                                            RATE a second, and prints a row a sent
                                            order for the table `placed`

The same batch gives the same orders. Their number decides what goes wrong: the
card, the address and the customer are like the test values of a payment service.
"""
import json
import os
import random
import sys
import time

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

BOOTSTRAP = os.environ["ODRADEK_KAFKA"]
TOPICS = {"shop.orders": 6, "shop.approvals": 3}
LIMIT = 50000
# Of 1,000 orders.
CARDS = [("refused", 40), ("late", 10), ("slow", 10), ("lost", 10), ("taken", 10), ("busy", 30)]
NOWHERE, SOLD_OUT, EXPENSIVE, SOME_AGAIN = 40, 10, 120, 20


def topics():
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    have = admin.list_topics(timeout=20).topics
    new = [NewTopic(name, count, -1) for name, count in TOPICS.items() if name not in have]
    for name, future in (admin.create_topics(new) if new else {}).items():
        try:
            future.result(20)
        except KafkaException as error:
            if "TOPIC_ALREADY_EXISTS" not in str(error):
                raise
        print("made topic", name, file=sys.stderr)


def pick(dice, table, otherwise):
    at = dice.randrange(1000)
    for name, share in table:
        if at < share:
            return name
        at -= share
    return otherwise


def order(batch, number):
    dice = random.Random("%s/%d" % (batch, number))
    quantity = dice.randint(1, 5)
    expensive = dice.randrange(1000) < EXPENSIVE
    return {
        "type": "OrderPlaced",
        "order_id": "%s-%06d" % (batch, number),
        "sku": "unicorn" if dice.randrange(1000) < SOLD_OUT else "sku-%d" % dice.randrange(32),
        "quantity": quantity,
        "total": quantity * dice.randint(200, 9000) + (LIMIT if expensive else 0),
        "card": pick(dice, CARDS, "good"),
        "address": "nowhere" if dice.randrange(1000) < NOWHERE else "%d Kafka Street" % dice.randint(1, 99),
        "customer": pick(dice, [("silent", 100), ("stingy", 100)], "frank") if expensive else "frank",
    }


def send(batch, count, rate):
    placed = {line.strip() for line in sys.stdin}
    failed = []
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "enable.idempotence": True, "linger.ms": 5,
                         "partitioner": "murmur2_random"})
    rows, began = [], time.monotonic()

    def report(error, message):
        if error:
            failed.append("%s: %s" % (message.key(), error))

    for number in range(count):
        event = order(batch, number)
        if event["order_id"] in placed:
            continue
        text = json.dumps(event)
        # Some services send an event twice: there must be one execution all the same.
        for _ in range(2 if number % (1000 // SOME_AGAIN) == 7 else 1):
            producer.produce("shop.orders", text, event["order_id"], on_delivery=report)
        rows.append((event["order_id"], batch, event["sku"], event["quantity"], event["total"], text))
        producer.poll(0)
        while rate and time.monotonic() < began + len(rows) / rate:
            producer.poll(max(0.0, began + len(rows) / rate - time.monotonic()))
    producer.flush(60)
    if failed or len(producer):
        sys.exit("orders.py: not sent: %s" % (failed[:3] or len(producer)))
    for row in rows:
        print("\t".join(str(field).replace("\\", "\\\\") for field in row))


def main(words):
    if words[:1] == ["topics"]:
        topics()
    elif words[:1] == ["send"] and len(words) in (3, 4):
        send(words[1], int(words[2]), float(words[3]) if len(words) == 4 else 0)
    else:
        sys.exit(__doc__)


main(sys.argv[1:])
