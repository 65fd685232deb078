"""boto3 with its default chain. See tests/sdk/README.md for what it prints.

Two modes are its own and the Rust client's: `watch MS` asks by itself, so many milliseconds after each answer, until
standard input ends. And `wait` is `each` that prints `ready` first: what follows is not delayed by imports.
"""

import json
import sys
import threading
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError


class Client:
    """One session and one client, made at the first question: a client holds the credentials there are then."""

    def __init__(self):
        self.session = self.sts = None

    def ask(self):
        began = time.monotonic()
        try:
            self.session = self.session or boto3.Session()
            region = self.session.region_name or "us-east-1"
            self.sts = self.sts or self.session.client("sts", region_name=region)
            line = {"arn": self.sts.get_caller_identity()["Arn"], "region": region}
            credentials = self.session.get_credentials()
            line["method"] = credentials.method
            line["access_key_id"] = credentials.access_key
            # Only what refreshes has an end, which botocore keeps for itself.
            if end := getattr(credentials, "_expiry_time", None):
                line["expiration"] = end.isoformat()
        except (BotoCoreError, ClientError, RuntimeError) as error:
            line = {"error": f"{type(error).__name__}: {error}"}
        line["milliseconds"] = round((time.monotonic() - began) * 1000)
        print(json.dumps(line), flush=True)
        return "error" not in line


def watch(client, pause):
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while True:
        client.ask()
        if ended.wait(pause):
            return


def main(mode="once", milliseconds="200"):
    client = Client()
    if mode == "once":
        return 0 if client.ask() else 1
    if mode == "watch":
        watch(client, int(milliseconds) / 1000)
        return 0
    if mode == "wait":
        print("ready", flush=True)
    for _ in sys.stdin:
        client.ask()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
