// SPDX-License-Identifier: Apache-2.0

package live

import (
	"bytes"
	"net/http"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// scrape returns what the agent exposes, by name.
func (a *agent) scrape() (map[string]*dto.MetricFamily, error) {
	body, err := a.read(http.MethodGet, "/metrics")
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	return parser.TextToMetricFamilies(bytes.NewReader(body))
}
