// Puts records with aws-kinesis-agg and @aws-sdk/client-kinesis, as a function in
// Amazon's Lambda does: put together as they come, whatever shards they belong to.
//
//   node aggregate.mjs ENDPOINT STREAM RECORDS
//
// Each record of Kinesis has so many records of standard input, where each is a line:
// {"key":…,"data":…}, and "hash" where it has an explicit hash key. It prints how many
// records of Kinesis it put.
import { readFileSync } from "node:fs";
import agg from "aws-kinesis-agg";
import { KinesisClient, PutRecordCommand } from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";

const [endpoint, StreamName, size] = process.argv.slice(2);
const client = new KinesisClient({
  endpoint,
  region: "eu-west-1",
  credentials: { accessKeyId: "clientkey", secretAccessKey: "clientsecret" },
  requestHandler: new NodeHttpHandler(),
});
const lines = readFileSync(0, "utf8").trim().split("\n").map((line) => JSON.parse(line));
let put = 0;
for (let at = 0; at < lines.length; at += Number(size)) {
  const a = new agg.RecordAggregator();
  for (const r of lines.slice(at, at + Number(size))) {
    a.addUserRecord({ partitionKey: r.key, explicitHashKey: r.hash, data: Buffer.from(r.data) });
  }
  const { partitionKey, ExplicitHashKey, data } = a.build();
  await client.send(new PutRecordCommand({ StreamName, PartitionKey: partitionKey, ExplicitHashKey, Data: data }));
  put++;
}
console.log(put);
