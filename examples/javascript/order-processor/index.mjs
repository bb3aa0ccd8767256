// order-processor: takes orders and prints them.
import { createServer } from "node:http";

const APP_PORT = process.env.APP_PORT ?? "5001";
const APP_HOST = process.env.APP_HOST ?? "127.0.0.1";

createServer(async (req, res) => {
  let body = "";
  for await (const chunk of req) body += chunk;
  console.log("Order received:", JSON.parse(body));
  res.end("OK");
}).listen(Number(APP_PORT), APP_HOST);
