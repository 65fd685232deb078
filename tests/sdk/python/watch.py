"""Asks STS again and again, with one client, until standard input ends; prints one JSON line a call.

The argument is the number of milliseconds from one answer to the next question (200).
"""

import json
import sys
import threading
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError


def main():
    pause = int(sys.argv[1] if len(sys.argv) > 1 else "200") / 1000
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    session = boto3.Session()
    client = session.client("sts", region_name=session.region_name or "us-east-1")
    while not ended.is_set():
        began = time.monotonic()
        try:
            line = {"arn": client.get_caller_identity()["Arn"]}
            line["access_key_id"] = session.get_credentials().access_key
        except (BotoCoreError, ClientError) as error:
            line = {"error": str(error)}
        line["milliseconds"] = round((time.monotonic() - began) * 1000)
        print(json.dumps(line), flush=True)
        ended.wait(pause)


if __name__ == "__main__":
    main()
