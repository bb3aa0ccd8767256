import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/** order-processor: takes orders and prints them. */
public class OrderProcessor {
    private static final Pattern ORDER_ID = Pattern.compile("\"orderId\"\\s*:\\s*\"?([^\",}\\s]+)");

    public static void main(String[] args) throws IOException {
        String host = System.getenv().getOrDefault("APP_HOST", "127.0.0.1");
        int port = Integer.parseInt(System.getenv().getOrDefault("APP_PORT", "9001"));
        HttpServer server = HttpServer.create(new InetSocketAddress(host, port), 0);
        server.createContext("/orders", exchange -> {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            var found = ORDER_ID.matcher(body);
            String orderId = found.find() ? found.group(1) : "none";
            System.out.println("Order received : " + orderId);
            byte[] answer = ("CID" + orderId).getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.start();
    }
}
