// What Terraform's provider and Confluent's command line do, by the client that both are built on. Prints what it saw
// as JSON; ends at the first answer that the client does not understand.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	rest "github.com/confluentinc/ccloud-sdk-go-v2/kafkarest/v3"
)

func must[T any](answer T, response *http.Response, err error) T {
	if err != nil {
		status := "no answer"
		if response != nil {
			status = response.Status
		}
		fmt.Fprintln(os.Stderr, status, err)
		os.Exit(1)
	}
	return answer
}

func done(response *http.Response, err error) { must(0, response, err) }

func main() {
	url, cluster := os.Args[1], os.Args[2]
	configuration := rest.NewConfiguration()
	configuration.Servers = rest.ServerConfigurations{{URL: url}}
	client := rest.NewAPIClient(configuration)
	ctx := context.WithValue(context.Background(), rest.ContextBasicAuth, rest.BasicAuth{UserName: "key", Password: "secret"})
	topic := "orders"

	must(client.ClusterV3Api.GetKafkaCluster(ctx, cluster).Execute())
	three, retention := int32(3), "60000"
	wanted := rest.CreateTopicRequestData{
		TopicName:       topic,
		PartitionsCount: &three,
		Configs:         &[]rest.CreateTopicRequestDataConfigs{{Name: "retention.ms", Value: *rest.NewNullableString(&retention)}},
	}
	created := must(client.TopicV3Api.CreateKafkaTopic(ctx, cluster).CreateTopicRequestData(wanted).Execute())
	must(client.TopicV3Api.GetKafkaTopic(ctx, cluster, topic).Execute())
	grown := must(client.TopicV3Api.UpdatePartitionCountKafkaTopic(ctx, cluster, topic).
		UpdatePartitionCountRequestData(rest.UpdatePartitionCountRequestData{PartitionsCount: 4}).Execute())
	topics := must(client.TopicV3Api.ListKafkaTopics(ctx, cluster).Execute())

	value := "2000"
	alter := rest.AlterConfigBatchRequestData{Data: []rest.AlterConfigBatchRequestDataData{
		{Name: "max.message.bytes", Value: *rest.NewNullableString(&value)},
	}}
	done(client.ConfigsV3Api.UpdateKafkaTopicConfigBatch(ctx, cluster, topic).AlterConfigBatchRequestData(alter).Execute())
	configs := must(client.ConfigsV3Api.ListKafkaTopicConfigs(ctx, cluster, topic).Execute())
	one := must(client.ConfigsV3Api.GetKafkaTopicConfig(ctx, cluster, topic, "max.message.bytes").Execute())
	done(client.ConfigsV3Api.UpdateKafkaTopicConfig(ctx, cluster, topic, "retention.ms").
		UpdateConfigRequestData(rest.UpdateConfigRequestData{Value: *rest.NewNullableString(&value)}).Execute())
	done(client.ConfigsV3Api.DeleteKafkaTopicConfig(ctx, cluster, topic, "retention.ms").Execute())
	must(client.ConfigsV3Api.ListKafkaAllTopicConfigs(ctx, cluster).Execute())
	must(client.ConfigsV3Api.ListKafkaClusterConfigs(ctx, cluster).Execute())

	partitions := must(client.PartitionV3Api.ListKafkaPartitions(ctx, cluster, topic).Execute())
	must(client.PartitionV3Api.GetKafkaPartition(ctx, cluster, topic, 0).Execute())

	json_, text := "JSON", "STRING"
	var data, key any = map[string]any{"id": 1}, "c9"
	zero := int32(0)
	record := rest.ProduceRequest{
		PartitionId: *rest.NewNullableInt32(&zero),
		Key:         *rest.NewNullableProduceRequestData(&rest.ProduceRequestData{Type: &text, Data: &key}),
		Value:       *rest.NewNullableProduceRequestData(&rest.ProduceRequestData{Type: &json_, Data: &data}),
	}
	produced := must(client.RecordsV3Api.ProduceRecords(ctx, cluster, topic).ProduceRequest(record).Execute())

	groups := must(client.ConsumerGroupV3Api.ListKafkaConsumerGroups(ctx, cluster).Execute())
	group := must(client.ConsumerGroupV3Api.GetKafkaConsumerGroup(ctx, cluster, "billing").Execute())
	must(client.ConsumerGroupV3Api.ListKafkaConsumers(ctx, cluster, "billing").Execute())
	lags := must(client.ConsumerGroupV3Api.ListKafkaConsumerLags(ctx, cluster, "billing").Execute())
	must(client.PartitionV3Api.GetKafkaConsumerLag(ctx, cluster, "billing", "read", 0).Execute())
	summary := must(client.ConsumerGroupV3Api.GetKafkaConsumerGroupLagSummary(ctx, cluster, "billing").Execute())

	_, aclStatus, aclError := client.ACLV3Api.GetKafkaAcls(ctx, cluster).Execute()
	done(client.TopicV3Api.DeleteKafkaTopic(ctx, cluster, topic).Execute())
	_, gone, _ := client.TopicV3Api.GetKafkaTopic(ctx, cluster, topic).Execute()

	seen := map[string]any{
		"created":    created.PartitionsCount,
		"grown":      grown.PartitionsCount,
		"topics":     len(topics.Data),
		"configs":    len(configs.Data) > 5,
		"config":     one.Value.Get(),
		"partitions": len(partitions.Data),
		"offset":     produced.Offset,
		"groups":     len(groups.Data),
		"state":      group.State,
		"lags":       lags.Data[0].Lag,
		"total":      summary.TotalLag,
		"acls":       []any{aclStatus.StatusCode, aclError != nil},
		"gone":       gone.StatusCode,
	}
	if err := json.NewEncoder(os.Stdout).Encode(seen); err != nil {
		panic(err)
	}
}
