package main

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/halfopen/halfopen/apps/checkout"
	"github.com/halfopen/halfopen/apps/orderprocessor"
)

// newAppCommand is the role of the quickstart's apps.
func newAppCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:    "app",
		Short:  "run one of the quickstart's two apps",
		Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			return fmt.Errorf("app %s: want order-processor or checkout", strings.Join(args, " "))
		},
		Args: cobra.ArbitraryArgs,
	}
	cmd.AddCommand(newOrderProcessorCommand(), newCheckoutCommand())
	return cmd
}

func newOrderProcessorCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "order-processor",
		Short:   "take orders and echo them (APP_HOST, APP_PORT: where it listens, port 6001 by default)",
		Example: "  APP_PORT=6001 halfopen app order-processor",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			addr := net.JoinHostPort(os.Getenv("APP_HOST"), orDefault(os.Getenv("APP_PORT"), "6001"))
			return orderprocessor.Run(cmd.Context(), orderprocessor.Config{
				Listen: func() (net.Listener, error) { return net.Listen("tcp", addr) },
				Out:    cmd.OutOrStdout(),
			})
		},
	}
}

func newCheckoutCommand() *cobra.Command {
	c := checkout.Config{Dial: (&net.Dialer{}).DialContext}
	var headers []string
	cmd := &cobra.Command{
		Use:     "checkout",
		Short:   "send orders through the sidecar (DAPR_HTTP_ENDPOINT, or DAPR_HOST and DAPR_HTTP_PORT)",
		Example: "  DAPR_HTTP_PORT=3500 halfopen app checkout --to order-processor",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Out = cmd.OutOrStdout()
			c.Endpoint = endpoint(os.Getenv)
			var err error
			if c.Headers, err = readHeaders(headers); err != nil {
				return err
			}
			if c.Every <= 0 {
				c.Every = -1 // no pause; 0 would be the default
			}
			return checkout.Run(cmd.Context(), c)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.To, "to", "order-processor", "the app id that gets the orders")
	f.StringVar(&c.Method, "method", "POST", "HTTP method")
	f.StringVar(&c.Path, "path", "orders", "path to call")
	f.StringVar(&c.Body, "body", `{"orderId":{{.ID}}}`, "a template of each order's body")
	f.StringArrayVar(&headers, "header", nil, "a header, `NAME: VALUE` (may be repeated)")
	f.DurationVar(&c.Every, "every", time.Second, "the pause after each sending; 0 for none")
	f.IntVar(&c.Callers, "callers", 1, "how many send at once")
	f.DurationVar(&c.Timeout, "timeout", 0, "how long a sending may take; 0 for ever")
	f.StringVar(&c.Until, "until", "accepted", "accepted: send an order again until it is; or once")
	return cmd
}

// endpoint is where the sidecar answers, as Dapr's SDKs are told.
func endpoint(getenv func(string) string) string {
	at := orDefault(getenv("DAPR_HOST"), "http://localhost") + ":" + orDefault(getenv("DAPR_HTTP_PORT"), "3500")
	return orDefault(getenv("DAPR_HTTP_ENDPOINT"), at)
}

func readHeaders(texts []string) (map[string]string, error) {
	headers := map[string]string{}
	for _, h := range texts {
		name, value, ok := strings.Cut(h, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, fmt.Errorf("--header %q: want NAME: VALUE", h)
		}
		headers[name] = strings.TrimSpace(value)
	}
	return headers, nil
}

func orDefault(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
