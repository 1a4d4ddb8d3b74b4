"""The usual hand-written worker: pika and the neo4j driver, one event, one transaction, one ack.

It keeps no ledger, as such workers do. Prints one measurement as JSON.
"""

import json
import os
import resource
import sys
import time

import pika
from neo4j import GraphDatabase

STATEMENT = """
MERGE (u:User {id: $user})
MERGE (p:Product {id: $product})
MERGE (u)-[x:VIEWED]->(p)
ON CREATE SET x.count = 1, x.first_at = datetime($at), x.last_at = datetime($at), x.last_session = $session
ON MATCH SET x.count = x.count + 1, x.last_at = datetime($at), x.last_session = $session
"""


def apply(transaction, event):
    payload = event["payload"]
    transaction.run(
        STATEMENT,
        user=payload["userId"],
        product=payload["productId"],
        session=payload["session"],
        at=event["timestamp"],
    ).consume()


def main(queue, events):
    auth = ("neo4j", os.environ["BENCH_NEO4J_PASSWORD"])
    with GraphDatabase.driver(os.environ["BENCH_NEO4J_URI"], auth=auth) as driver:
        connection = pika.BlockingConnection(pika.URLParameters(os.environ["BENCH_AMQP_URL"]))
        channel = connection.channel()
        channel.basic_qos(prefetch_count=20)
        with driver.session() as session:
            started = time.monotonic()
            done = 0
            for method, _, body in channel.consume(queue):
                session.execute_write(apply, json.loads(body))
                channel.basic_ack(method.delivery_tag)
                done += 1
                if done == events:
                    break
            seconds = time.monotonic() - started
        connection.close()
    used = resource.getrusage(resource.RUSAGE_SELF)
    measured = {
        "events": done,
        "seconds": seconds,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "rss_mib": used.ru_maxrss / 1024,
        "ended_at": time.time(),
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
