module weir/tools/kinesisreader

go 1.26.0

require (
	github.com/aws/aws-sdk-go v1.33.7
	github.com/harlow/kinesis-consumer v0.3.5
)

require (
	github.com/awslabs/kinesis-aggregation/go v0.0.0-20200810181507-d352038274c0 // indirect
	github.com/golang/protobuf v1.4.2 // indirect
	github.com/jmespath/go-jmespath v0.3.0 // indirect
	google.golang.org/protobuf v1.23.0 // indirect
)
