# SPDX-License-Identifier: Apache-2.0
#
# What is released, as part of the Makefile.

.PHONY: test-image

test-image: ## Build the image and run its program in a container
