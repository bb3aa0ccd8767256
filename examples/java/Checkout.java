import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** checkout: sends an order a second through its sidecar. */
public class Checkout {
    private static final HttpClient httpClient = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_2)
            .connectTimeout(Duration.ofSeconds(10))
            .build();

    private static final String DAPR_HTTP_PORT = System.getenv().getOrDefault("DAPR_HTTP_PORT", "3500");

    public static void main(String[] args) throws InterruptedException {
        for (int orderId = 1; ; orderId++) {
            HttpRequest request = HttpRequest.newBuilder()
                    .POST(HttpRequest.BodyPublishers.ofString("{\"orderId\":" + orderId + "}"))
                    .uri(URI.create("http://localhost:" + DAPR_HTTP_PORT + "/orders"))
                    .header("Content-Type", "application/json")
                    .header("dapr-app-id", "order-processor")
                    .build();
            try {
                HttpResponse<String> response = httpClient.send(request, HttpResponse.BodyHandlers.ofString());
                String outcome = response.statusCode() == 200 ? "Order passed: " : "Order failed: " + response.body() + ": ";
                System.out.println(outcome + orderId);
            } catch (IOException e) {
                System.out.println("Order failed: " + e + ": " + orderId);
            }
            TimeUnit.MILLISECONDS.sleep(1000);
        }
    }
}
