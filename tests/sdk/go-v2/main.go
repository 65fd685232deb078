// The AWS SDK for Go v2 with its default chain. See tests/sdk/README.md for what it prints.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

type line struct {
	AccessKeyID string `json:"access_key_id,omitempty"`
	Expiration  string `json:"expiration,omitempty"`
	ARN         string `json:"arn,omitempty"`
	Region      string `json:"region,omitempty"`
	Error       string `json:"error,omitempty"`
}

func ask(settings aws.Config, client *sts.Client) line {
	ctx := context.Background()
	identity, err := client.GetCallerIdentity(ctx, nil)
	if err != nil {
		return line{Error: err.Error()}
	}
	used, err := settings.Credentials.Retrieve(ctx)
	if err != nil {
		return line{Error: err.Error()}
	}
	answer := line{AccessKeyID: used.AccessKeyID, ARN: aws.ToString(identity.Arn), Region: settings.Region}
	if used.CanExpire {
		answer.Expiration = used.Expires.UTC().Format(time.RFC3339)
	}
	return answer
}

func main() {
	out := json.NewEncoder(os.Stdout)
	// As Terraform asks for it: without a region of its own it takes the instance's.
	settings, err := config.LoadDefaultConfig(context.Background(), config.WithEC2IMDSRegion())
	if err != nil {
		out.Encode(line{Error: err.Error()})
		os.Exit(1)
	}
	client := sts.NewFromConfig(settings)
	if len(os.Args) > 1 && os.Args[1] == "each" {
		for input := bufio.NewScanner(os.Stdin); input.Scan(); {
			out.Encode(ask(settings, client))
		}
		return
	}
	answer := ask(settings, client)
	out.Encode(answer)
	if answer.Error != "" {
		os.Exit(1)
	}
}
