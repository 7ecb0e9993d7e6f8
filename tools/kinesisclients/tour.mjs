// The way around with @aws-sdk/client-kinesis: create, put, get, subscribe.
//
//   node tour.mjs ENDPOINT STREAM h2c|http1
//
// It prints what it read as JSON, and which HTTP was spoken.
import {
  KinesisClient, CreateStreamCommand, DescribeStreamSummaryCommand, GetRecordsCommand, GetShardIteratorCommand, ListShardsCommand,
  PutRecordCommand, PutRecordsCommand, RegisterStreamConsumerCommand, SubscribeToShardCommand, waitUntilStreamExists,
} from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";

const [endpoint, StreamName, how] = process.argv.slice(2);
const client = new KinesisClient({
  endpoint,
  region: "eu-west-1",
  credentials: { accessKeyId: "clientkey", secretAccessKey: "clientsecret" },
  maxAttempts: 1,
  ...(how === "http1" ? { requestHandler: new NodeHttpHandler() } : {}), // the default handler speaks HTTP/2
});
const call = (command) => client.send(command);
const text = (bytes) => Buffer.from(bytes).toString();

await call(new CreateStreamCommand({ StreamName, ShardCount: 2 }));
await waitUntilStreamExists({ client, maxWaitTime: 20 }, { StreamName });
const { Shards } = await call(new ListShardsCommand({ StreamName }));
const { StreamDescriptionSummary } = await call(new DescribeStreamSummaryCommand({ StreamName }));
const { Consumer } = await call(new RegisterStreamConsumerCommand({ StreamARN: StreamDescriptionSummary.StreamARN, ConsumerName: "tour" }));

const put = {};
for (let i = 0; i < 10; i++) {
  const Data = Buffer.from(`single ${i} äöü`);
  const { SequenceNumber, ShardId } = await call(new PutRecordCommand({ StreamName, PartitionKey: `k${i}`, Data }));
  put[`${ShardId} ${SequenceNumber}`] = text(Data);
}
const many = Array.from({ length: 500 }, (_, i) => ({ PartitionKey: `k${i % 17}`, Data: Buffer.alloc(200, i) }));
const { Records, FailedRecordCount } = await call(new PutRecordsCommand({ StreamName, Records: many }));
if (FailedRecordCount !== 0) throw new Error(`${FailedRecordCount} records failed`);
Records.forEach(({ SequenceNumber, ShardId }, i) => { put[`${ShardId} ${SequenceNumber}`] = text(many[i].Data); });

const got = {}, pushed = {};
const take = (into, ShardId, records) => {
  for (const { SequenceNumber, Data, ApproximateArrivalTimestamp } of records) {
    if (Math.abs(Date.now() - ApproximateArrivalTimestamp) > 60_000) throw new Error(`arrived at ${ApproximateArrivalTimestamp}`);
    into[`${ShardId} ${SequenceNumber}`] = text(Data);
  }
};
for (const { ShardId } of Shards) {
  let { ShardIterator } = await call(new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType: "TRIM_HORIZON" }));
  for (let behind = 1; behind > 0;) {
    const { Records, NextShardIterator, MillisBehindLatest } = await call(new GetRecordsCommand({ ShardIterator, Limit: 100 }));
    take(got, ShardId, Records);
    behind = MillisBehindLatest + Records.length;
    ShardIterator = NextShardIterator;
  }
  const wanted = Object.keys(put).filter((key) => key.startsWith(ShardId)).length;
  const { EventStream } = await call(new SubscribeToShardCommand({ ConsumerARN: Consumer.ConsumerARN, ShardId, StartingPosition: { Type: "TRIM_HORIZON" } }));
  let n = 0;
  for await (const { SubscribeToShardEvent } of EventStream) {
    if (!SubscribeToShardEvent) continue;
    take(pushed, ShardId, SubscribeToShardEvent.Records);
    if ((n += SubscribeToShardEvent.Records.length) >= wanted) break;
  }
}
const same = (a, b) => Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([key, value]) => b[key] === value);
console.log(JSON.stringify({ put: Object.keys(put).length, got: same(put, got), pushed: same(put, pushed), handler: client.config.requestHandler.constructor.name }));
process.exit(0); // a subscription keeps its connection
