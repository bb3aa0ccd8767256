// order-processor: takes orders and prints them.
using System.Text.Json.Serialization;

var host = Environment.GetEnvironmentVariable("APP_HOST") ?? "127.0.0.1";
var port = Environment.GetEnvironmentVariable("APP_PORT") ?? "7001";

var app = WebApplication.Create(args);

app.MapPost("/orders", (Order order) =>
{
    Console.WriteLine("Order received : " + order);
    return order.ToString();
});

await app.RunAsync($"http://{host}:{port}");

public record Order([property: JsonPropertyName("orderId")] int orderId);
