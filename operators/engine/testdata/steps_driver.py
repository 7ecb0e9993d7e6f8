# Runs the rules of the protocol's model over logs that come as JSON lines.
# Usage: steps_driver.py PATH-TO-steps.py; one log a line in, one result a line out.
import json, random, sys

source = open(sys.argv[1]).read()
model = {}
exec(compile(source[: source.index("bad=0;")], sys.argv[1], "exec"), model)
for line in sys.stdin:
    j = json.loads(line)
    q = model["Q"](j["shards"], j["idle"], j["delay"], j["lateness"])
    r = random.Random(1)
    for i, (kind, t, blocks) in enumerate(j["log"]):
        q.step(i, (kind, t, [(s, rows) for s, rows in blocks], []), r)
    print(json.dumps({"out": q.out, "used": q.used, "late": q.lateall}), flush=True)
