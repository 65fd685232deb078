// The AWS SDK for Go v1 with its default chain. See tests/sdk/README.md for what it prints.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"time"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/sts"
)

type line struct {
	AccessKeyID string `json:"access_key_id,omitempty"`
	Expiration  string `json:"expiration,omitempty"`
	ARN         string `json:"arn,omitempty"`
	Region      string `json:"region,omitempty"`
	Error       string `json:"error,omitempty"`
}

func ask(client *sts.STS) line {
	identity, err := client.GetCallerIdentity(nil)
	if err != nil {
		return line{Error: err.Error()}
	}
	used, err := client.Config.Credentials.Get()
	if err != nil {
		return line{Error: err.Error()}
	}
	answer := line{
		AccessKeyID: used.AccessKeyID,
		ARN:         aws.StringValue(identity.Arn),
		Region:      aws.StringValue(client.Config.Region),
	}
	if end, err := client.Config.Credentials.ExpiresAt(); err == nil {
		answer.Expiration = end.UTC().Format(time.RFC3339)
	}
	return answer
}

func main() {
	out := json.NewEncoder(os.Stdout)
	opened, err := session.NewSession()
	if err != nil {
		out.Encode(line{Error: err.Error()})
		os.Exit(1)
	}
	// It knows no variable for the endpoint.
	client := sts.New(opened, aws.NewConfig().WithEndpoint(os.Getenv("AWS_ENDPOINT_URL_STS")))
	if len(os.Args) > 1 && os.Args[1] == "each" {
		for input := bufio.NewScanner(os.Stdin); input.Scan(); {
			out.Encode(ask(client))
		}
		return
	}
	answer := ask(client)
	out.Encode(answer)
	if answer.Error != "" {
		os.Exit(1)
	}
}
