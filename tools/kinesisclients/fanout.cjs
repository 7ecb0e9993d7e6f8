// Reads a stream by enhanced fan-out with lifion-kinesis, which keeps its leases and
// checkpoints in a DynamoDB: here dynalite, in memory.
//
//   node fanout.cjs ENDPOINT STREAM RECORDS
//
// It prints the data of each record on a line, and ends with so many.
const dns = require("dns");
const Kinesis = require("lifion-kinesis");
const dynalite = require("dynalite");

const [endpoint, streamName, wanted] = process.argv.slice(2);
const account = { region: "eu-west-1", accessKeyId: "clientkey", secretAccessKey: "clientsecret" };
// It signs and calls the name that AWS has in a region, with the endpoint's port: that
// name is here, as a line of /etc/hosts would have it.
const { lookup } = dns;
dns.lookup = (name, ...rest) => lookup(name.endsWith(".amazonaws.com") ? "127.0.0.1" : name, ...rest);
const log = process.env.DEBUG ? console.error : () => {};

const tables = dynalite({ createTableMs: 0 });
tables.listen(0, "127.0.0.1", () => {
  const reader = new Kinesis({
    ...account,
    endpoint,
    streamName,
    consumerGroup: "lifion",
    createStreamIfNeeded: false,
    initialPositionInStream: "TRIM_HORIZON",
    leaseAcquisitionInterval: 500,
    leaseAcquisitionRecoveryInterval: 200,
    maxEnhancedConsumers: 1,
    shouldParseJson: false,
    useAutoShardAssignment: false,
    useEnhancedFanOut: true,
    dynamoDb: { ...account, endpoint: `http://127.0.0.1:${tables.address().port}` },
    logger: { debug: log, warn: log, error: console.error },
  });
  let n = 0;
  reader.on("data", ({ records }) => {
    for (const { data } of records) console.log(data.toString());
    if ((n += records.length) >= Number(wanted)) process.exit(0);
  });
  reader.on("error", (err) => { console.error(err); process.exit(1); });
  reader.startConsumer().catch((err) => { console.error(err); process.exit(1); });
});
