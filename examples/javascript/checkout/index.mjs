// checkout: sends an order a second through its sidecar.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const DAPR_HOST = process.env.DAPR_HOST ?? "http://localhost";
const DAPR_HTTP_PORT = process.env.DAPR_HTTP_PORT ?? "3500";

for (let i = 1; ; i++) {
  const order = JSON.stringify({ orderId: i });
  const headers = {
    "dapr-app-id": "order-processor", // the app that is called
    "content-type": "application/json",
    "x-order-id": String(i), // the order and its trace, for whoever watches
    "traceparent": `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-01`,
  };
  try {
    const res = await fetch(`${DAPR_HOST}:${DAPR_HTTP_PORT}/orders`, { method: "POST", body: order, headers });
    const answer = await res.text();
    console.log(res.ok ? `Order passed: ${order}` : `Order failed: ${order}: ${answer}`);
  } catch (e) {
    console.log(`Order failed: ${order}: ${e.cause ?? e}`);
  }
  await sleep(1000);
}
