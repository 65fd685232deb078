"""The AWS SDK's C runtime (awscrt) with its default chain. See tests/sdk/README.md for what it prints.

It has no client of any service: the call is built here, signed by it and sent as it is.
"""

import http.client
import io
import json
import os
import re
import sys
import urllib.parse

from awscrt.auth import AwsCredentialsProvider, AwsSignatureType, AwsSigningAlgorithm, AwsSigningConfig, aws_sign_request
from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpHeaders, HttpRequest

BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
# It gives up by itself long before; this is for what never comes.
SECONDS = 60


def ask(provider):
    endpoint = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL_STS"])
    # It looks for none itself.
    region = os.environ.get("AWS_REGION", "us-east-1")
    headers = {
        "Host": endpoint.netloc,
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": str(len(BODY)),
    }
    credentials = provider.get_credentials().result(SECONDS)
    request = HttpRequest("POST", "/", HttpHeaders(list(headers.items())), io.BytesIO(BODY))
    signing = AwsSigningConfig(
        algorithm=AwsSigningAlgorithm.V4,
        signature_type=AwsSignatureType.HTTP_REQUEST_HEADERS,
        credentials_provider=AwsCredentialsProvider.new_static(
            credentials.access_key_id, credentials.secret_access_key, credentials.session_token
        ),
        region=region,
        service="sts",
    )
    signed = aws_sign_request(request, signing).result(SECONDS)
    connection = http.client.HTTPConnection(endpoint.hostname, endpoint.port, timeout=SECONDS)
    connection.request("POST", "/", BODY, dict(signed.headers))
    answer = connection.getresponse()
    text = answer.read().decode()
    arn = re.search("<Arn>(.*)</Arn>", text)
    if answer.status != 200 or not arn:
        return {"error": f"{answer.status}: {text}"}
    line = {"access_key_id": credentials.access_key_id, "arn": arn.group(1)}
    if credentials.expiration:
        line["expiration"] = credentials.expiration.isoformat()
    return line


def answer(provider):
    try:
        line = ask(provider)
    except (AwsCrtError, OSError) as error:
        line = {"error": str(error)}
    print(json.dumps(line), flush=True)
    return "error" not in line


def main():
    provider = AwsCredentialsProvider.new_default_chain()
    if sys.argv[1:] == ["each"]:
        for _ in sys.stdin:
            answer(provider)
        return 0
    return 0 if answer(provider) else 1


if __name__ == "__main__":
    sys.exit(main())
