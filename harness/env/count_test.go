package env_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/env"
)

// As daprd 1.18.3 was recorded to tell it.
func TestFiguresAreReadByMetricAndLabels(t *testing.T) {
	metrics := `# TYPE dapr_runtime_service_invocation_req_sent_total counter
dapr_resiliency_loaded{app_id="checkout",name="myresiliency",namespace=""} 1
dapr_runtime_service_invocation_req_sent_total{app_id="checkout",dst_app_id="order-processor",type="unary"} 14
dapr_runtime_service_invocation_req_sent_total{app_id="checkout",dst_app_id="stock",type="unary"} 1e+06
dapr_runtime_service_invocation_res_recv_total{app_id="checkout",src_app_id="order-processor",status="200",type="unary"} 4
`
	const sent = "dapr_runtime_service_invocation_req_sent_total"
	calls := func(target string) map[string]string {
		return map[string]string{"app_id": "checkout", "dst_app_id": target, "type": "unary"}
	}
	figures, err := env.Figures([]byte(metrics), sent, "dapr_resiliency_loaded")
	require.NoError(t, err)
	require.Equal(t, []env.Figure{
		{Name: "dapr_resiliency_loaded", Labels: map[string]string{"app_id": "checkout", "name": "myresiliency", "namespace": ""}, Value: 1},
		{Name: sent, Labels: calls("order-processor"), Value: 14},
		{Name: sent, Labels: calls("stock"), Value: 1e6},
	}, figures)
	figures, err = env.Figures(nil, sent)
	require.NoError(t, err)
	require.Empty(t, figures)
	_, err = env.Figures([]byte("not a metric\n"), sent)
	require.ErrorContains(t, err, "read metrics")
}
