// The AWS SDK for JavaScript 3 with its default chain. See tests/sdk/README.md for what it prints.
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { createInterface } from "node:readline";

const client = new STSClient({});

async function ask() {
  try {
    const { Arn } = await client.send(new GetCallerIdentityCommand({}));
    const used = await client.config.credentials();
    return {
      access_key_id: used.accessKeyId,
      expiration: used.expiration?.toISOString(),
      arn: Arn,
      region: await client.config.region(),
    };
  } catch (error) {
    return { error: `${error.name}: ${error.message}` };
  }
}

async function answer() {
  const line = await ask();
  console.log(JSON.stringify(line));
  return line.error === undefined;
}

if (process.argv[2] === "each") {
  for await (const _ of createInterface({ input: process.stdin })) {
    await answer();
  }
} else if (!(await answer())) {
  process.exitCode = 1;
}
