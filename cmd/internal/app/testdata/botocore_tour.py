"""The way around with botocore, on which boto3 and the AWS command line stand.

    python3 botocore_tour.py ENDPOINT STREAM

It prints what it read as JSON.
"""
import json
import sys
import time

import botocore.session
from botocore.config import Config

endpoint, stream = sys.argv[1:]
client = botocore.session.get_session().create_client(
    "kinesis", region_name="eu-west-1", endpoint_url=endpoint, aws_access_key_id="clientkey", aws_secret_access_key="clientsecret",
    config=Config(retries={"total_max_attempts": 1}))

client.create_stream(StreamName=stream, ShardCount=3)
client.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
shards = [s["ShardId"] for page in client.get_paginator("list_shards").paginate(StreamName=stream) for s in page["Shards"]]
described = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
consumer = client.register_stream_consumer(StreamARN=described["StreamARN"], ConsumerName="tour")["Consumer"]

put = {}
for i in range(10):
    data = f"single {i} äöü".encode()
    out = client.put_record(StreamName=stream, PartitionKey=f"k{i}", Data=data)
    put[out["ShardId"], out["SequenceNumber"]] = data
records = [{"PartitionKey": f"k{i % 17}", "Data": bytes([i % 256]) * 200} for i in range(500)]
out = client.put_records(StreamName=stream, Records=records)
assert out["FailedRecordCount"] == 0, out
for sent, r in zip(records, out["Records"]):
    put[r["ShardId"], r["SequenceNumber"]] = sent["Data"]


def take(into, shard, records):
    for r in records:
        assert abs(time.time() - r["ApproximateArrivalTimestamp"].timestamp()) < 60, r
        into[shard, r["SequenceNumber"]] = r["Data"]


got, pushed = {}, {}
for shard in shards:
    at = client.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    behind = 1
    while behind > 0:
        out = client.get_records(ShardIterator=at, Limit=100)
        take(got, shard, out["Records"])
        at, behind = out["NextShardIterator"], out["MillisBehindLatest"] + len(out["Records"])
    wanted = sum(1 for place in put if place[0] == shard)
    events = client.subscribe_to_shard(ConsumerARN=consumer["ConsumerARN"], ShardId=shard, StartingPosition={"Type": "TRIM_HORIZON"})
    n = 0
    for event in events["EventStream"]:
        take(pushed, shard, event["SubscribeToShardEvent"]["Records"])
        n += len(event["SubscribeToShardEvent"]["Records"])
        if n >= wanted:
            break
    events["EventStream"].close()

client.delete_stream(StreamName=stream, EnforceConsumerDeletion=True)
client.get_waiter("stream_not_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
try:
    client.describe_stream(StreamName=stream)
    gone = False
except client.exceptions.ResourceNotFoundException:
    gone = True
print(json.dumps({"put": len(put), "got": put == got, "pushed": put == pushed, "gone": gone}))
