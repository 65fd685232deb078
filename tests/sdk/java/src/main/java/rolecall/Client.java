package rolecall;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import software.amazon.awssdk.auth.credentials.AwsCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.sts.StsClient;

/** The AWS SDK for Java 2 with its default chain. See tests/sdk/README.md for what it prints. */
public final class Client {
    private final AwsCredentialsProvider credentials = DefaultCredentialsProvider.builder().build();
    private final StsClient sts = StsClient.builder().credentialsProvider(credentials).build();

    private Client() {}

    public static void main(String[] arguments) throws IOException {
        try {
            Client client = new Client();
            if (arguments.length > 0 && arguments[0].equals("each")) {
                BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
                while (lines.readLine() != null) {
                    client.ask();
                }
            } else if (!client.ask()) {
                System.exit(1);
            }
        } catch (SdkException exception) {
            // Without a region there is no client at all.
            print("error", exception.toString());
            System.exit(1);
        }
    }

    private boolean ask() {
        try {
            String arn = sts.getCallerIdentity().arn();
            AwsCredentials used = credentials.resolveCredentials();
            String region = sts.serviceClientConfiguration().region().id();
            String end = used.expirationTime().map(Object::toString).orElse("");
            print("access_key_id", used.accessKeyId(), "arn", arn, "region", region, "expiration", end);
            return true;
        } catch (SdkException | IllegalStateException exception) {
            print("error", causes(exception));
            return false;
        }
    }

    private static String causes(Throwable exception) {
        StringBuilder text = new StringBuilder();
        for (Throwable each = exception; each != null; each = each.getCause()) {
            text.append(text.isEmpty() ? "" : ": ").append(each.getMessage());
        }
        return text.toString();
    }

    private static void print(String... members) {
        StringBuilder line = new StringBuilder();
        for (int index = 0; index < members.length; index += 2) {
            if (!members[index + 1].isEmpty()) {
                line.append(line.isEmpty() ? "{" : ",");
                line.append(quote(members[index])).append(':').append(quote(members[index + 1]));
            }
        }
        System.out.println(line.append('}'));
    }

    private static String quote(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char each : text.toCharArray()) {
            if (each == '"' || each == '\\') {
                quoted.append('\\').append(each);
            } else if (each < ' ') {
                quoted.append(String.format("\\u%04x", (int) each));
            } else {
                quoted.append(each);
            }
        }
        return quoted.append('"').toString();
    }
}
