// Command kinesisreader reads a stream with github.com/harlow/kinesis-consumer, which is
// built on the first AWS SDK for Go. It prints the shard, the key and the data of each
// record on a line, and ends when it has so many:
//
//	kinesisreader ENDPOINT STREAM RECORDS
//
// The library looks for new shards every half a minute. Here a shard that is over ends a
// scan, as a worker that is started again would, and the next one begins where the
// checkpoints say.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/credentials"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/kinesis"
	consumer "github.com/harlow/kinesis-consumer"
	store "github.com/harlow/kinesis-consumer/store/memory"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: kinesisreader ENDPOINT STREAM RECORDS")
	}
	wanted, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		return err
	}
	s, err := session.NewSession(aws.NewConfig().WithEndpoint(args[0]).WithRegion("eu-west-1").WithCredentials(credentials.NewStaticCredentials("clientkey", "clientsecret", "")))
	if err != nil {
		return err
	}
	checkpoints := store.New()
	var over sync.Map // shards that need no further scan
	var read atomic.Int64
	for read.Load() < wanted {
		if err := scan(kinesis.New(s), args[1], checkpoints, &over, &read, wanted); err != nil {
			return err
		}
	}
	return nil
}

// scan reads all shards until one is over that was not before, or all records are there.
func scan(client *kinesis.Kinesis, stream string, checkpoints consumer.Store, over *sync.Map, read *atomic.Int64, wanted int64) error {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	c, err := consumer.New(stream,
		consumer.WithClient(client),
		consumer.WithStore(checkpoints),
		consumer.WithShardIteratorType(kinesis.ShardIteratorTypeTrimHorizon),
		consumer.WithScanInterval(20*time.Millisecond),
		consumer.WithMaxRecords(50),
		consumer.WithShardClosedHandler(func(_, shard string) error {
			if _, before := over.LoadOrStore(shard, true); !before {
				stop()
			}
			return nil
		}))
	if err != nil {
		return err
	}
	err = c.Scan(ctx, func(r *consumer.Record) error {
		fmt.Printf("%s %s %s\n", r.ShardID, aws.StringValue(r.PartitionKey), r.Data)
		if read.Add(1) >= wanted {
			stop()
		}
		return nil
	})
	if context.Cause(ctx) == context.DeadlineExceeded {
		return fmt.Errorf("%d of %d records came within a minute", read.Load(), wanted)
	}
	return err
}
