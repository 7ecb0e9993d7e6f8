// Requests in CBOR as node-cbor writes them, and the answers read by it.
//
//   node cbor.mjs ENDPOINT STREAM
//
// It prints what it found as JSON.
import cbor from "cbor";

const [endpoint, StreamName] = process.argv.slice(2);
const encode = (value) => cbor.encodeOne(value, { highWaterMark: 1 << 22 });
const type = "application/x-amz-cbor-1.1";
// A timestamp of this protocol is tagged as one, and counts milliseconds. Tag 1 is of
// seconds elsewhere, so node-cbor makes dates of them that are a thousand times too late.
const timestamp = (ms) => new cbor.Tagged(1, ms);
const millis = (date) => Number(date) / 1000;

async function call(operation, request) {
  const headers = { "Content-Type": type, "X-Amz-Target": `Kinesis_20131202.${operation}` };
  const response = await fetch(endpoint, { method: "POST", headers, body: encode(request) });
  const body = Buffer.from(await response.arrayBuffer());
  if (response.headers.get("Content-Type") !== type) throw new Error(`${operation}: ${response.headers.get("Content-Type")} ${body}`);
  const answer = body.length > 0 ? cbor.decodeFirstSync(body) : {};
  if (!response.ok) throw Object.assign(new Error(`${answer.__type}: ${answer.message}`), { type: answer.__type });
  return answer;
}

await call("CreateStream", { StreamName, ShardCount: 1 });
const started = Date.now();
const put = await call("PutRecord", { StreamName, PartitionKey: "ключ", Data: Buffer.from([0, 255, 1]) });
await new Promise((resolve) => setTimeout(resolve, 30));
const between = Date.now();
await new Promise((resolve) => setTimeout(resolve, 30));
const { Records: puts } = await call("PutRecords", {
  StreamName, Records: Array.from({ length: 500 }, (_, i) => ({ PartitionKey: `k${i}`, Data: Buffer.from(`record ${i}`), ExplicitHashKey: null })),
});
const { Shards: now } = await call("ListShards", { StreamName, ShardFilter: { Type: "AT_TIMESTAMP", Timestamp: timestamp(Date.now()) } });
const { ShardId } = now[0];
const read = async (position) => {
  const { ShardIterator } = await call("GetShardIterator", { StreamName, ShardId, ...position });
  return (await call("GetRecords", { ShardIterator, Limit: 1000 })).Records;
};
const all = await read({ ShardIteratorType: "TRIM_HORIZON" });
const later = await read({ ShardIteratorType: "AT_TIMESTAMP", Timestamp: timestamp(between) });
const wrong = await call("GetRecords", { ShardIterator: "none" }).catch((err) => err.type);
const arrived = millis(all[0].ApproximateArrivalTimestamp);
console.log(JSON.stringify({
  all: all.length, first: [...all[0].Data], key: all[0].PartitionKey, same: all[0].SequenceNumber === put.SequenceNumber,
  rest: all.slice(1).every((r, i) => r.SequenceNumber === puts[i].SequenceNumber && Buffer.from(r.Data).toString() === `record ${i}`),
  later: later.length, after: later[0].SequenceNumber === puts[0].SequenceNumber,
  time: arrived >= started - 1 && arrived <= between ? "" : `${arrived} is not from ${started} to ${between}`, wrong,
}));
