"""Asks STS who the default chain's credentials belong to, and prints one JSON line.

With the argument `wait`, it first prints `ready` and waits for a line: what follows is not delayed by imports.
"""

import json
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError


def main():
    if sys.argv[1:] == ["wait"]:
        print("ready", flush=True)
        sys.stdin.readline()
    try:
        session = boto3.Session()
        client = session.client("sts", region_name=session.region_name or "us-east-1")
        line, code = {"arn": client.get_caller_identity()["Arn"]}, 0
        credentials = session.get_credentials()
        line["method"] = credentials.method
        line["access_key_id"] = credentials.access_key
    except (BotoCoreError, ClientError) as error:
        line, code = {"error": str(error)}, 1
    print(json.dumps(line), flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
