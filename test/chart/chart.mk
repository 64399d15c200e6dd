# SPDX-License-Identifier: Apache-2.0
#
# Tests of the Helm chart, as part of the Makefile.

.PHONY: test-chart

test-chart: ## Run the tests of the Helm chart
