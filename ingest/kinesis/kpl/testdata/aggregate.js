// Reads records as JSON from standard input, has Amazon's aws-kinesis-agg put them
// together, and prints what it would send to Kinesis.
const { RecordAggregator } = require("aws-kinesis-agg");

const records = JSON.parse(require("fs").readFileSync(0, "utf8"));
const sent = [];
new RecordAggregator().aggregateRecords(
  records.map((r) => ({ partitionKey: r.key, explicitHashKey: r.hash, data: Buffer.from(r.data, "base64") })),
  true,
  (error, encoded) => {
    if (error) throw error;
    sent.push({ key: encoded.partitionKey, data: Buffer.from(encoded.data).toString("base64") });
  },
);
console.log(JSON.stringify(sent));
