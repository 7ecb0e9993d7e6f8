package app

// kinesisInstruments are the names of the door for Kinesis clients. What CloudWatch
// counts by shard has a label with its name there, and is shown for streams of which
// EnableEnhancedMonitoring has asked for it.
var kinesisInstruments = struct {
	requests, inFlight, inBytes, inRecords, outBytes, outRecords, writes, reads, age, shard metric
}{
	requests:   counter("kinesis_requests_total", "Requests of Kinesis clients, by operation and by the error that they got, if one.", "operation", "error"),
	inBytes:    counter("kinesis_incoming_bytes_total", "Bytes of keys and data that Kinesis clients put.", "stream"),
	inRecords:  counter("kinesis_incoming_records_total", "Records that Kinesis clients put.", "stream"),
	outBytes:   counter("kinesis_outgoing_bytes_total", "Bytes of keys and data that Kinesis clients read.", "stream"),
	outRecords: counter("kinesis_outgoing_records_total", "Records that Kinesis clients read.", "stream"),
	writes:     counter("kinesis_write_throughput_exceeded_total", "Records refused by --kinesis-limits=aws.", "stream"),
	reads:      counter("kinesis_read_throughput_exceeded_total", "Calls of GetRecords refused by --kinesis-limits=aws.", "stream"),
	age:        gauge("kinesis_iterator_age_seconds", "How far the last reads were behind the newest record, of the shard where that is most.", "stream"),
	inFlight:   gauge("kinesis_in_flight_bytes", "Bytes of requests of Kinesis clients, and of answers to them, that are in memory."),
	shard:      gauge("kinesis_shard", "Shard-level metrics under their names in CloudWatch, counted since the start; IteratorAgeMilliseconds is that of the last read. Only those that EnableEnhancedMonitoring asked for.", "stream", "shard", "metric"),
}

func (m *metrics) collectKinesis(emit emitter) {
	i, st := &kinesisInstruments, m.s.kinesis.Stats()
	emit(i.inFlight, float64(st.InFlight))
	for r, n := range st.Requests {
		emit(i.requests, float64(n), r.Operation, r.Error)
	}
	for _, s := range st.Streams {
		emit(i.inBytes, float64(s.IncomingBytes), s.Name)
		emit(i.inRecords, float64(s.IncomingRecords), s.Name)
		emit(i.outBytes, float64(s.OutgoingBytes), s.Name)
		emit(i.outRecords, float64(s.OutgoingRecords), s.Name)
		emit(i.writes, float64(s.WriteProvisionedThroughputExceeded), s.Name)
		emit(i.reads, float64(s.ReadProvisionedThroughputExceeded), s.Name)
		emit(i.age, s.IteratorAge.Seconds(), s.Name)
		for _, shard := range s.Shards {
			for _, name := range s.Monitoring {
				emit(i.shard, shard.Metric(name), s.Name, shard.ID, name)
			}
		}
	}
}
