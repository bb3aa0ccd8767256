// checkout: sends an order a second through its sidecar.
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

var baseURL = "http://localhost:" + (Environment.GetEnvironmentVariable("DAPR_HTTP_PORT") ?? "3500");

var client = new HttpClient { Timeout = Timeout.InfiniteTimeSpan }; // the sidecar may hold an order for as long as it retries
client.DefaultRequestHeaders.Add("dapr-app-id", "order-processor");

for (int i = 1; ; i++)
{
    var order = new Order(i);
    try
    {
        var content = new StringContent(JsonSerializer.Serialize(order), Encoding.UTF8, "application/json");
        var response = await client.PostAsync($"{baseURL}/orders", content);
        var answer = await response.Content.ReadAsStringAsync();
        Console.WriteLine(response.IsSuccessStatusCode ? "Order passed: " + order : $"Order failed: {order}: {answer}");
    }
    catch (HttpRequestException e)
    {
        Console.WriteLine($"Order failed: {order}: {e.Message}");
    }
    await Task.Delay(TimeSpan.FromSeconds(1));
}

public record Order([property: JsonPropertyName("orderId")] int OrderId);
